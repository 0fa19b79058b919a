import type { Command } from 'commander';
import type { CliContext, DaemonOptions } from '../context.ts';
import { withDaemon } from '../options.ts';

/** `core sidecar resume`. */
export function addResume(parent: Command, context: CliContext): void {
  withDaemon(parent.command('resume'))
    .summary('let automatic updates go on after a pause')
    .description(
      'Lets automatic updates go on after a pause; `core sidecar status` says why they are paused.',
    )
    .addHelpText('after', '\nExample:\n  core sidecar resume')
    .action(async (options: DaemonOptions) => {
      await (await context.connect(options)).resume();
      context.print('automatic updates go on: see `core sidecar status`');
    });
}
