/** The guard as a role of the program, and how a daemon starts it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
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

/** A program and its arguments in the background, as nobody's child: whoever started it is about to become another program. */
async function startApart(
  program: string,
  args: readonly string[],
  env: Readonly<NodeJS.ProcessEnv>,
): Promise<void> {
  const { file, argv } = await execCommand(program, args);
  // In a session of its own, so that a terminal's Ctrl-C does not reach it; the shell ends at once, and it is inherited by init.
  const shell = spawn('/bin/sh', ['-c', '"$@" &', 'sh', file, ...argv.slice(1)], {
    env,
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = (await once(shell, 'exit')) as [number | null];
  if (code !== 0)
    throw new UpdateError(
      'HANDOVER_FAILED',
      `expected /bin/sh to start ${file}, found exit code ${String(code)}`,
    );
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
 * Starts the guard from a daemon's own program.
 *
 * @throws UpdateError `HANDOVER_FAILED`
 */
export async function startGuard(
  program: string,
  { stateDir, attempt, installed, args }: GuardOrder,
  env: Readonly<NodeJS.ProcessEnv>,
): Promise<void> {
  try {
    await startApart(program, ['guard', stateDir, attempt, installed, ...args], env);
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
    await guard({
      attempt,
      times: HAND_OVER_TIMES,
      clock: systemClock,
      read: () => readDaemonRecord(nodeDisk, daemonRecord),
      write: (record) => writeDaemonRecord(nodeDisk, daemonRecord, record),
      start: () => startApart(installed, args, { ...env, ...guardedEnv }),
      warn: (error) => {
        process.stderr.write(`the guard of the hand-over: ${error.message}\n`);
      },
    });
    return 0;
  } catch (error) {
    return complain(error);
  }
}
