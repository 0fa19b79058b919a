/** `core feed init|publish|promote`: releases into a feed. */
import { Option, type Command } from 'commander';
import { UpdateError } from '../../errors.ts';
import { publishToFeed } from '../../publish/feed.ts';
import { initFeed } from '../../publish/init-feed.ts';
import { promoteRelease } from '../../publish/promote.ts';
import type { FeedChannel } from '../../types.ts';
import type { CliContext } from '../context.ts';
import { help } from '../help.ts';
import {
  deltaWish,
  headOptions,
  report,
  rolloutWish,
  withDeltas,
  withHeads,
  withRollout,
  type DeltaCommandOptions,
  type RolloutCommandOptions,
} from '../feed-options.ts';
import { more, moreVersions, semverVersion } from '../options.ts';
import { plain } from '../plain.ts';
import { instant } from '../time.ts';

interface PublishOptions extends DeltaCommandOptions, RolloutCommandOptions {
  readonly channel: FeedChannel;
  readonly minVersion?: string;
  readonly block?: string[];
  readonly step?: string[];
  readonly dropSteps?: true;
  readonly refresh?: true;
}

interface PromoteOptions extends DeltaCommandOptions, RolloutCommandOptions {
  readonly version?: string;
  readonly security?: string;
  readonly minVersion?: string;
  readonly refresh?: true;
}

const REFRESH = 'sign a new head even when nothing changed, to put off its end';

/** Adds `init`, `publish` and `promote`. */
export function addFeedPublish(feed: Command, context: CliContext): void {
  addInit(feed, context);
  addPublish(feed, context);
  addPromote(feed, context);
}

function addInit(feed: Command, context: CliContext): void {
  feed
    .command('init')
    .summary('make an empty feed')
    .description('Makes the folders of a feed, and a README that says what lies where. Safe to run again.')
    .requiredOption('--feed <dir>', 'the feed’s folder')
    .addHelpText('after', help([0, 1, 2, 3], 'core feed init --feed feed'))
    .action(async (options: { readonly feed: string }) => {
      const { feedDir, changed } = await initFeed(options.feed);
      context.print(`${changed ? 'made the feed' : 'nothing changed:'} ${plain(feedDir)}`);
    });
}

function addPublish(feed: Command, context: CliContext): void {
  const command = feed
    .command('publish')
    .summary('publish a release on edge')
    .description(
      'Publishes a release on edge: copies its bundles into the feed, then signs the channel’s head. Safe to run again.',
    )
    .argument('<bundles...>', 'bundles of one version: a full one a platform, and deltas to it')
    .addOption(
      new Option('--channel <channel>', 'the channel; stable is written by `core feed promote` only')
        .choices(['edge', 'stable'])
        .default('edge' satisfies FeedChannel),
    );
  withDeltas(withRollout(withHeads(command, 'the private head key: head-edge.pem')))
    .option('--min-version <version>', 'the security floor, never lower than before', semverVersion)
    .option(
      '--block <version>',
      'a blocked version; repeat it for each: the list replaces the one before',
      moreVersions,
    )
    .option(
      '--step <bundle>',
      'a bundle of a release that older updaters must install first; repeat it: they replace those before',
      more,
    )
    .addOption(new Option('--drop-steps', 'no release is a step any more').conflicts('step'))
    .option('--refresh', REFRESH)
    .addHelpText(
      'after',
      help(
        [0, 1, 2, 3],
        `core feed publish --feed feed --key keys/head-edge.pem --trust keys/trust.json \\
    coresdk-sidecar-1.1.0.jws`,
      ),
    )
    .action(async (bundles: string[], options: PublishOptions) => {
      if (options.channel === 'stable')
        throw new UpdateError(
          'PUBLISH_REFUSED',
          'expected the channel edge, found stable: clients take a stable release only if it was on edge for 7 days; publish it on edge, then run `core feed promote`',
        );
      const published = await publishToFeed({
        ...(await headOptions(options, context)),
        channel: options.channel,
        bundles,
        makeDeltas: await deltaWish(options),
        stepBundles: options.step,
        steps: options.dropSteps === true ? [] : undefined,
        minVersion: options.minVersion,
        blocked: options.block,
        rollout: rolloutWish(options),
        refresh: options.refresh,
      });
      report('published', published, context);
    });
}

function addPromote(feed: Command, context: CliContext): void {
  const command = feed
    .command('promote')
    .summary('take a release from edge to stable')
    .description(
      'Takes the release that edge names to stable, once it was on edge for 7 days. Refuses before, with the time left. Safe to run again.',
    )
    .argument('[deltas...]', 'deltas to the release that stable shall name beside those of edge');
  withDeltas(withRollout(withHeads(command, 'the private head key: head-stable.pem')))
    .option('--version <version>', 'another version that was on edge', semverVersion)
    .option(
      '--security <reason>',
      'do not wait for the 7 days; hosts take it early only where their operators allow that',
    )
    .option(
      '--min-version <version>',
      'the security floor; unless told, the higher one of both channels',
      semverVersion,
    )
    .option('--refresh', REFRESH)
    .addHelpText(
      'after',
      help([0, 1, 2, 3], 'core feed promote --feed feed --key keys/head-stable.pem --trust keys/trust.json'),
    )
    .action(async (deltas: string[], options: PromoteOptions) => {
      const promoted = await promoteRelease({
        ...(await headOptions(options, context)),
        version: options.version,
        deltas,
        makeDeltas: await deltaWish(options),
        security: options.security,
        minVersion: options.minVersion,
        rollout: rolloutWish(options),
        refresh: options.refresh,
      });
      report('promoted', promoted, context);
      context.print(`on edge since ${instant(new Date(promoted.bakedSince).toISOString())}`);
      if (promoted.head.security !== undefined)
        context.note(
          'note: it is a security exception: only hosts whose configuration allows it take it before its 7 days are over',
        );
    });
}
