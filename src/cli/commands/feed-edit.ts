/** `core feed block|rollout|refresh`: new heads for the release that is there. */
import { Option, type Command } from 'commander';
import { UpdateError } from '../../errors.ts';
import { blockVersions } from '../../publish/block.ts';
import { refreshHead } from '../../publish/edit-head.ts';
import { setRollout, type RolloutChange } from '../../publish/rollout-head.ts';
import type { CliContext } from '../context.ts';
import { help } from '../help.ts';
import {
  headOptionsByChannel,
  report,
  withChannels,
  withHeads,
  type HeadCommandOptions,
} from '../feed-options.ts';
import { rolloutText } from '../feed-text.ts';
import { instantSeconds, percentage, seconds, semverVersion } from '../options.ts';

interface EditOptions extends HeadCommandOptions {
  readonly channel?: string[];
}

interface RolloutCommand extends EditOptions {
  readonly percent?: number;
  readonly duration?: number;
  readonly start?: number;
  readonly group?: string;
  readonly ungroup?: string;
  readonly all?: true;
  readonly stop?: true;
  readonly shrink?: true;
}

const KEYS = 'the private head key of a channel; repeat it for each channel';

const versions = (text: string, before: readonly string[] | undefined): string[] => [
  ...(before ?? []),
  semverVersion(text),
];

/** Adds `block`, `rollout` and `refresh`. */
export function addFeedEdit(feed: Command, context: CliContext): void {
  addBlock(feed, context);
  addRollout(feed, context);
  addRefresh(feed, context);
}

function addBlock(feed: Command, context: CliContext): void {
  const command = feed
    .command('block')
    .summary('block versions')
    .description(
      'Blocks versions on the channels of the keys given: no host installs them any more. Safe to run again.',
    )
    .argument('<versions...>', 'the versions', versions);
  withChannels(withHeads(command, KEYS))
    .option('--undo', 'take the versions off the list instead')
    .addHelpText(
      'after',
      help(
        [0, 1, 2, 3],
        `core feed block 1.2.0 --feed feed --key keys/head-edge.pem --key keys/head-stable.pem \\
    --trust keys/trust.json`,
      ),
    )
    .action(async (blocked: string[], options: EditOptions & { readonly undo?: true }) => {
      for (const head of await headOptionsByChannel(options, context)) {
        const published = await blockVersions({ ...head, versions: blocked, undo: options.undo });
        const now = published.head.blocked ?? [];
        report('published', published, context);
        context.print(`blocked on ${published.head.sub}: ${now.length === 0 ? 'nothing' : now.join(', ')}`);
      }
    });
}

function addRollout(feed: Command, context: CliContext): void {
  const command = feed
    .command('rollout')
    .summary('change how a release reaches the fleet')
    .description(
      `Changes how the release that a channel names reaches the fleet. Safe to run again. Fewer hosts than are offered it by now only with
--shrink or --stop, which take nothing from the hosts that have it.`,
    );
  withChannels(withHeads(command, KEYS))
    .addOption(new Option('--percent <percent>', 'offer it to this share of hosts').argParser(percentage))
    .addOption(
      new Option('--duration <time>', 'offer it to more and more hosts, to all after this time: 36h, 7d')
        .argParser(seconds)
        .conflicts('percent'),
    )
    .option(
      '--start <instant>',
      'not before this instant; unless told, what it was, or now; for another --duration, so that the share goes on from where it is',
      instantSeconds,
    )
    .option(
      '--group <name>',
      'all of this for the hosts of a group (`fleet.group`) only; daemons that are older than groups then read the heads of older keys, or none',
    )
    .addOption(
      new Option('--ungroup <name>', 'treat the hosts of this group as all others').conflicts([
        'group',
        'percent',
        'duration',
        'start',
      ]),
    )
    .addOption(
      new Option('--all', 'offer it to every host at once').conflicts([
        'percent',
        'duration',
        'start',
        'group',
        'ungroup',
      ]),
    )
    .addOption(
      new Option('--stop', 'offer it to no further host, of no group').conflicts([
        'percent',
        'duration',
        'start',
        'group',
        'ungroup',
        'all',
      ]),
    )
    .option('--shrink', 'also where fewer hosts are offered it then than now')
    .addHelpText(
      'after',
      help(
        [0, 1, 2, 3],
        'core feed rollout --percent 10 --feed feed --key keys/head-stable.pem --trust keys/trust.json',
      ),
    )
    .action(async (options: RolloutCommand) => {
      const change = changeOf(options);
      for (const head of await headOptionsByChannel(options, context)) {
        const published = await setRollout({ ...head, change, shrink: options.shrink });
        report('published', published, context);
        for (const line of rolloutText(published.head.rollout, head.now ?? context.now()))
          context.print(line);
      }
    });
}

function changeOf(options: RolloutCommand): RolloutChange {
  const { percent, duration, start, group, ungroup, all, stop } = options;
  if (all === true) return { kind: 'all' };
  if (stop === true) return { kind: 'stop' };
  if (ungroup !== undefined) return { kind: 'ungroup', group: ungroup };
  if (percent === undefined && duration === undefined)
    throw new UpdateError(
      'USAGE',
      'expected --percent, --duration, --all, --stop or --ungroup, found none of them',
    );
  return { kind: 'line', group, wish: { percent, duration, start } };
}

function addRefresh(feed: Command, context: CliContext): void {
  const command = feed
    .command('refresh')
    .summary('put off the end of heads')
    .description(
      'Signs new heads that say the same, for the channels of the keys given. Run it by a timer: hosts take no updates from an expired head.',
    );
  withChannels(withHeads(command, KEYS))
    .addHelpText(
      'after',
      help([0, 1, 2, 3], 'core feed refresh --feed feed --key keys/head-edge.pem --trust keys/trust.json'),
    )
    .action(async (options: EditOptions) => {
      for (const head of await headOptionsByChannel(options, context))
        report('refreshed', await refreshHead(head), context);
    });
}
