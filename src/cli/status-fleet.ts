/** A host's part in its fleet, as `core sidecar status` tells it: the connection, what waits to be sent, what is halted. Pure. */
import type { HostFleetView, Status } from '../control/api.ts';
import { plain } from './plain.ts';
import type { Row } from './status-row.ts';
import { when } from './time.ts';

/** Outcomes that wait are counted up to here. */
const COUNTED = 1000;

function unsent(outbox: number): string {
  const many = outbox >= COUNTED ? `${String(COUNTED)} or more` : String(outbox);
  return `${many} ${outbox === 1 ? 'outcome waits' : 'outcomes wait'} to be sent`;
}

function linkRow({ group, host, link, outbox }: HostFleetView, now: number): Row {
  const name = `${plain(host)} of group ${plain(group)}`;
  const waits = outbox === 0 ? [] : [unsent(outbox)];
  if (link === null) return { name: 'fleet', lines: [name] };
  const since = when(link.since, now);
  if (link.connected) {
    const server = link.server === null ? '' : ` at ${plain(link.server)}`;
    return { name: 'fleet', lines: [[`${name}, NATS${server}, since ${since}`, ...waits].join(', ')] };
  }
  if (link.fault === null) return { name: 'fleet', lines: [`${name}, NATS is not connected yet`] };
  return {
    name: 'fleet',
    lines: [
      [`${name}, NATS IS AWAY, since ${since}`, ...waits].join(', '),
      plain(link.fault),
      '→ nothing to do here: the workload runs on, the feed is asked as ever, and what waits is sent once NATS is back',
    ],
    tone: 'warn',
  };
}

/**
 * The rows of the fleet; none where no fleet is configured.
 *
 * @param now - ms since 1970
 */
export function* fleetRows({ fleet }: Pick<Status, 'fleet'>, now: number): Generator<Row> {
  if (fleet === null) return;
  yield linkRow(fleet, now);
  for (const { version, by, at, reason } of fleet.halts)
    yield {
      name: 'halted',
      lines: [
        `${plain(version)}, by ${plain(by)} ${when(at, now)}: ${plain(reason)}`,
        `→ nothing to do here; \`core fleet rollout ${plain(version)}\` says how far it came, \`core fleet resume ${plain(version)} --reason TEXT --key FILE\` lets it go on`,
      ],
      tone: 'warn',
    };
}
