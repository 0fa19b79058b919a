/**
 * The daemon's own update, for real: `daemon.json` says which daemon runs, and `execve(2)` makes this process the next one. How, and
 * what else was tried: `docs/decisions/0016-how-the-daemon-replaces-itself.md`.
 *
 * Invariants:
 * - That a daemon is on trial is on disk before this process becomes it, and so is its first start.
 * - Who guards the trial is a process of this, known-good program; it runs before this one gives way.
 * - A daemon is trusted only after it has acknowledged and then run for the whole probation.
 * - The record is read and replaced by one turn at a time: the end of a probation and the next hand-over never undo each other.
 */
import { UpdateError } from '../errors.ts';
import type { Clock, Succession, SuccessionState, VersionStore } from '../services/ports.ts';
import type { Successor } from '../types.ts';
import { failTrial, seenOf, STARTS_MAX } from './daemon-choice.ts';
import { checkedDaemonFile, execCommand, type ExecCommand } from './daemon-file.ts';
import { isSameProcess, thisProcess } from './daemon-process.ts';
import {
  NO_RECORD,
  readDaemonRecord,
  setRecordAside,
  writeDaemonRecord,
  type DaemonRecord,
} from './daemon-record.ts';
import type { Disk } from './disk.ts';
import { identifyDaemon } from './running-daemon.ts';
import { runSelfTest } from './self-test-run.ts';
import type { StatePaths } from './state-dir.ts';

/** How long the steps of a hand-over may take, ms. */
export interface HandOverTimes {
  /** For the self-test of the new daemon. */
  readonly selfTestMs: number;
  /** From a start of the new daemon to its acknowledgement. */
  readonly acknowledgeMs: number;
  /** From its acknowledgement until it is trusted. */
  readonly probationMs: number;
  /** How long the guard leaves it to a service manager to start a daemon that ended. */
  readonly graceMs: number;
}

/** What {@link openSuccession} needs. */
export interface SuccessionOptions {
  readonly disk: Disk;
  readonly paths: StatePaths;
  readonly store: Pick<VersionStore, 'list' | 'daemon'>;
  readonly clock: Pick<Clock, 'sleep'>;
  /** This program: absolute path and version. */
  readonly program: string;
  readonly version: string;
  /** The arguments of the role of the daemon: `--config`, and the file. */
  readonly args: readonly string[];
  /** The environment as this program was given it, with what the next one needs of the launcher. */
  readonly env: Readonly<NodeJS.ProcessEnv>;
  readonly times: HandOverTimes;
  /**
   * Stops listening and closes what must not be open twice, and leaves the workload running. What it resolves with is put into the
   * environment of the next daemon.
   */
  readonly leave: () => Promise<Readonly<Record<string, string>>>;
  /** Starts the process that watches the trial; none where a test watches it itself. */
  readonly guard: ((attempt: string) => Promise<void>) | null;
  /** Makes this process another program; the real `execve(2)` unless told. Never returns when it succeeds. */
  readonly exec?: (command: ExecCommand, env: NodeJS.ProcessEnv) => void;
  /** Hears of what goes wrong in the background. */
  readonly warn: (error: UpdateError) => void;
}

/** The port, and what only the daemon may do with it. */
export interface DaemonSuccession extends Succession {
  /** The daemons that run, or may have to run again: their versions must stay on disk. */
  kept(): Promise<readonly Successor['ref'][]>;
  /**
   * The daemon stops because it was asked to: that is no failed start, and nobody starts it again. Not to be called by one that could
   * not start, or ends by a fault: that start counts.
   *
   * @throws UpdateError `STATE_DIR_UNUSABLE`, `DISK_FULL`
   */
  atRest(): Promise<void>;
  /** Ends the clock of the probation; it writes nothing. */
  close(): void;
}

/** Replaces this process by another program (`execve(2)`): pid, parent, children, cgroup and standard streams stay as they are. */
export function execInto({ file, argv }: ExecCommand, env: NodeJS.ProcessEnv): void {
  if (process.execve === undefined)
    throw new UpdateError('HANDOVER_FAILED', 'expected a system with execve(2), found one without');
  process.execve(file, argv, env);
}

/**
 * Opens the succession of a daemon that holds the lock of its state directory. It starts nothing.
 *
 * @throws UpdateError `STATE_DIR_UNUSABLE` when the program cannot be read
 * @example
 * const succession = openSuccession({ disk, paths, store, clock, program, version, args: ['--config', file], env, times, leave, guard, warn });
 */
export function openSuccession(options: SuccessionOptions): DaemonSuccession {
  const { disk, paths, clock, program, times, exec = execInto, warn } = options;
  const path = paths.daemonRecord;
  const over = new AbortController();
  const { origin, running } = identifyDaemon(options);
  let probation = false;
  let turn: Promise<unknown> = Promise.resolve();

  const read = (): Promise<DaemonRecord> => readDaemonRecord(disk, path);
  const write = (record: DaemonRecord): Promise<void> => writeDaemonRecord(disk, path, record);
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work);
    turn = mine.catch(() => undefined);
    return mine;
  };

  const readOrSetAside = async (): Promise<DaemonRecord> => {
    try {
      return await read();
    } catch (error) {
      warn(await setRecordAside(disk, path, error));
      return NO_RECORD;
    }
  };

  /** The record, where its trial is of the daemon that runs. */
  const onTrial = async (): Promise<
    (DaemonRecord & { trial: NonNullable<DaemonRecord['trial']> }) | null
  > => {
    const record = await read();
    const { trial } = record;
    if (trial?.successor.sha256 !== (await running()).sha256) return null;
    return { ...record, trial };
  };

  const trust = async (): Promise<void> => {
    const record = await onTrial();
    if (record === null) return;
    await write({ ...record, current: record.trial.successor, trial: null, process: null });
  };

  const beginProbation = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(times.probationMs, over.signal);
      try {
        await inTurn(trust);
        return;
      } catch (error) {
        // A disk that is full now need not be so later; three restarts would go back from a daemon that is good.
        warn(UpdateError.from(error));
      }
    }
  };

  /** Nothing listens any more: this program starts anew, in this very process, and says from there what went wrong. */
  const startAnew = async (record: DaemonRecord, more: Readonly<Record<string, string>>): Promise<never> => {
    try {
      await write(record);
    } catch (error) {
      warn(UpdateError.from(error));
    }
    exec(await execCommand(program, options.args, disk), { ...options.env, ...more });
    throw new UpdateError('HANDOVER_FAILED', 'expected execve(2) not to return, found that it did');
  };

  const become = async (attempt: string, successor: Successor, signal: AbortSignal): Promise<never> => {
    const { version } = successor.ref;
    const command = await execCommand(await checkedDaemonFile(disk, paths, successor), options.args, disk);
    const before = await read();
    // Where the launcher could not count a start, this daemon ran in its place: those starts that were counted still are.
    const earlier = before.trial?.successor.sha256 === successor.sha256 ? before.trial : null;
    if (earlier !== null && earlier.starts >= STARTS_MAX) {
      const failed = failTrial(
        before,
        earlier,
        `was started ${String(earlier.starts)} times and did not stay up`,
      );
      await write(failed);
      const { error, evidence } = failed.failed;
      throw new UpdateError(error.code, error.message, { evidence });
    }
    const seen = earlier === null ? [] : seenOf(earlier);
    const trial = { attempt, successor, starts: (earlier?.starts ?? 0) + 1, acknowledged: false, seen };
    await write({ ...before, trial, failed: null, process: await thisProcess() });
    try {
      await options.guard?.(attempt);
      signal.throwIfAborted();
    } catch (error) {
      await write(before);
      throw UpdateError.from(error, 'HANDOVER_FAILED', `cannot become the daemon of ${version}`);
    }
    let more: Readonly<Record<string, string>> = {};
    try {
      more = await options.leave();
      signal.throwIfAborted();
      exec(command, { ...options.env, ...more });
    } catch (error) {
      if (signal.aborted) throw new UpdateError('CANCELLED', 'the daemon was stopped before it gave way');
      const why = `could not take over: ${UpdateError.from(error).message}`;
      return startAnew(failTrial(before, trial, why, 'HANDOVER_FAILED'), more);
    }
    throw new UpdateError('HANDOVER_FAILED', 'expected execve(2) not to return, found that it did');
  };

  return {
    running,
    origin,

    state: async (): Promise<SuccessionState> => {
      const { trial, failed } = await read().catch(() => inTurn(readOrSetAside));
      if (trial !== null) {
        const { attempt, successor, starts, acknowledged } = trial;
        return { kind: 'trial', attempt, successor, starts, acknowledged };
      }
      if (failed !== null) return { kind: 'failed', ...failed };
      return { kind: 'none' };
    },

    selfTest: async (successor, signal) => {
      const test = async (file: string): Promise<string | null> =>
        runSelfTest(
          await execCommand(file, ['self-test', ...options.args], disk),
          options.env,
          times.selfTestMs,
          signal,
        );
      const said = await test(await checkedDaemonFile(disk, paths, successor));
      if (said === null) return;
      const evidence = said.split('\n');
      // What this daemon would stumble over as well is not the new one's fault: a configuration that somebody broke meanwhile.
      const own = await test(program);
      if (own !== null)
        throw new UpdateError(
          'HANDOVER_FAILED',
          `expected a host on which a daemon can start, found that this one could not either: ${own}`,
          { evidence },
        );
      throw new UpdateError(
        'DAEMON_SELF_TEST_FAILED',
        `expected the daemon of ${successor.ref.version} to pass its self-test, found: ${said}`,
        { evidence },
      );
    },

    become: (attempt, successor, signal) => inTurn(() => become(attempt, successor, signal)),

    acknowledge: () =>
      inTurn(async () => {
        const record = await onTrial();
        if (record === null) return;
        if (!record.trial.acknowledged)
          await write({ ...record, trial: { ...record.trial, acknowledged: true } });
        if (probation) return;
        probation = true;
        // It ends by itself, or with this daemon.
        beginProbation().catch(() => undefined);
      }),

    settle: () =>
      inTurn(async () => {
        const record = await read();
        // A trial whose daemon does not run, though somebody decided about it: it could not be counted, or not be started.
        const isOver = record.trial !== null && record.trial.successor.sha256 !== (await running()).sha256;
        if (record.failed === null && !isOver) return;
        const trial = isOver ? null : record.trial;
        await write({ ...record, trial, failed: null, process: trial === null ? null : record.process });
      }),

    kept: async () => {
      const { current, trial } = await read();
      const ref = await origin();
      return [current?.ref, trial?.successor.ref, ref].filter((each) => each !== undefined && each !== null);
    },

    atRest: () =>
      inTurn(async () => {
        const record = await read();
        if (!isSameProcess(record.process, await thisProcess())) return;
        const { trial } = record;
        // This start ends by an order, and says nothing against the daemon.
        const starts = Math.max(0, (trial?.starts ?? 0) - 1);
        await write({ ...record, process: null, trial: trial === null ? null : { ...trial, starts } });
      }),

    close: () => {
      over.abort();
    },
  };
}
