import type { Command } from 'commander';
import type { CliContext, DaemonOptions } from '../context.ts';
import { help } from '../help.ts';
import { withDaemon } from '../options.ts';
import { plainJson } from '../plain.ts';
import { versionsText } from '../versions-text.ts';

/** `core sidecar versions`. */
export function addVersions(parent: Command, context: CliContext): void {
  withDaemon(parent.command('versions'))
    .summary('the versions on disk')
    .description('Lists the versions on disk, newest first: what `rollback` can go back to.')
    .option('--json', 'a list, for programs')
    .addHelpText('after', help([0, 1, 2, 6], 'core sidecar versions'))
    .action(async ({ json, ...options }: DaemonOptions & { readonly json?: true }) => {
      const versions = await (await context.connect(options)).versions();
      context.print(json ? plainJson(versions) : versionsText(versions, context.now(), context.style));
    });
}
