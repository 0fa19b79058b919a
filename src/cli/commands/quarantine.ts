import type { Command } from 'commander';
import type { CliContext, DaemonOptions } from '../context.ts';
import { help } from '../help.ts';
import { withDaemon } from '../options.ts';
import { plain, plainJson } from '../plain.ts';
import { quarantineLines } from '../status-text.ts';

/** `core sidecar quarantine`. */
export function addQuarantine(parent: Command, context: CliContext): void {
  const quarantine = parent
    .command('quarantine')
    .summary('the releases that failed here')
    .description('The releases that failed on this host, and are not tried again.')
    .addHelpText('after', help([0, 1, 2, 6], 'core sidecar quarantine list'));

  withDaemon(quarantine.command('list'))
    .description('Lists the releases that failed here, with what was seen.')
    .option('--json', 'a list, for programs')
    .addHelpText('after', help([0, 1, 2, 6], 'core sidecar quarantine list --json'))
    .action(async ({ json, ...options }: DaemonOptions & { readonly json?: true }) => {
      const entries = await (await context.connect(options)).quarantine();
      if (json) context.print(plainJson(entries));
      else
        context.print(
          entries.length === 0
            ? 'no release is in quarantine'
            : quarantineLines(entries, context.now()).join('\n'),
        );
    });

  withDaemon(quarantine.command('clear'))
    .description('Lets a release be tried again.')
    .argument('<release>', 'its release digest (8 digits are enough) or its version')
    .addHelpText('after', help([0, 1, 2, 6], 'core sidecar quarantine clear 1.2.0'))
    .action(async (release: string, options: DaemonOptions) => {
      const { version, digest } = await (await context.connect(options)).clearQuarantine(release);
      context.print(`${plain(version)} (${plain(digest ?? '')}) may be tried again`);
    });
}
