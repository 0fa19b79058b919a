import { Option, type Command } from 'commander';
import { publishToFeed } from '../../publish/feed.ts';
import { loadSigner } from '../../publish/signer.ts';
import { readTrustFile } from '../../publish/trust-file.ts';
import type { FeedChannel } from '../../types.ts';
import type { CliContext } from '../context.ts';
import { moreVersions, semverVersion, wholeNumber } from '../options.ts';
import { plain } from '../plain.ts';
import { instant } from '../time.ts';

interface PublishOptions {
  readonly feed: string;
  readonly channel: FeedChannel;
  readonly key: string;
  readonly trust: string;
  readonly expiresDays: number;
  readonly minVersion?: string;
  readonly block?: string[];
  readonly refresh?: true;
}

/** `core feed`. */
export function addFeed(parent: Command, context: CliContext): void {
  const feed = parent
    .command('feed')
    .summary('feeds: the static files that hosts update from')
    .description('Feeds: the static files that hosts update from.')
    .addHelpText('after', '\nExample:\n  core feed publish --help');

  feed
    .command('publish')
    .summary('publish a release on a channel')
    .description(
      'Publishes a release on a channel: copies its bundles into the feed, then signs the channel’s head. Safe to run again.',
    )
    .argument('<bundles...>', 'bundles of one version, one a platform')
    .requiredOption('--feed <dir>', 'the feed’s folder; made if it is not there')
    .addOption(
      new Option('--channel <channel>', 'the channel').choices(['edge', 'stable']).makeOptionMandatory(),
    )
    .requiredOption('--key <pem>', 'the channel’s private head key: head-edge.pem or head-stable.pem')
    .requiredOption('--trust <trustfile>', 'the public keys that hosts have')
    .option('--expires-days <days>', 'days until the head expires, 1 to 14', wholeNumber(1, 14), 7)
    .option('--min-version <version>', 'the security floor, never lower than before', semverVersion)
    .option(
      '--block <version>',
      'a blocked version; repeat it for each: the list replaces the one before',
      moreVersions,
    )
    .option('--refresh', 'sign a new head even when nothing changed, to put off its end')
    .addHelpText(
      'after',
      `
Example:
  core feed publish --feed feed --channel edge --key keys/head-edge.pem --trust keys/trust.json \\
    coresdk-sidecar-1.1.0.jws`,
    )
    .action(async (bundles: string[], options: PublishOptions) => {
      const { head, changed, path } = await publishToFeed({
        bundles,
        feedDir: options.feed,
        channel: options.channel,
        signer: await loadSigner(options.key),
        trust: await readTrustFile(options.trust),
        expDays: options.expiresDays,
        minVersion: options.minVersion,
        blocked: options.block,
        refresh: options.refresh,
        now: context.now(),
      });
      const until = instant(new Date(head.exp * 1000).toISOString());
      context.print(
        `${changed ? 'published' : 'nothing changed:'} ${plain(head.version)} on ${head.sub}, sequence ${String(head.seq)}, expires ${until}: ${plain(path)}`,
      );
    });
}
