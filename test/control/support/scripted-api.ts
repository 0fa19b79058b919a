import { ERROR_CODES, type ErrorCode } from '../../../src/error-codes.ts';
import { UpdateError } from '../../../src/errors.ts';
import type { AttemptProgress, ControlApi, ErrorView, Status } from '../../../src/control/api.ts';
import type { OutcomeKind, StateName } from '../../../src/types.ts';
import { createEventHub, type EventHub } from '../../../src/daemon/events.ts';
import {
  DIGEST,
  NOW,
  sampleAttempt,
  sampleConfig,
  sampleDoctor,
  sampleLine,
  sampleProgress,
  sampleQuarantine,
  sampleFleet,
  sampleStatus,
  sampleVersions,
} from './samples.ts';

/** A daemon that does nothing but what a test says. */
export interface ScriptedApi extends ControlApi {
  /** Every command with its argument, in order. */
  readonly calls: (readonly [string, ...unknown[]])[];
  /** What is published here goes to whoever listens to the events. */
  readonly publish: EventHub['publish'];
  /** How many listen to the events. */
  readonly listeners: () => number;
}

/** What a {@link scriptedApi} answers. */
export interface Script {
  readonly status?: Status | readonly Status[];
  /** The looks at the attempt, one after another; the last stays. */
  readonly looks?: readonly AttemptProgress[];
  /** Thrown by every command. */
  readonly refuse?: unknown;
}

/** A {@link ScriptedApi}. Commands begin the attempt `a2`. */
export function scriptedApi({
  status = sampleStatus(),
  looks = [sampleProgress()],
  refuse,
}: Script = {}): ScriptedApi {
  const calls: [string, ...unknown[]][] = [];
  const hub = createEventHub({ now: () => NOW });
  let listeners = 0;
  const stati = Array.isArray(status) ? [...(status as Status[])] : [status as Status];
  const left = [...looks];
  const next = <T>(list: T[]): T => (list.length > 1 ? list.shift()! : list[0]!);
  const call = async <T>(answer: T, ...args: [string, ...unknown[]]): Promise<T> => {
    calls.push(args);
    // A bug may throw anything.
    // eslint-disable-next-line @typescript-eslint/only-throw-error
    if (refuse !== undefined) throw refuse;
    return answer;
  };
  return {
    calls,
    publish: (event) => {
      hub.publish(event);
    },
    listeners: () => listeners,
    status: async () => next(stati),
    fleet: () => call(sampleFleet(), 'fleet'),
    history: (limit) => call([sampleAttempt()], 'history', limit),
    attempt: async (id) => (id === 'a2' ? next(left) : null),
    check: () => call('a2', 'check'),
    update: (options) => call('a2', 'update', options),
    apply: (path) => call('a2', 'apply', path),
    rollback: (version) => call('a2', 'rollback', version),
    versions: async () => sampleVersions(),
    quarantine: async () => [sampleQuarantine()],
    logs: (limit) => call([sampleLine()], 'logs', limit),
    config: async () => sampleConfig(),
    doctor: () => call(sampleDoctor(), 'doctor'),
    events: (listener, after) => {
      const stop = hub.subscribe(listener, after);
      let over = false;
      listeners += 1;
      return () => {
        if (!over) listeners -= 1;
        over = true;
        stop();
      };
    },
    pause: (reason) => call(undefined, 'pause', reason),
    approve: (release) => call({ version: release ?? '1.2.0', digest: DIGEST.bad }, 'approve', release),
    resume: () => call(undefined, 'resume'),
    retry: () => call(undefined, 'retry'),
    clearQuarantine: (digest) => call({ version: '1.2.0', digest }, 'clearQuarantine', digest),
  };
}

/** An error as the API shows it. */
export function viewOf(code: ErrorCode, message: string): ErrorView {
  return { code, message, next: ERROR_CODES[code].next };
}

/** The last look at an attempt. */
export function ended(
  outcome: OutcomeKind,
  state: StateName,
  reason: string,
  { code, ...rest }: Partial<AttemptProgress> & { code?: ErrorCode } = {},
): AttemptProgress {
  const error = code === undefined ? null : viewOf(code, reason);
  return sampleProgress({ state, ...rest, ended: { outcome, reason, error } });
}

/** An error of the table. */
export const fault = (code: ErrorCode, message = 'expected this, found that'): UpdateError =>
  new UpdateError(code, message);
