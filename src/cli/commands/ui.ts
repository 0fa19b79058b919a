import { InvalidArgumentError, type Command } from 'commander';
import { UpdateError } from '../../errors.ts';
import { pageFiles } from '../../control/page/files.ts';
import { startUiServer } from '../../control/page/ui-server.ts';
import type { CliContext, DaemonOptions } from '../context.ts';
import { help } from '../help.ts';
import { withDaemon } from '../options.ts';

function portOf(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535)
    throw new InvalidArgumentError('expected a port from 0 to 65535');
  return port;
}

/** `core sidecar ui`. */
export function addUi(parent: Command, context: CliContext): void {
  withDaemon(parent.command('ui'))
    .summary('the live page of this host’s sidecar')
    .description(
      'Serves the live page on a free port of loopback, until Ctrl-C, for a daemon that has no TCP listener. It prints an address that can be opened once; whoever opens it can do what you can do at the control socket.',
    )
    .option('--port <number>', 'the port, instead of a free one', portOf, 0)
    .addHelpText('after', help([0, 1, 2, 6], 'core sidecar ui'))
    .action(async ({ port, ...options }: DaemonOptions & { readonly port: number }) => {
      const socket = await context.socket(options);
      // Better said here than on a page that stays empty.
      await (await context.connect({ socket })).status();
      const server = await startUiServer({ socket, files: await pageFiles(), port }).catch(
        (cause: unknown) => {
          throw UpdateError.from(cause, 'USAGE', `cannot listen at 127.0.0.1:${String(port)}`);
        },
      );
      context.print(server.url);
      context.note('Open this address in a browser on this host; Ctrl-C ends it.');
      await context.stopped();
      await server.close();
    });
}
