import { spawn } from 'node:child_process';
import { UpdateError } from '../errors.ts';
import type { ExecCommand } from './daemon-file.ts';

/** Evidence is for people: the last lines say most. */
const STDERR_MAX = 2_000;

/**
 * Runs a daemon's self-test.
 *
 * @param command - the program, with `self-test` and the arguments of the role of the daemon
 * @param timeoutMs - after which it is ended, ms
 * @returns what it said when it failed, for people; null when it passed
 * @throws UpdateError `CANCELLED`
 */
export function runSelfTest(
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
