import type { Command } from 'commander';
import type { LogView } from '../../control/api.ts';
import type { CliContext, DaemonOptions } from '../context.ts';
import { eventsOf } from '../events.ts';
import { help } from '../help.ts';
import { logText } from '../log-text.ts';
import { wholeNumber, withDaemon } from '../options.ts';
import { plain, plainLine } from '../plain.ts';

interface LogsOptions extends DaemonOptions {
  readonly follow?: true;
  readonly lines: number;
  readonly json?: true;
}

/** The lines of the past, then those that come: what came before the past was read waits, and what is in both is told once. */
function inOrder(show: (line: LogView) => void): {
  readonly past: (lines: readonly LogView[]) => void;
  readonly live: (line: LogView) => void;
} {
  const early: LogView[] = [];
  const told = new Set<string>();
  let read = false;
  const tell = (line: LogView): void => {
    if (!told.delete(JSON.stringify(line))) show(line);
  };
  return {
    past: (lines) => {
      for (const line of lines) {
        show(line);
        told.add(JSON.stringify(line));
      }
      for (const line of early) tell(line);
      read = true;
    },
    live: (line) => {
      if (read) tell(line);
      else early.push(line);
    },
  };
}

/** The newest lines, then every line from then on, until it is told to stop. */
async function followLogs(
  context: CliContext,
  options: LogsOptions,
  show: (line: LogView) => void,
): Promise<void> {
  const client = await context.connect(options);
  const ending = new AbortController();
  void context.stopped().then(() => {
    ending.abort();
  });
  const lines = inOrder(show);
  const listen = async (): Promise<void> => {
    const events = eventsOf(client, {
      signal: ending.signal,
      retryMs: context.tickMs,
      onLost: ({ message }) => {
        context.note(`note: ${plain(message)}; trying again`);
      },
    });
    for await (const event of events) if (event.kind === 'log') lines.live(event.line);
  };
  try {
    // The stream is opened first, so that no line falls between the two.
    await Promise.all([listen(), client.logs(options.lines).then(lines.past)]);
  } finally {
    ending.abort();
  }
}

/** `core sidecar logs`. */
export function addLogs(parent: Command, context: CliContext): void {
  withDaemon(parent.command('logs'))
    .summary('the newest lines of the daemon’s log')
    .description(
      'Prints the newest lines of the daemon’s log, oldest first: as many as it remembers (500). What the workload writes is not among them: that goes to `workload.output`.',
    )
    .option('-f, --follow', 'go on with every new line, until Ctrl-C')
    .option('-n, --lines <n>', 'how many, 1 to 500', wholeNumber(1, 500), 50)
    .option('--json', 'JSON lines, for programs')
    .addHelpText('after', help([0, 1, 2, 6], 'core sidecar logs -n 100', 'core sidecar logs --follow --json'))
    .action(async (options: LogsOptions) => {
      const show = (line: LogView): void => {
        context.print(options.json ? plainLine(line) : logText(line, context.style));
      };
      if (options.follow) {
        await followLogs(context, options, show);
        return;
      }
      const lines = await (await context.connect(options)).logs(options.lines);
      for (const line of lines) show(line);
    });
}
