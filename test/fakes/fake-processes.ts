import { throwIfCancelled } from '../../src/adapters/disk-errors.ts';
import { UpdateError } from '../../src/errors.ts';
import type {
  Clock,
  LaunchedProcess,
  Place,
  ProcessExit,
  Processes,
  Survivor,
} from '../../src/services/ports.ts';
import type { LaunchTarget } from '../../src/types.ts';

/** How a program of a fake behaves; `runs` unless told. */
export type Behaviour = 'runs' | 'ignoresTerm' | 'missing' | { readonly exits: number };

/** Processes that exist only in this object. */
export interface FakeProcesses extends Processes {
  /** Behaviour by entry path. */
  readonly behaviours: Map<string, Behaviour>;
  /** What was launched, in order. */
  readonly launched: LaunchTarget[];
  /** Pids of those that were told that clients are theirs. */
  readonly promoted: number[];
  /** Pids that run. */
  running(): number[];
  /** Ends a process from outside. */
  exit(pid: number, exit?: Partial<ProcessExit>): void;
  /** What `endSurvivor` finds and ends; a daemon that is killed leaves its last process here. */
  survivor: Survivor | null;
  /** As if the daemon had been killed: what runs becomes the survivor. */
  abandon(): void;
}

interface Running {
  readonly behaviour: Behaviour;
  readonly version: string;
  readonly place: Place;
  readonly end: (exit: ProcessExit) => void;
}

/** @param clock - for the grace period */
export function createFakeProcesses(clock: Pick<Clock, 'sleep'>): FakeProcesses {
  const table = new Map<number, Running>();
  let lastPid = 1000;
  const end = (pid: number, exit: ProcessExit): void => {
    table.get(pid)?.end(exit);
    table.delete(pid);
  };
  const stop = async (pid: number, graceMs: number): Promise<void> => {
    if (table.get(pid)?.behaviour !== 'ignoresTerm' && graceMs > 0)
      end(pid, { code: null, signal: 'SIGTERM' });
    if (table.has(pid)) {
      await clock.sleep(graceMs, new AbortController().signal);
      end(pid, { code: null, signal: 'SIGKILL' });
    }
  };
  const fake: FakeProcesses = {
    behaviours: new Map(),
    launched: [],
    promoted: [],
    survivor: null,
    running: () => [...table.keys()],
    exit: (pid, exit = {}) => {
      end(pid, { code: null, signal: null, ...exit });
    },
    abandon: () => {
      for (const [pid, { version }] of table) fake.survivor = { pid, version };
    },

    launch: async (target, signal, place = 'main') => {
      throwIfCancelled(signal);
      const behaviour = fake.behaviours.get(target.entry) ?? 'runs';
      if (behaviour === 'missing')
        throw new UpdateError(
          'WORKLOAD_START_FAILED',
          `expected a program, found ${target.entry}: no such file`,
        );
      // As the real one: at most one group at a time in a place.
      for (const [pid, each] of table) if (each.place === place) end(pid, { code: null, signal: 'SIGKILL' });
      lastPid += 1;
      const pid = lastPid;
      const exited = new Promise<ProcessExit>((resolve) => {
        table.set(pid, { behaviour, version: target.ref.version, place, end: resolve });
      });
      fake.launched.push(target);
      if (typeof behaviour === 'object') end(pid, { code: behaviour.exits, signal: null });
      const launched: LaunchedProcess = { pid, exited };
      return launched;
    },
    terminate: ({ pid }, graceMs) => stop(pid, graceMs),
    promote: ({ pid }) => {
      fake.promoted.push(pid);
      return Promise.resolve();
    },
    relieve: () => {
      for (const [pid, each] of table) table.set(pid, { ...each, place: 'main' });
      return Promise.resolve();
    },
    adopt: async (target) => {
      const { survivor } = fake;
      const running = survivor === null ? undefined : table.get(survivor.pid);
      if (survivor === null || running?.version !== target.ref.version) return null;
      fake.survivor = null;
      const exited = new Promise<ProcessExit>((resolve) => {
        table.set(survivor.pid, { ...running, end: resolve });
      });
      return { pid: survivor.pid, exited };
    },
    endSurvivor: async (graceMs) => {
      const { survivor } = fake;
      if (survivor === null) return null;
      await stop(survivor.pid, graceMs);
      fake.survivor = null;
      return survivor;
    },
  };
  return fake;
}
