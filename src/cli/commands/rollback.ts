import type { Command } from 'commander';
import type { CliContext, DaemonOptions } from '../context.ts';
import { followToEnd } from '../follow.ts';
import { help } from '../help.ts';
import { semverVersion, withDaemon } from '../options.ts';
import { reportOutcome } from '../outcome.ts';

/** `core sidecar rollback`. */
export function addRollback(parent: Command, context: CliContext): void {
  withDaemon(parent.command('rollback'))
    .summary('go back to a version that was committed here')
    .description(
      'Goes back to a version that was committed here, and waits until it is healthy. The release that is left is held back until a newer one appears, or its quarantine is cleared.',
    )
    .argument('[version]', 'the version; unless given, the one that ran before', semverVersion)
    .option('--json', 'how it ended, for programs')
    .addHelpText('after', help([0, 1, 2, 3, 5, 6], 'core sidecar rollback 1.1.0'))
    .action(
      async (version: string | undefined, { json, ...options }: DaemonOptions & { readonly json?: true }) => {
        const client = await context.connect(options);
        const id = await client.rollback(version ?? null);
        reportOutcome(context, await followToEnd(context, client, id), 'rollback', json);
      },
    );
}
