/**
 * The launcher path: what the role of the daemon does before anything else. It reads which daemon this host runs, and becomes that one
 * where it is another.
 *
 * Invariants:
 * - A start on trial is counted durably before it is made; where it cannot be counted, it is not made.
 * - Who was started by a launcher starts what it is, and launches nothing: there is no loop.
 * - A start on trial is watched by a guard: the one of the hand-over, or, where a power cut or the end of a container ended that, another.
 * - Whatever is wrong with the record or the files, some daemon starts: at last the installed one.
 */
import { nodeDisk, type Disk } from '../adapters/disk.ts';
import { choose, passOver } from '../adapters/daemon-choice.ts';
import { checkedDaemonFile, execCommand, type ExecCommand } from '../adapters/daemon-file.ts';
import { isRunning, isSameProcess, thisProcess } from '../adapters/daemon-process.ts';
import { readDaemonRecord, writeDaemonRecord, type DaemonRecord } from '../adapters/daemon-record.ts';
import { statePaths } from '../adapters/state-dir.ts';
import { execInto } from '../adapters/succession.ts';
import { UpdateError } from '../errors.ts';

/** The installed program: what a service manager or a person starts. */
export interface Installed {
  readonly path: string;
  readonly version: string;
}

/** Under these the launcher tells the daemon that it starts who it is. */
const LAUNCHER = { path: 'CORESDK_LAUNCHER', version: 'CORESDK_LAUNCHER_VERSION' } as const;

/** The environment that tells a daemon by which installed program it was launched. */
export function launcherEnv({ path, version }: Installed): Record<string, string> {
  return { [LAUNCHER.path]: path, [LAUNCHER.version]: version };
}

/**
 * Reads what the launcher told this program, and takes it out of the environment, so that no child is given it.
 *
 * @returns null for the installed program itself
 */
export function takeLauncher(env: NodeJS.ProcessEnv): Installed | null {
  const { [LAUNCHER.path]: path, [LAUNCHER.version]: version } = env;
  for (const name of Object.values(LAUNCHER)) Reflect.deleteProperty(env, name);
  return path === undefined || version === undefined || path === '' ? null : { path, version };
}

/** Under this the guard tells whom it starts that it is there. */
const GUARDED = 'CORESDK_GUARDED';

/** The environment of a launcher that a guard starts. */
export const guardedEnv: Readonly<Record<string, string>> = { [GUARDED]: '1' };

/** Whether a guard started this program; takes that out of the environment. */
export function takeGuarded(env: NodeJS.ProcessEnv): boolean {
  const { [GUARDED]: guarded } = env;
  Reflect.deleteProperty(env, GUARDED);
  return guarded !== undefined;
}

/** What {@link launch} needs. */
export interface LaunchOptions {
  /** Absolute; the daemon's state directory. */
  readonly stateDir: string;
  /** This program, which is the installed one. */
  readonly installed: Installed;
  /** The arguments of the role of the daemon. */
  readonly args: readonly string[];
  readonly env: Readonly<NodeJS.ProcessEnv>;
  /** Starts a guard for the trial of an attempt; null where one is there already. */
  readonly guard: ((attempt: string) => Promise<void>) | null;
  readonly disk?: Disk;
  /** `execve(2)`; the real one unless told. */
  readonly exec?: (command: ExecCommand, env: NodeJS.ProcessEnv) => void;
}

/** Puts the record on disk where it says something new. */
async function keep(disk: Disk, path: string, before: DaemonRecord, after: DaemonRecord): Promise<void> {
  if (JSON.stringify(before) !== JSON.stringify(after)) await writeDaemonRecord(disk, path, after);
}

/**
 * Chooses the daemon that runs on this host, and becomes it. Resolves where that is this program.
 *
 * @returns lines for the log: what was not as usual
 * @throws UpdateError `ALREADY_RUNNING`
 */
export async function launch(options: LaunchOptions): Promise<readonly string[]> {
  const { stateDir, installed, args, env, guard, disk = nodeDisk, exec = execInto } = options;
  const paths = statePaths(stateDir);
  const said: string[] = [];
  try {
    const onDisk = await readDaemonRecord(disk, paths.daemonRecord);
    let record = onDisk;
    // The usual case: nothing ever replaced the installed daemon.
    if (record.current === null && record.trial === null && record.process === null) return said;
    const self = await thisProcess();
    const watched = record.process;
    // Not left to the lock: a daemon on trial may end before it is asked for, and then the wrong one would have it.
    if (watched !== null && !isSameProcess(watched, self) && (await isRunning(watched)))
      throw new UpdateError(
        'ALREADY_RUNNING',
        `expected to be the only daemon on ${stateDir}, found that process ${String(watched.pid)} is one`,
      );
    for (;;) {
      const choice = choose(record, installed.version);
      if (choice.why !== null) said.push(choice.why);
      const { trial } = choice.record;
      const process = trial !== null || watched !== null ? self : null;
      const file =
        choice.run === null ? null : await checkedDaemonFile(disk, paths, choice.run).catch(asError);
      if (choice.run !== null && file instanceof UpdateError) {
        const why = `cannot be started: ${file.message}`;
        said.push(`the daemon of ${choice.run.ref.version} ${why}`);
        record = passOver(record, choice.run, why);
        continue;
      }
      await keep(disk, paths.daemonRecord, onDisk, { ...choice.record, process });
      if (typeof file !== 'string') return said;
      try {
        if (trial !== null) await guard?.(trial.attempt);
      } catch (error) {
        // Without one, only a daemon that hangs where nobody else watches it goes unseen.
        said.push(UpdateError.from(error).message);
      }
      exec(await execCommand(file, args), { ...env, ...launcherEnv(installed) });
      throw new UpdateError(
        'HANDOVER_FAILED',
        `expected execve(2) of ${file} not to return, found that it did`,
      );
    }
  } catch (error) {
    if (error instanceof UpdateError && error.code === 'ALREADY_RUNNING') throw error;
    // A record that cannot be read or written, or a system that refuses to start the file: this program is there, and works.
    said.push(`${installed.version} runs, the installed daemon: ${UpdateError.from(error).message}`);
    return said;
  }
}

const asError = (error: unknown): UpdateError => UpdateError.from(error);
