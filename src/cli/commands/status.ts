import type { Command } from 'commander';
import type { CliContext, DaemonOptions } from '../context.ts';
import { help } from '../help.ts';
import { withDaemon } from '../options.ts';
import { plainJson } from '../plain.ts';
import { statusText } from '../status-text.ts';

interface StatusOptions extends DaemonOptions {
  readonly json?: boolean;
  readonly watch?: boolean;
}

/** `core sidecar status`. */
export function addStatus(parent: Command, context: CliContext): void {
  withDaemon(parent.command('status'))
    .summary('what runs, what happens next, and what to do')
    .description('Says what runs, what happens next and what to do; then the facts.')
    .option('-w, --watch', 'go on, until Ctrl-C: on a terminal one live view, elsewhere a line a change')
    .option('--json', 'the status for programs; with --watch each event as a line of JSON')
    .addHelpText(
      'after',
      help([0, 1, 2, 6], 'core sidecar status', 'core sidecar status --watch', 'core sidecar status --json'),
    )
    .action(async ({ json = false, watch = false, ...options }: StatusOptions) => {
      const client = await context.connect(options);
      if (watch) {
        const { watchStatus } = await import('../watch/watch.ts');
        await watchStatus(context, client, { json });
        return;
      }
      const status = await client.status();
      context.print(json ? plainJson(status) : statusText(status, context.now(), context.style));
    });
}
