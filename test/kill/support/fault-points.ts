/**
 * Fault points: the moments right before and right after everything that the daemon does to its journal, its version store, its
 * other files and its workload. They are put around the adapters from outside; the program itself knows nothing of them.
 *
 * Invariant: a point is reached in the order of the effects themselves. `before`: nothing of it is done. `after`: it is done, and
 * durable where it is meant to be, and nobody has been told yet.
 */
import { basename } from 'node:path';
import { nodeDisk, type Disk } from '../../../src/adapters/disk.ts';
import type { Ports } from '../../../src/services/ports.ts';
import type { Attempt, Ended, StateName } from '../../../src/types.ts';
import type { DaemonFaults } from '../../e2e/support/source-daemon.ts';

/** One moment of a daemon's life. */
export interface FaultPoint {
  /** What is done: `journal.enter swapping`, `store.activate`, `record.write`, `step probing`. */
  readonly at: string;
  /** Which time since the daemon started, from 1. */
  readonly nth: number;
  readonly when: 'before' | 'after';
}

/** A point that was reached, with the attempt that it is about. */
export interface Reached extends FaultPoint {
  readonly attempt?: string;
  /** Of `journal.close`. */
  readonly outcome?: string;
}

type Method = (...args: never[]) => Promise<unknown>;

/** What a call says of the attempt that it is about. */
const about: Record<string, (args: readonly unknown[]) => Pick<Reached, 'attempt' | 'outcome'>> = {
  'journal.enter': ([attempt]) => ({ attempt: (attempt as Attempt).id }),
  'journal.close': ([ended]) => ({
    attempt: (ended as Ended).attempt.id,
    outcome: (ended as Ended).outcome,
  }),
};

const nameOf = (call: string, args: readonly unknown[]): string => {
  if (call === 'journal.enter') return `${call} ${args[1] as StateName}`;
  return call === 'journal.close' ? `${call} ${(args[0] as Ended).outcome}` : call;
};

/** The methods that change something, port by port. */
const WRITES = {
  journal: ['enter', 'close', 'suspend', 'spend', 'refuse', 'seen', 'pardon'],
  store: ['stage', 'activate', 'mark', 'prune', 'tidy'],
  workload: ['start', 'stop', 'endSurvivor'],
  quarantine: ['add', 'clear'],
  heads: ['write'],
} as const satisfies { [Port in keyof Ports]?: readonly (keyof Ports[Port])[] };

/**
 * Puts fault points around the adapters.
 *
 * @param reach - called at each point, synchronously; what it does to the process happens there
 */
export function faultPoints(reach: (point: Reached) => void): DaemonFaults {
  const counts = new Map<string, number>();
  const count = (at: string): number => {
    const nth = (counts.get(at) ?? 0) + 1;
    counts.set(at, nth);
    return nth;
  };

  const around = <Port extends object>(port: Port, name: string, methods: readonly (keyof Port)[]): Port => {
    const wrapped: Partial<Port> = {};
    for (const method of methods) {
      const real = port[method] as Method;
      const call = `${name}.${String(method)}`;
      const withPoints = async (...args: never[]): Promise<unknown> => {
        const at = nameOf(call, args);
        const point = { at, nth: count(at), ...about[call]?.(args) };
        reach({ ...point, when: 'before' });
        const result = await real.apply(port, args);
        reach({ ...point, when: 'after' });
        return result;
      };
      wrapped[method] = withPoints as Port[typeof method];
    }
    return { ...port, ...wrapped };
  };

  return {
    adapt: (ports) => ({
      ...ports,
      journal: around(ports.journal, 'journal', WRITES.journal),
      store: around(ports.store, 'store', WRITES.store),
      workload: around(ports.workload, 'workload', WRITES.workload),
      quarantine: around(ports.quarantine, 'quarantine', WRITES.quarantine),
      heads: around(ports.heads, 'heads', WRITES.heads),
    }),
    disk: recordPoints(reach, count),
    observe: ({ state, phase, attempt }) => {
      if (phase === 'failed') return;
      const at = `step ${state}`;
      const when = phase === 'began' ? 'before' : 'after';
      const nth = when === 'before' ? count(at) : (counts.get(at) ?? 1);
      reach({ at, nth, when, ...(attempt === null ? {} : { attempt: attempt.id }) });
    },
  };
}

/**
 * The record of the workload's process. Before `record.write` the process is spawned and waits at the gate; after it, its identity
 * is on disk and the gate is still closed.
 */
function recordPoints(reach: (point: Reached) => void, count: (at: string) => number): Disk {
  const isRecord = (path: string): boolean => basename(path) === 'workload.json';
  let renamed: number | null = null;
  return {
    ...nodeDisk,
    rename: async (from, to) => {
      if (!isRecord(to)) return nodeDisk.rename(from, to);
      const at = 'record.write';
      const nth = count(at);
      reach({ at, nth, when: 'before' });
      await nodeDisk.rename(from, to);
      renamed = nth;
    },
    fsyncDir: async (path) => {
      await nodeDisk.fsyncDir(path);
      if (renamed === null) return;
      const nth = renamed;
      renamed = null;
      reach({ at: 'record.write', nth, when: 'after' });
    },
    unlink: async (path) => {
      if (!isRecord(path)) return nodeDisk.unlink(path);
      const at = 'record.remove';
      const nth = count(at);
      reach({ at, nth, when: 'before' });
      await nodeDisk.unlink(path);
      reach({ at, nth, when: 'after' });
    },
  };
}
