import type { Command } from 'commander';
import type { CliContext, DaemonOptions } from '../context.ts';
import { withDaemon } from '../options.ts';
import { plainJson } from '../plain.ts';
import { statusText } from '../status-text.ts';

/** `core sidecar status`. */
export function addStatus(parent: Command, context: CliContext): void {
  withDaemon(parent.command('status'))
    .summary('what runs, what happens next, and what to do')
    .description('Says what runs, what happens next and what to do; then the facts.')
    .option('--json', 'the control API’s answer')
    .addHelpText('after', '\nExample:\n  core sidecar status --json | jq .quarantine')
    .action(async ({ json, ...options }: DaemonOptions & { readonly json?: true }) => {
      const status = await (await context.connect(options)).status();
      context.print(json ? plainJson(status) : statusText(status, context.now(), context.style));
    });
}
