import type { Command } from 'commander';
import type { CliContext, DaemonOptions } from '../context.ts';
import { help } from '../help.ts';
import { withDaemon } from '../options.ts';
import { plain } from '../plain.ts';
import { shortDigest } from '../status-text.ts';

/** `core sidecar approve`. */
export function addApprove(parent: Command, context: CliContext): void {
  withDaemon(parent.command('approve'))
    .summary('approve the release that waits for it')
    .description(
      'Approves a release where the configuration says `update.approval: required`. The approval is for exactly these files: it is kept by release digest.',
    )
    .argument(
      '[release]',
      'its version, or its release digest (8 digits are enough); unless given, the one that waits',
    )
    .addHelpText('after', help([0, 1, 2, 6], 'core sidecar approve', 'core sidecar approve 1.3.0'))
    .action(async (release: string | undefined, options: DaemonOptions) => {
      const { version, digest } = await (await context.connect(options)).approve(release ?? null);
      context.print(`${plain(version)} (${shortDigest(digest ?? '')}) is approved`);
    });
}
