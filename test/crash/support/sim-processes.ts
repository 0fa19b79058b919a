/**
 * The processes of a simulated host. They outlive the daemon, but not a power cut.
 *
 * Invariants, as the real ones (`src/adapters/processes.ts`): the identity of a program is on disk before its first instruction runs;
 * a launch first ends whatever the record of its place still names; the gate closes with the daemon.
 */
import type { Disk } from '../../../src/adapters/disk.ts';
import { throwIfCancelled } from '../../../src/adapters/disk-errors.ts';
import { besideRecordPath, processRecordFile } from '../../../src/adapters/process-record.ts';
import { UpdateError } from '../../../src/errors.ts';
import type {
  Clock,
  LaunchedProcess,
  Place,
  ProcessExit,
  Processes,
  Survivor,
} from '../../../src/services/ports.ts';
import type { LaunchTarget } from '../../../src/types.ts';
import type { Tape } from './tape.ts';

/**
 * How a program behaves. `sick` runs and never becomes healthy; `slow` does after a time; `exits` is healthy until it ends by itself.
 */
export type Behaviour =
  | 'healthy'
  | 'sick'
  | 'ignoresTerm'
  | 'missing'
  | { readonly slow: number }
  | { readonly exits: number; readonly afterMs: number };

/** A process in the table. */
export interface Process {
  readonly pid: number;
  readonly startTime: number;
  readonly launchId: string;
  readonly entry: string;
  readonly version: string;
  readonly behaviour: Behaviour;
  /** By the simulated clock, ms. */
  readonly startedAt: number;
  /** It waits at the gate, and none of its instructions has run. */
  readonly atGate: boolean;
  /** Started beside another, and not in its place yet. */
  readonly beside: boolean;
}

/** What of a host is beside the disk. */
export interface ProcessTable {
  readonly bootId: string;
  readonly processes: readonly Process[];
  readonly lastPid: number;
}

/** Simulated processes, and a look at all of them. */
export interface SimProcesses extends Processes {
  readonly table: ProcessTable;
  /** Past their gate. */
  running(): readonly Process[];
}

/** What {@link createSimProcesses} needs. */
export interface SimProcessesOptions {
  readonly disk: Disk;
  readonly recordPath: string;
  readonly clock: Clock;
  readonly tape: Pick<Tape, 'record'>;
  readonly table: ProcessTable;
  readonly behaviour: (target: LaunchTarget) => Behaviour;
  /** Called when a program's first instruction is about to run. */
  readonly onRun?: (target: LaunchTarget, place: Place) => void;
}

const never = new AbortController().signal;

/** The table after a boot. */
export const bootTable = (bootId: string): ProcessTable => ({ bootId, processes: [], lastPid: 1000 });

/** What is left of a table when the daemon is killed: the gate closes. */
export const orphans = (table: ProcessTable): ProcessTable => ({
  ...table,
  processes: table.processes.filter(({ atGate }) => !atGate),
});

export function createSimProcesses(options: SimProcessesOptions): SimProcesses {
  const { disk, recordPath, clock, tape } = options;
  const recordFiles = {
    main: processRecordFile(disk, recordPath),
    beside: processRecordFile(disk, besideRecordPath(recordPath)),
  };
  const exits = new Map<number, (exit: ProcessExit) => void>();
  let { table } = options;

  const replace = (processes: readonly Process[], lastPid = table.lastPid): void => {
    table = { ...table, processes, lastPid };
  };
  const isThere = (pid: number): boolean => table.processes.some((each) => each.pid === pid);
  const end = (pid: number, exit: ProcessExit): void => {
    if (!isThere(pid)) return;
    tape.record({ op: 'exit', what: `${String(pid)} ${exit.signal ?? String(exit.code)}` });
    replace(table.processes.filter((each) => each.pid !== pid));
    exits.get(pid)?.(exit);
  };
  const stop = async (pid: number, graceMs: number): Promise<void> => {
    const found = table.processes.find((each) => each.pid === pid);
    if (found === undefined) return;
    if (graceMs > 0 && found.behaviour !== 'ignoresTerm') end(pid, { code: null, signal: 'SIGTERM' });
    else {
      if (graceMs > 0) await clock.sleep(graceMs, never);
      end(pid, { code: null, signal: 'SIGKILL' });
    }
  };

  const endRecorded = async (place: Place, graceMs: number): Promise<Survivor | null> => {
    const record = await recordFiles[place].read();
    const survivor =
      record?.bootId === table.bootId
        ? table.processes.find(({ pid, startTime }) => pid === record.pid && startTime === record.startTime)
        : undefined;
    if (survivor !== undefined) await stop(survivor.pid, graceMs);
    await recordFiles[place].remove();
    return survivor === undefined ? null : { pid: survivor.pid, version: survivor.version };
  };
  const endSurvivor: Processes['endSurvivor'] = async (graceMs) => {
    const beside = await endRecorded('beside', graceMs);
    return (await endRecorded('main', graceMs)) ?? beside;
  };

  async function exitLater({ pid, behaviour }: Process): Promise<void> {
    if (typeof behaviour !== 'object' || !('exits' in behaviour)) return;
    await clock.sleep(behaviour.afterMs, never);
    end(pid, { code: behaviour.exits, signal: null });
  }

  return {
    get table() {
      return table;
    },
    running: () => table.processes.filter(({ atGate }) => !atGate),
    launch: async (target, signal, place = 'main') => {
      throwIfCancelled(signal);
      const behaviour = options.behaviour(target);
      if (behaviour === 'missing')
        throw new UpdateError(
          'WORKLOAD_START_FAILED',
          `expected a program, found ${target.entry}: no such file`,
        );
      await endRecorded(place, 0);
      const pid = table.lastPid + 1;
      tape.record({ op: 'spawn', what: `${String(pid)} ${target.ref.version}` });
      const started: Process = {
        pid,
        startTime: Math.floor(clock.monotonic() / 10),
        startedAt: clock.monotonic(),
        launchId: `${table.bootId}-launch-${String(pid)}`,
        entry: target.entry,
        version: target.ref.version,
        behaviour,
        atGate: true,
        beside: place === 'beside',
      };
      replace([...table.processes, started], pid);
      const exited = new Promise<ProcessExit>((resolve) => exits.set(pid, resolve));
      try {
        const { startTime, launchId, version } = started;
        await recordFiles[place].write({ bootId: table.bootId, pid, startTime, launchId, version });
        throwIfCancelled(signal);
        tape.record({ op: 'gate', what: `${String(pid)} ${version}` });
      } catch (error) {
        replace(table.processes.filter((each) => each.pid !== pid));
        await recordFiles[place].remove();
        throw UpdateError.from(error);
      }
      replace(table.processes.map((each) => (each.pid === pid ? { ...each, atGate: false } : each)));
      options.onRun?.(target, place);
      void exitLater(started);
      const launched: LaunchedProcess = { pid, exited };
      return launched;
    },
    terminate: async ({ pid }, graceMs) => {
      await stop(pid, graceMs);
      for (const recordFile of Object.values(recordFiles)) {
        const record = await recordFile.read();
        if (record?.pid === pid && record.bootId === table.bootId) await recordFile.remove();
      }
    },
    promote: ({ pid }) => {
      tape.record({ op: 'promote', what: String(pid) });
      return Promise.resolve();
    },
    relieve: async () => {
      const record = await recordFiles.beside.read();
      if (record === null) return;
      await recordFiles.main.write(record);
      await recordFiles.beside.remove();
      replace(table.processes.map((each) => ({ ...each, beside: false })));
    },
    adopt: async (target) => {
      await endRecorded('beside', 0);
      const record = await recordFiles.main.read();
      const left =
        record?.bootId === table.bootId && record.version === target.ref.version
          ? table.processes.find(({ pid, startTime }) => pid === record.pid && startTime === record.startTime)
          : undefined;
      if (left === undefined) return null;
      return { pid: left.pid, exited: new Promise<ProcessExit>((resolve) => exits.set(left.pid, resolve)) };
    },
    endSurvivor,
  };
}
