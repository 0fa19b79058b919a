/** `core fleet` for people. Pure. */
import type { FleetHostView, FleetRolloutView, FleetView } from '../control/api.ts';
import type { ControllerEvent } from '../fleet/controller.ts';
import { plain } from './plain.ts';
import type { Style } from './style.ts';
import { tableLines } from './table.ts';
import { instant, relative } from './time.ts';

const titled = ([head = '', ...rows]: readonly string[], style: Style): string[] => [
  style.bold(head),
  ...rows,
];
const count = (many: number, one: string): string => `${String(many)} ${one}${many === 1 ? '' : 's'}`;

/** The hosts, a line each. */
export function hostsText(hosts: readonly FleetHostView[], now: number, style: Style): string {
  if (hosts.length === 0) return 'no host is there';
  const rows = hosts.map(({ group, host, version, state, target, outbox, seen_at, paused }) => [
    plain(group),
    plain(host),
    plain(version),
    `${plain(state)}${target === null ? '' : ` → ${plain(target)}`}${paused ? ', paused' : ''}`,
    outbox === 0 ? '-' : String(outbox),
    relative(seen_at, now),
  ]);
  return titled(tableLines([['group', 'host', 'version', 'state', 'unsent', 'seen'], ...rows]), style).join(
    '\n',
  );
}

function haltLine({ halted }: FleetRolloutView, style: Style): string[] {
  if (halted === null) return [];
  const until = halted.until === null ? '' : `, until ${instant(halted.until)}`;
  return [
    style.bad(`  HALTED by ${plain(halted.by)} at ${instant(halted.at)}${until}: ${plain(halted.reason)}`),
  ];
}

/** How far releases are, a table each. */
export function rolloutsText(rollouts: readonly FleetRolloutView[], style: Style): string {
  if (rollouts.length === 0) return 'no release is under way';
  return rollouts
    .map((rollout) => {
      const { version, digests, groups } = rollout;
      const rows = groups.map(
        ({ group, committed, failed, updating, pending }) =>
        [plain(group), ...[committed, failed, updating, pending].map(String)], // prettier-ignore
      );
      const table = tableLines([['group', 'committed', 'went back', 'updating', 'pending'], ...rows]);
      const shown = digests.map((digest) => digest.slice(0, 12)).join(', ');
      return [
        `${style.bold(plain(version))}${shown === '' ? '' : style.dim(`  ${shown}`)}`,
        ...haltLine(rollout, style),
        ...table.map((line) => `  ${line}`),
      ].join('\n');
    })
    .join('\n\n');
}

/** The fleet at a glance. */
export function fleetText(
  { product, hosts, running, rollouts, outcomes, at }: FleetView,
  style: Style,
): string {
  const now = Date.parse(at);
  const halted = rollouts.filter((rollout) => rollout.halted !== null);
  const lines = [
    `${style.bold(plain(product))}: ${count(hosts.present, 'host')}${hosts.lost > 0 ? style.warn(`, ${String(hosts.lost)} lost`) : ''}` +
      (hosts.stopped > 0 ? `, ${String(hosts.stopped)} stopped` : ''),
    halted.length === 0
      ? style.good('no rollout is halted')
      : style.bad(
          `halted: ${halted.map(({ version }) => plain(version)).join(', ')} (see \`core fleet rollout\`)`,
        ),
  ];
  if (running.length > 0)
    lines.push(
      '',
      ...titled(
        tableLines([
          ['version', 'group', 'hosts'],
          ...running.map(({ version, group, hosts: many }) => [plain(version), plain(group), String(many)]),
        ]),
        style,
      ),
    );
  const last = outcomes
    .slice(0, 5)
    .map((outcome) => [
      relative(outcome.at, now),
      `${plain(outcome.group)}/${plain(outcome.host)}`,
      `${plain(outcome.from ?? '?')} → ${plain(outcome.to ?? '?')}`,
      plain(outcome.outcome),
      plain(outcome.code ?? '-'),
    ]);
  if (last.length > 0)
    lines.push('', ...titled(tableLines([['last', 'host', 'from → to', 'outcome', 'code'], ...last]), style));
  return lines.join('\n');
}

/** What a controller says, a line each. */
export function controllerText(event: ControllerEvent): string {
  switch (event.kind) {
    case 'ready':
      return `ready: ${count(event.outcomes, 'outcome')} read, ${count(event.halted, 'release')} halted`;
    case 'outcome': {
      const { group, host, from, to, outcome, error } = event.outcome;
      const code = error === null ? '' : ` [${plain(error.code)}]`;
      return `${plain(group)}/${plain(host)}: ${plain(from ?? '?')} → ${plain(to ?? '?')}: ${plain(outcome)}${code}`;
    }
    case 'unreadable':
      return `passed over: message ${String(event.seq)} of ${plain(event.subject)} is no outcome`;
    case 'ordered':
      return `${event.order.action} ${plain(event.order.release.version)} by ${plain(event.order.iss)}: ${plain(event.order.reason)}`;
    case 'refused':
      return `not obeyed: an order for ${event.digest.slice(0, 12)}: ${plain(event.error.message)}`;
    case 'decided':
      return `to be halted: ${plain(event.version)}: ${plain(event.decision.reason)}`;
    case 'lost':
      return `NATS is away: ${plain(event.error.message)}; it is tried again`;
  }
}

/** What a controller says, for programs. */
export function controllerRow(event: ControllerEvent): Record<string, unknown> {
  switch (event.kind) {
    case 'ready':
    case 'unreadable':
      return { ...event };
    case 'outcome': {
      const { group, host, from, to, outcome, error, id, digest } = event.outcome;
      return { kind: event.kind, id, group, host, from, to, digest, outcome, code: error?.code ?? null };
    }
    case 'ordered': {
      const { action, release, reason, iss } = event.order;
      return { kind: event.kind, action, ...release, by: iss, reason };
    }
    case 'refused':
      return { kind: event.kind, digest: event.digest, code: event.error.code, message: event.error.message };
    case 'decided': {
      const { because, reason } = event.decision;
      const { version, digest, kind } = event;
      return { kind, version, digest, reason, ...because };
    }
    case 'lost':
      return { kind: event.kind, code: event.error.code, message: event.error.message };
  }
}
