/**
 * The daemon's own update, for real: `daemon.json` says which daemon runs, and `execve(2)` makes this process the next one. How, and
 * what else was tried: `docs/decisions/0016-how-the-daemon-replaces-itself.md`.
 *
 * Invariants:
 * - That a daemon is on trial is on disk before this process becomes it, and so is its first start.
 * - Who guards the trial is a process of this, known-good program; it runs before this one gives way.
 * - A daemon is trusted only after it has acknowledged and then run for the whole probation.
 */
import { spawn } from 'node:child_process';
import { UpdateError } from '../errors.ts';
import type { Clock, RunningDaemon, Succession, SuccessionState, VersionStore } from '../services/ports.ts';
import type { Successor } from '../types.ts';
import type { Disk } from './disk.ts';
import {
  checkedDaemonFile,
  execCommand,
  hashFile,
  versionOfProgram,
  type ExecCommand,
} from './daemon-file.ts';
import { isSameProcess, thisProcess } from './daemon-process.ts';
import { readDaemonRecord, writeDaemonRecord, type DaemonRecord } from './daemon-record.ts';
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
  /** The daemon stops because it was asked to: that is no failed start, and nobody starts it again. Ends the probation's clock. */
  atRest(): Promise<void>;
}

/** Evidence is for people: the last lines say most. */
const STDERR_MAX = 2_000;

/** Replaces this process by another program (`execve(2)`): pid, parent, children, cgroup and standard streams stay as they are. */
export function execInto({ file, argv }: ExecCommand, env: NodeJS.ProcessEnv): void {
  if (process.execve === undefined)
    throw new UpdateError('HANDOVER_FAILED', 'expected a system with execve(2), found one without');
  process.execve(file, argv, env);
}

/** Runs a program's self-test; resolves with what it said when it failed, null when it passed. */
function runSelfTest(
  { file, argv }: ExecCommand,
  env: Readonly<NodeJS.ProcessEnv>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, argv.slice(1), {
      // It reports to nobody, and is no daemon: the talk with the service manager is not its.
      env: { ...env, NOTIFY_SOCKET: undefined, WATCHDOG_USEC: undefined, WATCHDOG_PID: undefined },
      stdio: ['ignore', 'ignore', 'pipe'],
      signal,
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-STDERR_MAX);
    });
    child.once('error', (error) => {
      if (signal.aborted)
        reject(new UpdateError('CANCELLED', 'the self-test was cancelled', { cause: error }));
      else resolve(`could not be started: ${error.message}`);
    });
    child.once('close', (code, killed) => {
      if (code === 0) resolve(null);
      else if (killed !== null && said === '')
        resolve(`was ended by ${killed}, or gave no answer within ${String(timeoutMs / 1000)} s`);
      else resolve(said.trim() === '' ? (killed ?? `exit code ${String(code)}`) : said.trim());
    });
  });
}

/**
 * Opens the succession of a daemon that holds the lock of its state directory. It starts nothing.
 *
 * @throws UpdateError `STATE_DIR_UNUSABLE` when the program cannot be read
 * @example
 * const succession = openSuccession({ disk, paths, store, clock, program, version, args: ['--config', file], env, times, leave, guard, warn });
 */
export function openSuccession(options: SuccessionOptions): DaemonSuccession {
  const { disk, paths, store, clock, program, version, times, exec = execInto, warn } = options;
  const path = paths.daemonRecord;
  const over = new AbortController();
  let known: Promise<RunningDaemon> | null = null;
  let probation = false;

  const read = (): Promise<DaemonRecord> => readDaemonRecord(disk, path);
  const write = (record: DaemonRecord): Promise<void> => writeDaemonRecord(disk, path, record);

  const identify = async (): Promise<RunningDaemon> => {
    const name = versionOfProgram(paths, program);
    const stored = name === null ? undefined : (await store.list()).find((each) => each.ref.version === name);
    const daemon = stored === undefined ? null : await store.daemon(stored.ref);
    if (stored !== undefined && daemon?.path === program)
      return { version, sha256: daemon.sha256, ref: stored.ref };
    try {
      // The bytes that run, though a package may have put another file in their place; of a script Node keeps no hold.
      const file = program === process.execPath ? '/proc/self/exe' : program;
      return { version, sha256: await hashFile(file), ref: null };
    } catch (error) {
      throw UpdateError.from(error, 'STATE_DIR_UNUSABLE', `cannot read ${program}`);
    }
  };
  const running = (): Promise<RunningDaemon> => {
    known ??= identify().catch((error: unknown) => {
      known = null;
      throw error;
    });
    return known;
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

  const endProbation = async (): Promise<void> => {
    await clock.sleep(times.probationMs, over.signal);
    const record = await onTrial();
    if (record === null) return;
    await write({ ...record, current: record.trial.successor, trial: null, process: null });
  };

  const beginProbation = (): void => {
    if (probation) return;
    probation = true;
    endProbation().catch((error: unknown) => {
      probation = false;
      const failure = UpdateError.from(error);
      if (failure.code !== 'CANCELLED') warn(failure);
    });
  };

  return {
    running,

    state: async (): Promise<SuccessionState> => {
      const { trial, failed } = await read();
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
          await execCommand(file, ['self-test', ...options.args]),
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

    become: async (attempt, successor, signal) => {
      const command = await execCommand(await checkedDaemonFile(disk, paths, successor), options.args);
      const before = await read();
      const failed = async (error: unknown): Promise<never> => {
        await write(before);
        throw UpdateError.from(
          error,
          'HANDOVER_FAILED',
          `cannot become the daemon of ${successor.ref.version}`,
        );
      };
      const trial = { attempt, successor, starts: 1, acknowledged: false, seen: [] };
      await write({ ...before, trial, failed: null, process: await thisProcess() });
      try {
        await options.guard?.(attempt);
        signal.throwIfAborted();
      } catch (error) {
        return failed(error);
      }
      const more = await options.leave();
      if (signal.aborted) throw new UpdateError('CANCELLED', 'the daemon was stopped before it gave way');
      try {
        exec(command, { ...options.env, ...more });
      } catch (error) {
        // Nothing listens any more: this program starts anew, in this very process, and says why.
        const why = `could not be started: ${UpdateError.from(error).message}`;
        await write({
          ...before,
          failed: {
            attempt,
            successor,
            error: { code: 'HANDOVER_FAILED', message: `the daemon of ${successor.ref.version} ${why}` },
            evidence: [why],
          },
        });
        exec(await execCommand(program, options.args), { ...options.env, ...more });
      }
      throw new UpdateError('HANDOVER_FAILED', 'expected execve(2) not to return, found that it did');
    },

    acknowledge: async () => {
      const record = await onTrial();
      if (record === null) return;
      if (!record.trial.acknowledged)
        await write({ ...record, trial: { ...record.trial, acknowledged: true } });
      beginProbation();
    },

    settle: async () => {
      const record = await read();
      if (record.failed === null) return;
      await write({ ...record, failed: null, process: record.trial === null ? null : record.process });
    },

    kept: async () => {
      const { current, trial } = await read();
      const { ref } = await running();
      return [current?.ref, trial?.successor.ref, ref].filter((each) => each !== undefined && each !== null);
    },

    atRest: async () => {
      over.abort();
      const record = await read();
      if (!isSameProcess(record.process, await thisProcess())) return;
      const { trial } = record;
      // This start ends by an order, and says nothing against the daemon.
      const starts = Math.max(0, (trial?.starts ?? 0) - 1);
      await write({ ...record, process: null, trial: trial === null ? null : { ...trial, starts } });
    },
  };
}
