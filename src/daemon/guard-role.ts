/** The guard as a role of the program, and how a daemon starts it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, writeSync } from 'node:fs';
import { Readable } from 'node:stream';
import { systemClock } from '../adapters/clock.ts';
import { execCommand } from '../adapters/daemon-file.ts';
import { readDaemonRecord, writeDaemonRecord } from '../adapters/daemon-record.ts';
import { nodeDisk } from '../adapters/disk.ts';
import { statePaths } from '../adapters/state-dir.ts';
import { complain } from '../complain.ts';
import { UpdateError } from '../errors.ts';
import { guard } from './guard.ts';
import { guardedEnv, takeLauncher } from './launch.ts';
import { HAND_OVER_TIMES } from './hand-over-times.ts';

/** The descriptor on which a guard says that it is up. */
const UP_FD = 3;
/** How long a guard may take to come up; a Node on a busy machine. */
const UP_MS = 30_000;

/** Whether something is said on a pipe before its other end is closed. */
async function saysSomething(pipe: Readable): Promise<boolean> {
  const signal = AbortSignal.timeout(UP_MS);
  try {
    const said = once(pipe, 'data', { signal }).then(() => true);
    return await Promise.race([said, once(pipe, 'close', { signal }).then(() => false)]);
  } catch {
    return false;
  } finally {
    pipe.destroy();
  }
}

/**
 * A program and its arguments in the background, as nobody's child: whoever started it is about to become another program.
 *
 * @param says - whether it says that it is up, and is waited for
 */
async function startApart(
  program: string,
  args: readonly string[],
  env: Readonly<NodeJS.ProcessEnv>,
  says: boolean,
): Promise<void> {
  const { file, argv } = await execCommand(program, args);
  // In a session of its own, so that a terminal's Ctrl-C does not reach it; the shell ends at once, and it is inherited by init.
  const shell = spawn('/bin/sh', ['-c', '"$@" &', 'sh', file, ...argv.slice(1)], {
    env,
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', says ? 'pipe' : 'ignore'],
  });
  const pipe = shell.stdio[UP_FD];
  const isUp = pipe instanceof Readable ? saysSomething(pipe) : Promise.resolve(!says);
  const [code] = (await once(shell, 'exit')) as [number | null];
  if (code !== 0)
    throw new UpdateError(
      'HANDOVER_FAILED',
      `expected /bin/sh to start ${file}, found exit code ${String(code)}`,
    );
  // The shell knows nothing of what becomes of it.
  if (!(await isUp))
    throw new UpdateError(
      'HANDOVER_FAILED',
      `expected ${file} to come up, found that it ended, or did not say so within ${String(UP_MS / 1000)} s`,
    );
}

/** Tells whoever started this guard that it is up. */
function sayUp(): void {
  try {
    writeSync(UP_FD, 'up');
    closeSync(UP_FD);
  } catch {
    // Nobody waits for it: a person called the role.
  }
}

/** What the guard is told. */
export interface GuardOrder {
  readonly stateDir: string;
  readonly attempt: string;
  /** The installed program, which is started where nobody else starts a daemon. */
  readonly installed: string;
  /** The arguments of the role of the daemon. */
  readonly args: readonly string[];
}

/**
 * Starts the guard from a daemon's own program; resolves once it watches.
 *
 * @throws UpdateError `HANDOVER_FAILED`
 */
export async function startGuard(
  program: string,
  { stateDir, attempt, installed, args }: GuardOrder,
  env: Readonly<NodeJS.ProcessEnv>,
): Promise<void> {
  try {
    await startApart(program, ['guard', stateDir, attempt, installed, ...args], env, true);
  } catch (error) {
    throw UpdateError.from(error, 'HANDOVER_FAILED', 'cannot start the guard of the hand-over');
  }
}

/**
 * The role `guard STATE_DIR ATTEMPT INSTALLED [ARGUMENT…]`; for the daemon alone.
 *
 * @returns the exit code
 */
export async function runGuard(words: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  // Whom it starts is a launcher.
  takeLauncher(env);
  const [stateDir, attempt, installed, ...args] = words;
  try {
    if (stateDir === undefined || attempt === undefined || installed === undefined)
      throw new UpdateError(
        'USAGE',
        'expected `guard STATE_DIR ATTEMPT INSTALLED`, which only a daemon calls',
      );
    const { daemonRecord } = statePaths(stateDir);
    sayUp();
    await guard({
      attempt,
      times: HAND_OVER_TIMES,
      clock: systemClock,
      read: () => readDaemonRecord(nodeDisk, daemonRecord),
      write: (record) => writeDaemonRecord(nodeDisk, daemonRecord, record),
      start: () => startApart(installed, args, { ...env, ...guardedEnv }, false),
      warn: (error) => {
        process.stderr.write(`the guard of the hand-over: ${error.message}\n`);
      },
    });
    return 0;
  } catch (error) {
    return complain(error);
  }
}
