/** A control client without a daemon: it answers what a test says, and remembers what it was asked. */
import type {
  AttemptProgress,
  AttemptView,
  ConfigEntry,
  ControlEvent,
  DoctorReport,
  LogView,
  QuarantineView,
  Status,
  StoredVersionView,
} from '../../../src/control/api.ts';
import type { ControlClient } from '../../../src/control/client.ts';
import { UpdateError } from '../../../src/errors.ts';
import { ago, DIGEST, sampleAttempt, sampleProgress, sampleStatus } from '../../control/support/samples.ts';

/** What a {@link fakeClient} answers. */
export interface Script {
  /** One after another; the last stays. */
  readonly status?: Status | readonly (Status | UpdateError)[];
  /** The looks at the attempt, one after another; the last stays. */
  readonly looks?: readonly AttemptProgress[];
  /** Thrown by every command. */
  readonly refuse?: unknown;
  readonly history?: readonly AttemptView[];
  readonly versions?: readonly StoredVersionView[];
  readonly quarantine?: readonly QuarantineView[];
  readonly logs?: readonly LogView[] | Promise<readonly LogView[]>;
  readonly config?: readonly ConfigEntry[];
  readonly doctor?: DoctorReport;
  /** Called with each stream of events that is opened. */
  readonly stream?: (stream: EventStream) => void;
}

/** A client and what it was asked. */
export interface FakeClient extends ControlClient {
  /** Every command with its argument, in order. */
  readonly calls: (readonly [string, ...unknown[]])[];
}

type NewEvent = ControlEvent extends infer Event
  ? Event extends ControlEvent
    ? Omit<Event, 'id' | 'at'> & { readonly at?: string }
    : never
  : never;

/** A stream of events that a test feeds. */
export class EventStream implements AsyncIterable<ControlEvent> {
  readonly signal: AbortSignal;
  #queue: (ControlEvent | UpdateError)[] = [];
  #wake = Promise.withResolvers<undefined>();
  #taken = Promise.withResolvers<undefined>();
  #id = 0;

  constructor(signal: AbortSignal) {
    this.signal = signal;
    signal.addEventListener('abort', () => {
      this.#wake.resolve(undefined);
    });
  }

  /** Sends events; resolves once whoever listens has taken them all and asks for more. */
  async send(...events: readonly (NewEvent | UpdateError)[]): Promise<void> {
    this.#taken = Promise.withResolvers();
    for (const event of events)
      if (event instanceof UpdateError) this.#queue.push(event);
      else this.#queue.push({ at: ago(0), ...event, id: (this.#id += 1) });
    this.#wake.resolve(undefined);
    await this.#taken.promise;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ControlEvent, undefined> {
    while (!this.signal.aborted) {
      const event = this.#queue.shift();
      if (event instanceof UpdateError) {
        this.#taken.resolve(undefined);
        throw event;
      }
      if (event === undefined) {
        this.#wake = Promise.withResolvers();
        this.#taken.resolve(undefined);
        await this.#wake.promise;
      } else yield event;
    }
    this.#taken.resolve(undefined);
  }
}

/** What the doctor of a host where all is well says. */
export const WELL: DoctorReport = {
  inside: 'daemon',
  result: 'pass',
  summary: 'the next update would go through',
  checks: [{ name: 'state_dir.write', result: 'pass', message: 'can be written', next: '' }],
};

/** Makes the client. Commands begin the attempt `a2`. */
export function fakeClient(script: Script = {}): FakeClient {
  const { status = sampleStatus(), looks = [sampleProgress()], refuse } = script;
  const calls: [string, ...unknown[]][] = [];
  const stati = Array.isArray(status) ? [...(status as (Status | UpdateError)[])] : [status as Status];
  const left = [...looks];
  const next = <T>(list: T[]): T => (list.length > 1 ? list.shift()! : list[0]!);
  const call = async <T>(answer: T, ...args: [string, ...unknown[]]): Promise<T> => {
    calls.push(args);
    // A bug may throw anything.
    // eslint-disable-next-line @typescript-eslint/only-throw-error
    if (refuse !== undefined) throw refuse;
    return answer;
  };
  const look = async (): Promise<Status> => {
    const found = next(stati);
    if (found instanceof UpdateError) throw found;
    return found;
  };
  const attempt = async (): Promise<AttemptProgress> => next(left);
  return {
    calls,
    status: look,
    fleet: () => Promise.reject(new UpdateError('FLEET_NOT_CONFIGURED', 'no fleet here')),
    history: (limit) => call([...(script.history ?? [sampleAttempt()])], 'history', limit),
    attempt,
    check: () => call('a2', 'check'),
    update: (options) => call('a2', 'update', options),
    apply: (path) => call('a2', 'apply', path),
    rollback: (version) => call('a2', 'rollback', version),
    versions: () => call(script.versions ?? sampleStatus().versions, 'versions'),
    quarantine: () => call(script.quarantine ?? [], 'quarantine'),
    logs: async (limit) => call((await (script.logs ?? [])).slice(-limit), 'logs', limit),
    config: () => call(script.config ?? [], 'config'),
    doctor: () => call(script.doctor ?? WELL, 'doctor'),
    events: ({ signal }) => {
      const stream = new EventStream(signal);
      script.stream?.(stream);
      return stream;
    },
    pause: (reason) => call(undefined, 'pause', reason),
    approve: (release) => call({ version: release ?? '1.2.0', digest: DIGEST.bad }, 'approve', release),
    resume: () => call(undefined, 'resume'),
    retry: () => call(undefined, 'retry'),
    clearQuarantine: (digest) => call({ version: '1.2.0', digest }, 'clearQuarantine', digest),
    follow: async (_id, { onProgress, until } = {}) => {
      while (true) {
        const seen = await attempt();
        onProgress?.(seen);
        if (seen.ended !== null || until?.(seen) === true) return seen;
        // Other promises get their turn, as they do between two looks.
        await new Promise(setImmediate);
      }
    },
    watch: async (until) => {
      while (true) {
        const seen = await look();
        if (until(seen)) return seen;
      }
    },
  };
}
