import type { Command } from 'commander';
import { ERROR_CODES } from '../../error-codes.ts';
import { UpdateError } from '../../errors.ts';
import type { StateName } from '../../types.ts';
import type { CliContext, DaemonOptions } from '../context.ts';
import { help } from '../help.ts';
import { withDaemon } from '../options.ts';
import { plain } from '../plain.ts';

/** The states that a retried rollback, or a retried start-up, goes through. */
const ON_ITS_WAY: readonly StateName[] = ['recovering', 'rollingBack', 'rolledBack'];

/** `core sidecar retry`. */
export function addRetry(parent: Command, context: CliContext): void {
  withDaemon(parent.command('retry'))
    .summary('run a failed rollback again')
    .description('Runs a failed rollback again, and waits for the outcome.')
    .addHelpText('after', help([0, 1, 2, 6], 'core sidecar retry'))
    .action(async (options: DaemonOptions) => {
      const client = await context.connect(options);
      await client.retry();
      const { pollMs } = context;
      const status = await client.watch(
        ({ state }) => !ON_ITS_WAY.includes(state),
        pollMs === undefined ? {} : { pollMs },
      );
      const { state, last_error: error, current } = status;
      if (state === 'failed') {
        const code =
          error !== null && Object.hasOwn(ERROR_CODES, error.code) ? error.code : 'ROLLBACK_FAILED';
        throw new UpdateError(code, `it failed again: ${error?.message ?? 'see `core sidecar status`'}`);
      }
      context.print(`${plain(current.version)} runs again`);
    });
}
