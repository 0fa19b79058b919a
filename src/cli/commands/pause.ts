import type { Command } from 'commander';
import type { Status } from '../../control/api.ts';
import type { StateName } from '../../types.ts';
import type { CliContext, DaemonOptions } from '../context.ts';
import { help } from '../help.ts';
import { withDaemon } from '../options.ts';
import { plain } from '../plain.ts';

/** The states in which the workload was not touched yet: a pause ends the attempt there. */
const PUT_OFF: readonly StateName[] = ['checking', 'downloading', 'verifying', 'staging', 'waiting'];

/** What becomes of an attempt that was under way. */
function attemptWords({ state, attempt, to }: Status): string | null {
  if (attempt === null || state === 'idle' || state === 'failed') return null;
  const name = `attempt ${plain(attempt)}${to === null ? '' : ` (${plain(to)})`}`;
  return PUT_OFF.includes(state)
    ? `${name} was in ${state} and is put off`
    : `${name} is in ${state} and goes to its end, for the workload was touched already`;
}

/** `core sidecar pause`. */
export function addPause(parent: Command, context: CliContext): void {
  withDaemon(parent.command('pause'))
    .summary('update nothing by itself until `resume`')
    .description(
      'Stops automatic updates until `core sidecar resume`, also over restarts. An update that has not touched the workload yet is put off; one that has goes to its end. What an operator asks for (`update`, `rollback`) is still done.',
    )
    .option('--reason <text>', 'why, for whoever reads the status')
    .addHelpText('after', help([0, 1, 2, 6], 'core sidecar pause --reason "maintenance until Monday"'))
    .action(async ({ reason, ...options }: DaemonOptions & { readonly reason?: string }) => {
      const client = await context.connect(options);
      const before = await client.status();
      await client.pause(reason ?? null);
      context.print(
        `automatic updates are paused${reason === undefined ? '' : `: ${plain(reason)}`}; \`core sidecar resume\` lets them go on`,
      );
      const attempt = attemptWords(before);
      if (attempt !== null) context.print(attempt);
    });
}
