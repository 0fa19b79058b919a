/**
 * What systemd is told, and when: READY once the workload is healthy, STATUS, WATCHDOG, STOPPING (sd_notify(3)).
 *
 * Invariants:
 * - READY never waits for ever: a workload that is down is no reason to restart the daemon, which is the one that keeps trying.
 * - While an interrupted update is repaired or rolled back, the time to start is extended, so that systemd does not end it half-way.
 * - The watchdog hangs on nothing but the event loop: a status that cannot be read does not stop it.
 */
import type { ServiceManager } from '../adapters/service-manager.ts';
import type { ControlApi, ControlEvent, Status } from '../control/api.ts';
import { UpdateError } from '../errors.ts';
import type { Clock } from '../services/ports.ts';
import type { StateName } from '../types.ts';
import { statusLine } from './status-line.ts';

/** How often the workload is looked at until it is ready, and the most often that a status is told, ms. */
const LOOK_MS = 1_000;
/** How often a status is looked at although nothing happened: health may change without an event. */
const REFRESH_MS = 30_000;
/** How often the time to start is extended, and by how much. */
const EXTEND_EVERY_MS = 10_000;
const EXTEND_MS = 40_000;
/** What a stop may take beside the workload's own time: a request, an fsync, the SIGKILL of a group. */
const STOP_MARGIN_MS = 30_000;
/** What a start may take beside the probes: hashes of versions on disk, fsyncs. */
const START_MARGIN_MS = 60_000;

/** States in which what an earlier run left is still being put right, or a swap is under way. */
const UNDECIDED = new Set<StateName>([
  'recovering',
  'swapping',
  'overlapping',
  'draining',
  'probing',
  'committed',
  'handingOver',
  'rollingBack',
  'rolledBack',
]);

/** Events after which the line may be another. */
const TELLING = new Set<ControlEvent['kind']>(['state', 'ended', 'workload', 'waiting', 'probe']);

/** What {@link announce} needs; times in ms. */
export interface AnnounceOptions {
  readonly manager: ServiceManager;
  /** null where there is no update logic: then it is ready at once. */
  readonly api: Pick<ControlApi, 'status' | 'events'> | null;
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
  readonly rollbackTimeoutMs: number;
  readonly stopTimeoutMs: number;
  /** Hears of a status that cannot be read. */
  readonly warn: (error: UpdateError) => void;
}

/** The talk with the service manager while the daemon runs. */
export interface Announcer {
  /** The daemon begins to stop. */
  stopping(): void;
  /** It is about to become its next version, which talks to the same service manager; resolves once that is said. */
  handingOver(): Promise<void>;
  /** Ends the talk; resolves once the last word is said. */
  close(): Promise<void>;
}

/** How long a start waits: for the workload once nothing is left to repair, and in all. */
interface Patience {
  readonly healthyMs: number;
  readonly allMs: number;
}

/**
 * Whether the start is over.
 *
 * @param times - ms since the start, and since nothing was left to repair (null: something is)
 */
export function isReady(
  { state, workload }: Pick<Status, 'state' | 'workload'>,
  times: { readonly started: number; readonly decided: number | null },
  patience: Patience,
): boolean {
  if (times.started >= patience.allMs) return true;
  if (UNDECIDED.has(state) || times.decided === null) return false;
  return workload.health?.healthy === true || times.decided >= patience.healthyMs;
}

/** Waits for work that may be cancelled. */
async function quietly(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof UpdateError && error.code === 'CANCELLED')) throw error;
  }
}

/**
 * Tells the service manager how the daemon does, until it is closed. Without one it does nothing.
 *
 * @example
 * const announcer = announce({ manager, api: daemon.api, clock: systemClock, rollbackTimeoutMs: 60_000, stopTimeoutMs: 10_000, warn });
 */
export function announce(options: AnnounceOptions): Announcer {
  const { manager, api, clock, rollbackTimeoutMs, stopTimeoutMs, warn } = options;
  if (!manager.listens)
    return {
      stopping: () => undefined,
      handingOver: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
  const started = clock.monotonic();
  // An interrupted update is probed, and then perhaps rolled back and probed again.
  const patience: Patience = {
    healthyMs: rollbackTimeoutMs,
    allMs: 3 * rollbackTimeoutMs + 2 * stopTimeoutMs + START_MARGIN_MS,
  };
  const end = new AbortController();
  const loops: Promise<void>[] = [];
  let ready = false;
  let decidedAt: number | null = null;
  let told = '';
  let stopped = false;
  let woken = new AbortController();
  let again = false;
  let unreadable = false;

  const loop = (turn: () => Promise<void>): void => {
    const run = async (): Promise<void> => {
      while (!end.signal.aborted) await turn();
    };
    loops.push(quietly(run()));
  };
  const every = (ms: number, act: () => void): void => {
    loop(async () => {
      act();
      await clock.sleep(ms, end.signal);
    });
  };

  const tell = (status: Status): void => {
    const now = clock.monotonic();
    if (UNDECIDED.has(status.state)) decidedAt = null;
    else decidedAt ??= now;
    const times = { started: now - started, decided: decidedAt === null ? null : now - decidedAt };
    const becomesReady = !ready && isReady(status, times, patience);
    const line = statusLine(status);
    ready ||= becomesReady;
    if (stopped || (line === told && !becomesReady)) return;
    told = line;
    manager.notify({ status: line, ...(becomesReady ? { ready: true } : {}) });
  };

  const look = async ({ status }: Pick<ControlApi, 'status'>): Promise<void> => {
    try {
      tell(await status());
      unreadable = false;
    } catch (error) {
      if (!unreadable) warn(UpdateError.from(error));
      unreadable = true;
    }
  };

  const { watchdogMs } = manager;
  // A third: two beats may be late or lost (sd_watchdog_enabled(3) asks for half).
  if (watchdogMs !== null)
    every(watchdogMs / 3, () => {
      manager.notify({ watchdog: true });
    });

  let unsubscribe: () => void = () => undefined;
  if (api === null) {
    ready = true;
    manager.notify({ ready: true, status: 'the workload is supervised; no updates by this daemon' });
  } else {
    every(EXTEND_EVERY_MS, () => {
      if (!ready && !stopped) manager.notify({ extendMs: EXTEND_MS });
    });
    unsubscribe = api.events(({ kind }) => {
      if (TELLING.has(kind)) woken.abort();
    });
    loop(async () => {
      woken = new AbortController();
      await look(api);
      await clock.sleep(LOOK_MS, end.signal);
      if (ready && !again)
        await quietly(clock.sleep(REFRESH_MS - LOOK_MS, AbortSignal.any([end.signal, woken.signal])));
      // What an event sets off (the next check, a health that changes) is there a moment after it.
      again = woken.signal.aborted;
    });
  }

  return {
    stopping: () => {
      stopped = true;
      manager.notify({ stopping: true, status: 'stopping', extendMs: stopTimeoutMs + STOP_MARGIN_MS });
    },
    // The watchdog's clock starts anew: the next version beats as soon as it is up.
    handingOver: async () => {
      stopped = true;
      manager.notify({ status: 'the daemon gives way to its next version', watchdog: true });
      await manager.settled();
    },
    close: async () => {
      end.abort();
      unsubscribe();
      await Promise.all(loops);
      await manager.settled();
    },
  };
}
