/** `core feed verify|serve`: a feed as clients see it. */
import type { Command } from 'commander';
import { serveFeed, type FeedServer } from '../../publish/serve.ts';
import { readTrustFile } from '../../publish/trust-file.ts';
import { verifyFeed } from '../../publish/verify-feed.ts';
import type { CliContext } from '../context.ts';
import { help } from '../help.ts';
import { feedReportText } from '../feed-text.ts';
import { wholeNumber } from '../options.ts';
import { plain, plainJson } from '../plain.ts';

interface ServeOptions {
  readonly feed: string;
  readonly host?: string;
  readonly port: number;
}

/** Adds `verify` and `serve`. */
export function addFeedCheck(feed: Command, context: CliContext): void {
  addVerify(feed, context);
  addServe(feed, context);
}

function addVerify(feed: Command, context: CliContext): void {
  feed
    .command('verify')
    .summary('check a whole feed as a client would')
    .description(
      'Checks a whole feed as a client would: heads, bake, every bundle, and that nothing is missing or astray. Says when the heads expire. Ends with 3 when something is not trusted, with 1 for other faults.',
    )
    .requiredOption('--feed <dir>', 'the feed’s folder')
    .requiredOption('--trust <trustfile>', 'the public keys that hosts have, older ones too')
    .option('--json', 'as JSON')
    .addHelpText('after', help([0, 1, 2, 3], 'core feed verify --feed feed --trust keys/trust.json'))
    .action(async (options: { readonly feed: string; readonly trust: string; readonly json?: true }) => {
      const now = context.now();
      const report = await verifyFeed({
        feedDir: options.feed,
        trust: await readTrustFile(options.trust),
        now,
      });
      context.print(options.json === true ? plainJson(report) : feedReportText(report, now, context.style));
      if (!report.ok) context.end(report.trusted ? 1 : 3);
    });
}

function addServe(feed: Command, context: CliContext): void {
  feed
    .command('serve')
    .summary('serve a feed over HTTP')
    .description(
      'Serves a feed over HTTP until it is interrupted: for trials and closed networks. In the open, put the folder behind a web server with TLS.',
    )
    .requiredOption('--feed <dir>', 'the feed’s folder')
    .option('--port <port>', 'the port; 0 for any that is free', wholeNumber(0, 65_535), 0)
    .option('--host <address>', 'the address to listen at (default 127.0.0.1)')
    .addHelpText('after', help([0, 1, 2, 3], 'core feed serve --feed feed --port 8080'))
    .action(async ({ feed: dir, host, port }: ServeOptions) => {
      await using server: FeedServer = await serveFeed({
        dir,
        host,
        port,
        onRequest: ({ method, target, status, error }) => {
          const fault = error === null ? '' : `: ${plain(error.message)}`;
          context.note(`${plain(method)} ${plain(target)} ${String(status)}${fault}`);
        },
      });
      context.print(`serving ${plain(dir)} at ${server.url}`);
      await context.stopped();
    });
}
