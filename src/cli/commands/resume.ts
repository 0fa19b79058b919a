import type { Command } from 'commander';
import type { CliContext, DaemonOptions } from '../context.ts';
import { help } from '../help.ts';
import { withDaemon } from '../options.ts';
import { plain } from '../plain.ts';

/** `core sidecar resume`. */
export function addResume(parent: Command, context: CliContext): void {
  withDaemon(parent.command('resume'))
    .summary('let automatic updates go on after a pause')
    .description(
      'Lets automatic updates go on after a pause, and says why they were paused: by an operator, or by the daemon itself after a fault.',
    )
    .addHelpText('after', help([0, 1, 2, 6], 'core sidecar resume'))
    .action(async (options: DaemonOptions) => {
      const client = await context.connect(options);
      const { paused } = await client.status();
      // Also when nothing seems paused: the status may be older than the pause.
      await client.resume();
      context.print(
        paused === null
          ? 'nothing was paused: automatic updates go on as before'
          : `automatic updates go on; they were paused because: ${plain(paused.message)} [${paused.code}]`,
      );
    });
}
