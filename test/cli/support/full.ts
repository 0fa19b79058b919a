/** A daemon whose every answer has every field set, and what the JSON of each command is made of. */
import type { LogView } from '../../../src/control/api.ts';
import { ago, DIGEST, sampleAttempt, sampleStatus } from '../../control/support/samples.ts';
import { ended, viewOf } from '../../control/support/scripted-api.ts';
import { coreWithDaemon } from './core.ts';
import type { Script } from './fake-client.ts';

const error = viewOf('PROBE_TIMEOUT', 'HTTP 500');
const quarantine = [
  {
    digest: DIGEST.bad,
    role: 'release' as const,
    version: '1.2.0',
    at: ago(9),
    reason: error,
    evidence: ['seen'],
  },
];
const log: LogView = { at: ago(1), level: 'warn', message: 'm', attempt: 'a1', code: 'BUSY' };
const window = { open: false, opens_at: ago(-60), closes_at: null };

export const FULL: Script = {
  status: sampleStatus({
    state: 'waiting',
    state_since: ago(60),
    attempt: 'a2',
    from: '1.1.0',
    to: '1.2.0',
    progress: {
      kind: 'download',
      received_bytes: 1,
      total_bytes: 2,
      bytes_per_second: 1,
      seconds_left: 1,
    },
    last_error: { ...error, at: ago(9) },
    held_back: { version: '1.2.0', reason: 'not yet', until: ago(-60) },
    waiting: { for: 'window', reason: 'closed', until: ago(-60) },
    window,
    paused: viewOf('UPDATES_PAUSED', 'an operator paused updates'),
    disabled: 'CORESDK_UPDATE_DISABLED is set',
    watching: { version: '1.1.0', back_to: '1.0.0' },
    quarantine,
    last_attempt: sampleAttempt({ error }),
    mirrors: [{ url: 'https://mirror.example/', failures: 1, put_back_until: ago(-60), fault: error }],
    fleet: {
      group: 'default',
      host: 'web-1',
      link: { connected: false, server: null, since: ago(60), fault: 'refused' },
      outbox: 1,
      halts: [{ version: '1.2.0', by: 'ops', at: ago(9), reason: 'too many went back' }],
    },
    updater: {
      ...sampleStatus().updater,
      from: '1.1.0',
      trial: { version: '1.1.0', starts: 1, acknowledged: true },
      failed: { ...error, version: '1.0.9', at: ago(9) },
    },
    warnings: [{ ...viewOf('HEAD_STALE', 'm'), at: ago(1) }],
  }),
  looks: [
    ended('available', 'checking', '1.2.0 is available', { code: 'HELD_BACK', from: '1.1.0', to: '1.2.0' }),
  ],
  history: [sampleAttempt({ error })],
  quarantine,
  logs: [log],
  config: [{ key: 'update.approval', value: 'required', from: 'default' }],
};

/** Each command that prints JSON, without `core sidecar`. */
export const JSON_COMMANDS = [
  'status --json',
  'history --json',
  'versions --json',
  'quarantine list --json',
  'config --json',
  'logs --json',
  'doctor --json',
  'update --json',
  'update --check --json',
  'update --dry-run --json',
  'update --no-wait --json',
  'rollback --json',
] as const;

function* pathsIn(value: unknown, path: string): Generator<string> {
  if (path !== '') yield path;
  if (Array.isArray(value)) for (const each of value) yield* pathsIn(each, `${path}[]`);
  else if (typeof value === 'object' && value !== null)
    for (const [key, each] of Object.entries(value))
      yield* pathsIn(each, path === '' ? key : `${path}.${key}`);
}

/** The fields of the JSON that a command prints, such as `last_error.code` and `versions[].digest`. */
export async function jsonFields(command: string): Promise<string[]> {
  const { out } = await coreWithDaemon(command.split(' '), FULL);
  const paths = [...pathsIn(JSON.parse(out) as unknown, '')].filter((path) => !path.endsWith('[]'));
  return [...new Set(paths)].sort();
}
