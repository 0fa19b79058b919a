/**
 * The launcher path: what the role of the daemon does before anything else. It reads which daemon this host runs, and becomes that one
 * where it is another.
 *
 * Invariants:
 * - A start on trial is counted durably before it is made; where it cannot be counted, it is not made. One launcher at a time counts.
 * - Nothing is believed that stands in a folder into which others can write.
 * - Who was started by a launcher starts what it is, and launches nothing: there is no loop.
 * - A start on trial is watched by a guard: the one of the hand-over, or, where a power cut or the end of a container ended that, another.
 * - Whatever is wrong with the record or the files, some daemon starts: at last the installed one. A daemon that is passed over is not
 *   on trial any more, or the guard would take the one that runs for it.
 */
import { systemClock } from '../adapters/clock.ts';
import { nodeDisk, type Disk } from '../adapters/disk.ts';
import { choose, passOver } from '../adapters/daemon-choice.ts';
import { checkedDaemonFile, execCommand, type ExecCommand } from '../adapters/daemon-file.ts';
import { isRunning, isSameProcess, thisProcess, type NamedProcess } from '../adapters/daemon-process.ts';
import { readDaemonRecord, writeDaemonRecord, type DaemonRecord } from '../adapters/daemon-record.ts';
import { holdLaunchLock, type LaunchLock } from '../adapters/launch-lock.ts';
import { requirePrivate, statePaths } from '../adapters/state-dir.ts';
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
  /** Lets one launcher at a time decide; the real lock unless told. */
  readonly lock?: (path: string) => Promise<LaunchLock>;
  /** `execve(2)`; the real one unless told. */
  readonly exec?: (command: ExecCommand, env: NodeJS.ProcessEnv) => void;
}

/** Puts the record on disk where it says something new. */
async function keep(disk: Disk, path: string, before: DaemonRecord, after: DaemonRecord): Promise<void> {
  if (JSON.stringify(before) !== JSON.stringify(after)) await writeDaemonRecord(disk, path, after);
}

/** Whether nothing ever replaced the installed daemon, or nothing is left of it. */
const isUnused = ({ current, trial, process }: DaemonRecord): boolean =>
  current === null && trial === null && process === null;

/** Not left to the lock of the journal: a daemon on trial may end before it is asked for, and then the wrong one would have it. */
async function requireAlone(
  stateDir: string,
  watched: NamedProcess | null,
  self: NamedProcess,
): Promise<void> {
  if (watched !== null && !isSameProcess(watched, self) && (await isRunning(watched)))
    throw new UpdateError(
      'ALREADY_RUNNING',
      `expected to be the only daemon on ${stateDir}, found that process ${String(watched.pid)} is one`,
    );
}

/** Becomes the daemon that the record chooses; returns where that is the installed one. */
async function become(
  { stateDir, installed, args, env, guard, disk = nodeDisk, exec = execInto }: LaunchOptions,
  said: string[],
): Promise<void> {
  const paths = statePaths(stateDir);
  let onDisk = await readDaemonRecord(disk, paths.daemonRecord);
  if (isUnused(onDisk)) return;
  const self = await thisProcess();
  const watched = onDisk.process;
  await requireAlone(stateDir, watched, self);
  let record = onDisk;
  for (;;) {
    const { run, why, record: chosen } = choose(record, installed.version);
    if (why !== null) said.push(why);
    const { trial } = chosen;
    let command: ExecCommand | null = null;
    try {
      if (run !== null) command = await execCommand(await checkedDaemonFile(disk, paths, run), args, disk);
    } catch (error) {
      if (run === null) throw error;
      const fault = `cannot be started: ${UpdateError.from(error).message}`;
      said.push(`the daemon of ${run.ref.version} ${fault}`);
      record = passOver(record, run, fault);
      continue;
    }
    const next = { ...chosen, process: trial !== null || watched !== null ? self : null };
    await keep(disk, paths.daemonRecord, onDisk, next);
    onDisk = next;
    if (run === null || command === null) return;
    try {
      if (trial !== null) await guard?.(trial.attempt);
    } catch (error) {
      // Without one, only a daemon that hangs where nobody else watches it goes unseen.
      said.push(UpdateError.from(error).message);
    }
    try {
      exec(command, { ...env, ...launcherEnv(installed) });
    } catch (error) {
      // A trusted one may be started the next time.
      if (trial === null) throw error;
      // It must not stay on trial: its guard would take the daemon that runs instead for it.
      const fault = `could not be started: ${UpdateError.from(error).message}`;
      said.push(`the daemon of ${run.ref.version} ${fault}`);
      record = passOver(next, run, fault, 'HANDOVER_FAILED');
      continue;
    }
    throw new UpdateError(
      'HANDOVER_FAILED',
      `expected execve(2) of ${command.file} not to return, found that it did`,
    );
  }
}

/**
 * Chooses the daemon that runs on this host, and becomes it. Resolves where that is this program.
 *
 * @returns lines for the log: what was not as usual
 * @throws UpdateError `ALREADY_RUNNING`
 */
export async function launch(options: LaunchOptions): Promise<readonly string[]> {
  const { stateDir, installed, disk = nodeDisk } = options;
  const { lock = (path: string) => holdLaunchLock(path, systemClock) } = options;
  const paths = statePaths(stateDir);
  const said: string[] = [];
  let held: LaunchLock | null = null;
  try {
    // The usual case, at no cost.
    if (isUnused(await readDaemonRecord(disk, paths.daemonRecord))) return said;
    // Before anything is believed that stands there.
    await requirePrivate(paths, disk);
    held = await lock(paths.launchLock);
    if (held.missing !== null)
      said.push(`another start at the same instant would not be noticed: ${held.missing}`);
    await become(options, said);
    return said;
  } catch (error) {
    if (error instanceof UpdateError && error.code === 'ALREADY_RUNNING') throw error;
    // A record that cannot be read or written, or a system that refuses to start the file: this program is there, and works.
    said.push(`${installed.version} runs, the installed daemon: ${UpdateError.from(error).message}`);
    return said;
  } finally {
    held?.release();
  }
}
