/** Options that the commands which write heads share. */
import { Option, type Command } from 'commander';
import type { TrustSet } from '../bundle/trust.ts';
import { UpdateError } from '../errors.ts';
import type { RolloutWish } from '../publish/rollout-line.ts';
import type { DeltaWish } from '../publish/feed-deltas.ts';
import type { HeadOptions, Published, PublishedRelease } from '../publish/head-options.ts';
import { readTrustFile } from '../publish/trust-file.ts';
import type { Signer } from '../publish/signer.ts';
import type { FeedChannel } from '../types.ts';
import type { CliContext } from './context.ts';
import { deltaText, leftText, publishedText } from './feed-text.ts';
import { instantSeconds, more, percentage, seconds, semverVersion, wholeNumber } from './options.ts';
import { loadKey, loadSigners, withSigners, type SignerOptions } from './signers.ts';

/** What {@link withHeads} adds. */
export interface HeadCommandOptions extends SignerOptions {
  readonly feed: string;
  readonly trust: string;
  readonly expiresDays: number;
  readonly epoch?: number;
}

/** Adds what every command that writes heads needs. */
export function withHeads(command: Command, key: string): Command {
  return withSigners(
    command
      .requiredOption('--feed <dir>', 'the feed’s folder')
      .requiredOption('--trust <trustfile>', 'the public keys that hosts have, older ones too'),
    `${key}; while keys rotate, repeat it: the newest first, then those that are still supported`,
  )
    .option('--expires-days <days>', 'days until the head expires, 1 to 14', wholeNumber(1, 14), 7)
    .option(
      '--epoch <number>',
      'count anew in a higher epoch, after a key was stolen and retired',
      wholeNumber(0, Number.MAX_SAFE_INTEGER),
    );
}

/** What {@link withRollout} adds. */
export interface RolloutCommandOptions {
  readonly rolloutDuration?: number;
  readonly rolloutPercent?: number;
  readonly rolloutStart?: number;
}

/** Adds the options of a rollout to a command that names a release. */
export function withRollout(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--rollout-duration <time>',
        'offer it to more and more hosts, to all after this time: 36h, 7d',
      )
        .argParser(seconds)
        .conflicts('rolloutPercent'),
    )
    .addOption(
      new Option('--rollout-percent <percent>', 'offer it to this share of hosts').argParser(percentage),
    )
    .option('--rollout-start <instant>', 'not before this instant; unless told, at once', instantSeconds);
}

/** The rollout that the options wish; undefined for none. */
export function rolloutWish(options: RolloutCommandOptions): RolloutWish | undefined {
  const { rolloutDuration: duration, rolloutPercent: percent, rolloutStart: start } = options;
  if (duration === undefined && percent === undefined && start === undefined) return undefined;
  if (duration === undefined && percent === undefined)
    throw new UpdateError('USAGE', 'expected --rollout-duration or --rollout-percent with --rollout-start');
  return { duration, percent, start };
}

/** What {@link withDeltas} adds. */
export interface DeltaCommandOptions extends HeadCommandOptions {
  readonly deltaFrom?: string[];
  readonly bundleKey?: string;
}

/** Adds the options that make deltas to a command that names a release. */
export function withDeltas(command: Command): Command {
  return command
    .option(
      '--delta-from <version>',
      'make a delta from this version in the feed; `previous` is what the channel names now; repeat it',
      (text, before: readonly string[] | undefined) => [
        ...(before ?? []),
        text === 'previous' ? text : semverVersion(text),
      ],
    )
    .option('--bundle-key <pem>', 'with --delta-from: the private key of bundles, bundle.pem');
}

/**
 * The deltas that the options wish; undefined for none.
 *
 * @throws UpdateError `USAGE` for one of the two options without the other, `SIGNING_FAILED`
 */
export async function deltaWish(options: DeltaCommandOptions): Promise<DeltaWish | undefined> {
  const { deltaFrom, bundleKey } = options;
  if ((deltaFrom === undefined) !== (bundleKey === undefined))
    throw new UpdateError('USAGE', 'expected --delta-from and --bundle-key together, found one of them');
  if (deltaFrom === undefined || bundleKey === undefined) return undefined;
  return { from: deltaFrom, signer: await loadKey(bundleKey, options) };
}

/** Adds `--channel`, for commands whose keys say it already. */
export function withChannels(command: Command): Command {
  return command.addOption(
    new Option('--channel <channel>', 'the channels; unless told, those of the keys; repeat it for each')
      .choices(['edge', 'stable'])
      .argParser((text: string, before: string[] | undefined) => more(text, before)),
  );
}

/**
 * What a command that writes heads on one channel works with.
 *
 * @throws UpdateError `USAGE`, `TRUST_FILE_NOT_FOUND`, `TRUST_SET_INVALID`, `SIGNING_FAILED`
 */
export async function headOptions(
  options: HeadCommandOptions,
  context: CliContext,
): Promise<Omit<HeadOptions, 'channel'>> {
  const trust = await readTrustFile(options.trust);
  const [signer, ...olderSigners] = await loadSigners(options, trust);
  return { ...common(options, trust, context), signer, olderSigners };
}

/**
 * What a command that writes heads on several channels works with: a set of options a channel, by what its keys are for.
 *
 * @throws UpdateError `USAGE` for a channel without a key, and a key of a channel that is not among those named
 */
export async function headOptionsByChannel(
  options: HeadCommandOptions & { readonly channel?: readonly string[] },
  context: CliContext,
): Promise<HeadOptions[]> {
  const trust = await readTrustFile(options.trust);
  const byChannel = Map.groupBy(await loadSigners(options, trust), (signer) => channelOf(signer, trust));
  for (const channel of options.channel ?? [])
    if (!byChannel.has(channel as FeedChannel))
      throw new UpdateError('USAGE', `expected a head key of ${channel}, found none among the keys given`);
  const channels = [...byChannel.keys()].sort();
  for (const channel of channels)
    if (options.channel?.includes(channel) === false)
      throw new UpdateError(
        'USAGE',
        `expected keys of ${options.channel.join(' and ')} only, found one of ${channel}`,
      );
  return channels.flatMap((channel) => {
    const [signer, ...olderSigners] = byChannel.get(channel) ?? [];
    return signer === undefined
      ? []
      : [{ ...common(options, trust, context), channel, signer, olderSigners }];
  });
}

/** Shows what the feed says now. */
export function report(did: string, published: Published | PublishedRelease, context: CliContext): void {
  context.print(publishedText(did, published));
  if ('deltas' in published) for (const delta of published.deltas) context.print(deltaText(delta));
  for (const line of leftText(published)) context.note(line);
}

function common(
  options: HeadCommandOptions,
  trust: TrustSet,
  context: CliContext,
): Pick<HeadOptions, 'feedDir' | 'trust' | 'expDays' | 'epoch' | 'now'> {
  return {
    feedDir: options.feed,
    trust,
    expDays: options.expiresDays,
    epoch: options.epoch,
    now: context.now(),
  };
}

/** The channel that a key signs heads of. */
function channelOf({ kid }: Signer, trust: TrustSet): FeedChannel {
  const key = trust.keys.get(kid);
  if (key === undefined)
    throw new UpdateError('JWS_KEY_UNKNOWN', `expected a key of the trust file, found ${kid}`);
  const [channel] = key.audiences;
  if (key.use !== 'head' || (channel !== 'edge' && channel !== 'stable'))
    throw new UpdateError(
      'JWS_KEY_NOT_ALLOWED',
      `key ${kid} is for ${key.use}s of ${key.audiences.join(' and ')}, expected one for heads`,
    );
  return channel;
}
