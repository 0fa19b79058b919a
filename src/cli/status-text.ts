/** `core sidecar status` for people: the verdict, what to do, then the facts. Pure. */
import type { ErrorView, Status, WaitingView } from '../control/api.ts';
import { plain } from './plain.ts';
import { progressText } from './progress.ts';
import { fleetRows } from './status-fleet.ts';
import { rowText, type Row } from './status-row.ts';
import { verdictOf } from './status-verdict.ts';
import type { Style } from './style.ts';
import { instant, relative, span, when } from './time.ts';
import { waitedFor } from './waiting-text.ts';

const INSTANT = /\d{4}-\d\d-\d\dT[\d:.]+Z/g;
const DIGEST_SHOWN = 12;

/** As much of a release digest as people need. */
export function shortDigest(digest: string): string {
  return plain(digest).slice(0, DIGEST_SHOWN);
}

const errorLines = ({ code, message, next }: ErrorView, before = ''): string[] => [
  `${before}${plain(message)} [${code}]`,
  `→ ${plain(next)}`,
];

function* troubles(status: Status, now: number): Generator<Row> {
  const { paused, disabled, last_error: last, warnings, updater: program } = status;
  if (program.development_keys)
    yield {
      name: '!!!',
      lines: ['DEVELOPMENT KEYS: this program trusts throw-away keys; never use it in production'],
      tone: 'bad',
    };
  if (paused !== null)
    yield paused.code === 'UPDATES_PAUSED'
      ? // The table's advice is to look at the status: this is the status.
        {
          name: 'PAUSED',
          lines: [plain(paused.message), '→ `core sidecar resume` lets automatic updates go on'],
          tone: 'warn',
        }
      : { name: 'PAUSED', lines: errorLines(paused), tone: 'bad' };
  if (disabled !== null) yield { name: 'DISABLED', lines: [plain(disabled)], tone: 'warn' };
  if (last !== null)
    yield {
      name: 'last error',
      lines: errorLines(last, `${when(last.at, now)}: `),
      tone: status.state === 'failed' ? 'bad' : 'warn',
    };
  if (warnings.length > 0)
    yield {
      name: 'warnings',
      lines: warnings.flatMap((warning) => errorLines(warning, `${when(warning.at, now)}: `)),
      tone: 'warn',
    };
}

/** What the update in `waiting` waits for, and what to type. */
function waitingRow({ for: what, reason, until }: WaitingView, to: string | null, now: number): Row {
  const said = plain(reason).replace(INSTANT, instant);
  const name = to === null ? '' : ` ${plain(to)}`;
  if (what === 'approval')
    return {
      name: 'waiting',
      lines: [`for an approval: ${said}`, `→ \`core sidecar approve${name}\``],
      tone: 'warn',
    };
  const left = until === null ? '' : `, ${relative(until, now)}`;
  return {
    name: 'waiting',
    lines:
      what === 'window'
        ? [`for ${waitedFor({ for: what })}: ${said}${left}`]
        : [
            `for ${waitedFor({ for: what })}: ${said}`,
            `→ nothing to do: it is asked for again${until === null ? ' by itself' : ` ${relative(until, now)}`}`,
          ],
  };
}

/** When the maintenance window opens, or closes. */
export function windowText(
  { open, opens_at, closes_at }: NonNullable<Status['window']>,
  now: number,
): string {
  if (open) return closes_at === null ? 'open, and never closes' : `open, closes ${when(closes_at, now)}`;
  return opens_at === null ? 'closed, and never opens' : `closed, opens ${when(opens_at, now)}`;
}

function* running(status: Status, now: number): Generator<Row> {
  const { workload, progress, attempt, watching, waiting, window, state_since: since } = status;
  if (status.state !== 'idle')
    yield {
      name: 'attempt',
      lines: [
        [
          plain(attempt ?? '(start-up)'),
          `in ${status.state}${since === undefined ? '' : ` for ${span(now - Date.parse(since))}`}`,
          ...(progress === null ? [] : [progressText(progress)]),
        ].join(', '),
      ],
    };
  if (waiting !== null) yield waitingRow(waiting, status.to, now);
  if (window !== null) yield { name: 'window', lines: [windowText(window, now)] };
  yield {
    name: 'workload',
    lines: [
      [
        `${plain(workload.state)} ${plain(workload.version ?? '')}`.trim(),
        ...(workload.pid === null ? [] : [`pid ${String(workload.pid)}`]),
        ...(workload.started_at === null ? [] : [`started ${when(workload.started_at, now)}`]),
        `restarts ${String(workload.restarts)}`,
        ...(workload.last_exit === null ? [] : [`last exit: ${plain(workload.last_exit)}`]),
      ].join(', '),
    ],
  };
  if (watching !== null)
    yield {
      name: 'watching',
      lines: [
        `${plain(watching.version)} for a crash loop, which would lead back to ${plain(watching.back_to)}`,
      ],
    };
}

function* versions(status: Status, now: number): Generator<Row> {
  const { current, quarantine, version_floor: floor } = status;
  const shown = status.versions.map(({ version, digest, committed_at: at, current: isCurrent }) => ({
    version: plain(version),
    rest: [
      digest === null ? '' : shortDigest(digest),
      at === null ? 'never committed' : `committed ${when(at, now)}`,
      ...(isCurrent ? ['← current'] : []),
    ].join('  '),
  }));
  if (current.digest === null)
    shown.unshift({ version: plain(current.version), rest: 'there before any update  ← current' });
  const width = Math.max(...shown.map(({ version }) => version.length));
  yield { name: 'versions', lines: shown.map(({ version, rest }) => `${version.padEnd(width)}  ${rest}`) };
  if (floor !== null) yield { name: 'floor', lines: [`${plain(floor.version)}: ${plain(floor.because)}`] };
  if (quarantine.length > 0)
    yield { name: 'quarantine', lines: quarantineLines(quarantine, now), tone: 'warn' };
}

/**
 * The releases that failed here, with their evidence.
 *
 * @param now - ms since 1970
 */
export function quarantineLines(entries: Status['quarantine'], now: number): string[] {
  return entries.flatMap(({ version, role, digest, at, reason, evidence }) => [
    `${role === 'daemon' ? 'daemon ' : ''}${plain(version)}  ${shortDigest(digest)}  ${when(at, now)}`,
    `  ${plain(reason.message)} [${reason.code}]`,
    ...evidence.map((seen) => `  - ${plain(seen)}`),
    `  → a newer release, or \`core sidecar quarantine clear ${plain(version)}\``,
  ]);
}

/** A daemon on trial, at night: what it is about, and that nobody has to do anything. */
function trialText({ version, starts, acknowledged }: NonNullable<Status['updater']['trial']>): string {
  const how = acknowledged
    ? 'is up and on probation: it is trusted after it stayed up for a while'
    : 'is starting, and has not said yet that it is up';
  const times = starts > 1 ? ` (start ${String(starts)} of 3)` : '';
  return `the daemon of ${plain(version)} ${how}${times}; if it fails, the one before it runs again by itself`;
}

function* updater(status: Status, now: number): Generator<Row> {
  const { channel, feed_url: feed, next_check_at: next, next_check_why: why, held_back: held } = status;
  if (held !== null)
    yield {
      name: 'held back',
      lines: [
        `${plain(held.reason).replace(INSTANT, instant)}${held.until === null ? '' : `, ${relative(held.until, now)}`}`,
      ],
      tone: 'warn',
    };
  yield {
    name: 'next check',
    lines: [next === null ? `none: ${plain(why)}` : `${when(next, now)}, ${plain(why)}`],
  };
  yield {
    name: 'channel',
    lines: [
      `${channel}${channel === 'manual' ? ', nothing is fetched by itself' : `, ${plain(feed ?? 'no feed')}`}`,
    ],
  };
  for (const { url, put_back_until: until, fault } of status.mirrors ?? [])
    if (until !== null)
      yield {
        name: 'mirror',
        lines: [
          `${plain(url)} is put back until ${when(until, now)}`,
          ...(fault === null ? [] : [`${plain(fault.message)} [${fault.code}]`]),
        ],
        tone: 'warn',
      };
  const { version, commit, key_ids: keys } = status.updater;
  const { from, trial, failed } = status.updater;
  const known =
    keys.length === 0 ? 'NO KEYS: every update is refused' : `keys ${keys.map(shortDigest).join(' ')}`;
  const origin = from === null ? '' : `, brought by release ${plain(from)}`;
  yield { name: 'updater', lines: [`${plain(version)} (commit ${plain(commit)})${origin}, ${known}`] };
  if (trial !== null) yield { name: 'daemon', lines: [trialText(trial)], tone: 'warn' };
  else if (failed !== null)
    yield {
      name: 'daemon',
      lines: [
        `the daemon of ${plain(failed.version)} failed ${when(failed.at, now)}: ${plain(failed.message)} [${failed.code}]`,
        `→ nothing to do: ${plain(version)} runs, and a newer release brings another`,
      ],
      tone: 'warn',
    };
}

/**
 * `core sidecar status` for people.
 *
 * @param status - as the control API gives it
 * @param now - ms since 1970, for how long ago things were
 * @param style - the emphasis
 * @returns lines without a line break at the end
 */
export function statusText(status: Status, now: number, style: Style): string {
  const { tone, text } = verdictOf(status, now);
  // The daemon's sentence is for programs too: instants without fractions are enough for people.
  const next = plain(status.next_action).replace(INSTANT, instant);
  const rows = [
    ...troubles(status, now),
    ...running(status, now),
    ...versions(status, now),
    ...updater(status, now),
    ...fleetRows(status, now),
  ];
  return [style[tone](text), `next: ${next}`, '', ...rows.map((row) => rowText(row, style))].join('\n');
}
