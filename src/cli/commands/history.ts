import type { Command } from 'commander';
import type { CliContext, DaemonOptions } from '../context.ts';
import { help } from '../help.ts';
import { historyText } from '../history-text.ts';
import { wholeNumber, withDaemon } from '../options.ts';
import { plainJson } from '../plain.ts';

interface HistoryOptions extends DaemonOptions {
  readonly json?: true;
  readonly limit: number;
  readonly verbose?: boolean;
}

/** `core sidecar history`. */
export function addHistory(parent: Command, context: CliContext): void {
  withDaemon(parent.command('history'))
    .summary('the attempts so far, newest first')
    .description('Lists the attempts, newest first. Checks that found nothing are not kept.')
    .option('--json', 'a list, for programs')
    .option('--limit <n>', 'how many, 1 to 500', wholeNumber(1, 500), 20)
    .option('--verbose', 'also each attempt’s reason and steps')
    .addHelpText('after', help([0, 1, 2, 6], 'core sidecar history --limit 5 --verbose'))
    .action(async ({ json, limit, verbose = false, ...options }: HistoryOptions) => {
      const attempts = await (await context.connect(options)).history(limit);
      context.print(json ? plainJson(attempts) : historyText(attempts, { verbose, style: context.style }));
    });
}
