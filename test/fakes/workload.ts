import { throwIfCancelled } from '../../src/adapters/disk-errors.ts';
import { UpdateError } from '../../src/errors.ts';
import type { Survivor, Workload, WorkloadStatus } from '../../src/services/ports.ts';
import type { LaunchTarget } from '../../src/types.ts';

/** A workload that runs only in this object. */
export interface FakeWorkload extends Workload {
  /** What was asked of it, in order: `endSurvivor`, `stop`, `start 1.1.0`. Give it a list of a test's own to see more there. */
  readonly calls: string[];
  /** What runs. */
  readonly running: { readonly pid: number; readonly target: LaunchTarget } | null;
  /** What runs beside it; given only where a test gives `beside` to the service. */
  readonly second: { readonly pid: number; readonly target: LaunchTarget } | null;
  survivor: Survivor | null;
  /** Rejects the next starts while set. */
  startFault: UpdateError | null;
  /** Rejects the next stops while set. */
  stopFault: UpdateError | null;
  /** Ends what runs, and what runs beside it, from outside. */
  exitNow(how: string): void;
  /** Makes a crash loop of what runs. */
  crashLoopNow(how: string): void;
}

/** Resolves when `happened` is called; rejects when the signal fires first. */
function event(): { happened(how: string): void; wait(signal: AbortSignal): Promise<string> } {
  let seen: string | null = null;
  const listeners = new Set<(how: string) => void>();
  return {
    happened: (how) => {
      seen = how;
      for (const listener of [...listeners]) listener(how);
    },
    wait: (signal) =>
      new Promise((resolve, reject) => {
        throwIfCancelled(signal);
        if (seen !== null) {
          resolve(seen);
          return;
        }
        listeners.add(resolve);
        signal.addEventListener(
          'abort',
          () => {
            listeners.delete(resolve);
            reject(new UpdateError('CANCELLED', 'stopped waiting for the workload'));
          },
          { once: true },
        );
      }),
  };
}

/** @param calls - where calls are written down */
export function createFakeWorkload(calls: string[] = []): FakeWorkload {
  let running: { pid: number; target: LaunchTarget } | null = null;
  let second: { pid: number; target: LaunchTarget } | null = null;
  let lastPid = 100;
  const exits = new Map<number, ReturnType<typeof event>>();
  const loop = event();
  const exit = (pid: number): ReturnType<typeof event> => {
    const known = exits.get(pid) ?? event();
    exits.set(pid, known);
    return known;
  };
  const end = (how: string): void => {
    if (running !== null) exit(running.pid).happened(how);
    running = null;
  };
  const fake: FakeWorkload = {
    calls,
    get running() {
      return running;
    },
    get second() {
      return second;
    },
    beside: {
      start: async (target, signal) => {
        throwIfCancelled(signal);
        calls.push(`start ${target.ref.version} beside`);
        if (fake.startFault !== null) throw fake.startFault;
        second = { pid: ++lastPid, target };
        return { pid: lastPid };
      },
      end: async () => {
        if (second === null) return;
        calls.push(`end ${second.target.ref.version} beside`);
        exit(second.pid).happened('stopped');
        second = null;
      },
      promote: async () => {
        if (second !== null) calls.push(`promote ${second.target.ref.version}`);
      },
      relieve: async () => {
        if (second === null) return;
        calls.push(`relieve by ${second.target.ref.version}`);
        if (fake.stopFault !== null) throw fake.stopFault;
        end('stopped');
        running = second;
        second = null;
      },
    },
    survivor: null,
    startFault: null,
    stopFault: null,
    exitNow: (how) => {
      if (second !== null) exit(second.pid).happened(how);
      end(how);
    },
    crashLoopNow: (how) => {
      loop.happened(how);
    },
    start: async (target, signal) => {
      throwIfCancelled(signal);
      calls.push(`start ${target.ref.version}`);
      if (fake.startFault !== null) throw fake.startFault;
      end('stopped');
      running = { pid: ++lastPid, target };
      return { pid: lastPid };
    },
    stop: async (signal) => {
      throwIfCancelled(signal);
      calls.push('stop');
      if (fake.stopFault !== null) throw fake.stopFault;
      end('stopped');
    },
    status: (): WorkloadStatus => ({
      state: running === null ? 'stopped' : 'running',
      ref: running?.target.ref ?? null,
      pid: running?.pid ?? null,
      startedAt: null,
      restarts: 0,
      lastExit: null,
    }),
    exit: (pid, signal) => exit(pid).wait(signal),
    crashLoop: (signal) => loop.wait(signal),
    adopt: async (target, signal) => {
      throwIfCancelled(signal);
      const { survivor } = fake;
      if (survivor?.version !== target.ref.version) return null;
      calls.push(`adopt ${target.ref.version}`);
      fake.survivor = null;
      running = { pid: survivor.pid, target };
      return { pid: survivor.pid };
    },
    endSurvivor: async () => {
      calls.push('endSurvivor');
      const { survivor } = fake;
      fake.survivor = null;
      return survivor;
    },
  };
  return fake;
}
