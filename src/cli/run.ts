/** The entry of the CLI. */
import { CommanderError } from 'commander';
import { hasErrno, UpdateError } from '../errors.ts';
import { buildCli } from './build.ts';
import { complaint } from './complain.ts';
import { createContext, type CliDeps } from './context.ts';
import type { ExitCode } from './exit-code.ts';

export type { CliDeps } from './context.ts';
export type { Output } from './output.ts';

/** Commander's own refusals as ours; null where it only printed what was asked for. */
function usageError(error: CommanderError): UpdateError | null {
  if (error.exitCode === 0) return null;
  // It "displays help" on its own where a command is missing.
  if (error.code === 'commander.help') return new UpdateError('USAGE', 'expected a command, found none');
  return new UpdateError('USAGE', error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' '), {
    cause: error,
  });
}

/** A reader that had enough (`core sidecar history | head -1`) is no fault; anything else is. */
function letGo(error: Error): void {
  if (!hasErrno(error, 'EPIPE')) throw error;
}

/**
 * Runs one command line, and never ends the process.
 *
 * @param argv - the arguments, without the program's own name
 * @param deps - streams, environment, and what the program was built with
 * @returns the exit code: 0 done or nothing to do, 1 error, 2 usage, 3 not trusted, 4 rolled back by itself, 5 deferred or
 *   disabled, 6 no daemon answers; never rejects
 * @example
 * process.exitCode = await runCli(['sidecar', 'status'], { env: process.env, stdout: process.stdout, stderr: process.stderr, embedded });
 */
export async function runCli(argv: readonly string[], deps: CliDeps): Promise<number> {
  let exit: ExitCode = 0;
  const context = createContext(deps, (code) => {
    exit = code;
  });
  deps.stdout.on?.('error', letGo);
  deps.stderr.on?.('error', letGo);
  try {
    const core = await buildCli(context, deps.stdout, argv[0]);
    await core.parseAsync(argv, { from: 'user' });
    return exit;
  } catch (thrown) {
    const error = thrown instanceof CommanderError ? usageError(thrown) : thrown;
    if (error === null) return 0;
    deps.stderr.write(complaint(error));
    return UpdateError.from(error).info.exit;
  }
}
