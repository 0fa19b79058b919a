/** What every command that writes heads is given and gives back, and what of it is judged first. */
import type { Head } from '../bundle/head.ts';
import { chooseKey, JWS_TYPES } from '../bundle/jws.ts';
import type { TrustSet } from '../bundle/trust.ts';
import { UpdateError } from '../errors.ts';
import type { FeedChannel } from '../types.ts';
import type { FeedDelta } from './feed-deltas.ts';
import type { ChannelHeads } from './feed-heads.ts';
import { placeText } from './feed-layout.ts';
import type { Signer } from './signer.ts';

/** Days that a head lives unless told. */
export const DEFAULT_EXP_DAYS = 7;

/** Whose head is written, and where. Every command that writes heads takes these. */
export interface HeadOptions {
  /** The folder that the feed's URL shows. */
  readonly feedDir: string;
  readonly channel: FeedChannel;
  /** The head key of this channel; while keys rotate, the newest. */
  readonly signer: Signer;
  /** The older head keys of this channel that are still supported, newest first: each gets a head of its own. */
  readonly olderSigners?: readonly Signer[] | undefined;
  /** The keys that clients have, the older ones too. Heads and bundles must verify with them before anything appears. */
  readonly trust: TrustSet;
  /** Days until the head expires, 1 to 14; 7 unless told. */
  readonly expDays?: number | undefined;
  /** Who publishes; unless told, what the head before said, and at first the product's name. */
  readonly issuer?: string | undefined;
  /**
   * Starts to count anew, from `seq` 0 of this epoch, to recover from a fast-forward. Heads in the feed that do not verify are
   * then passed over. At least the epoch that the feed has; the same one changes nothing.
   */
  readonly epoch?: number | undefined;
  /** Writes a new head even when nothing changed, to put off its end. */
  readonly refresh?: boolean | undefined;
  /** ms since 1970; this machine's time unless told. */
  readonly now?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A head that was left as it is, since its key was not given. */
export interface LeftHead {
  readonly kid: string;
  readonly path: string;
  /** When it ends, ms since 1970. */
  readonly expires: number;
}

/** What the feed says now. */
export interface Published {
  /** The head that every client reads. */
  readonly head: Head;
  /** False when the feed said all of it already, and no new head was made. */
  readonly changed: boolean;
  /** The head's path. */
  readonly path: string;
  /** Heads for other keys that are still good and were not renewed. */
  readonly left: readonly LeftHead[];
}

/** What the feed says now of a release that was published or promoted. */
export interface PublishedRelease extends Published {
  /** The deltas that were asked for. */
  readonly deltas: readonly FeedDelta[];
}

/** Sees that clients accept heads of these signers, each once. */
export function requireSigners(
  signers: readonly Signer[],
  { trust, channel }: HeadOptions,
  now: number,
): void {
  const typ = JWS_TYPES.head;
  const seen = new Set<string>();
  for (const { alg, kid } of signers) {
    chooseKey({ alg, kid, typ }, { trust, typ, use: 'head', audience: channel, now });
    if (seen.has(kid)) throw refused(`expected each key once, found ${kid} twice`);
    seen.add(kid);
  }
}

/** Sees that a head may live so long, and in this epoch. */
export function requireNumbers({ expDays = DEFAULT_EXP_DAYS, epoch = 0 }: HeadOptions): void {
  if (!(expDays >= 1 && expDays <= 14))
    throw refused(`expected a life of 1 to 14 days, found ${String(expDays)}`);
  if (!Number.isSafeInteger(epoch) || epoch < 0)
    throw refused(`expected an epoch that is a whole number from 0, found ${String(epoch)}`);
}

/** Sees that neither the epoch nor the time goes back. */
export function requireProgress(
  { newest }: ChannelHeads,
  { epoch, channel }: HeadOptions,
  now: number,
): void {
  if (newest === null) return;
  if (epoch !== undefined && epoch < newest.head.epoch)
    throw refused(`expected an epoch of at least ${String(newest.head.epoch)}, found ${String(epoch)}`);
  // Time never goes back, for clients.
  if (Math.floor(now / 1000) < newest.head.iat)
    throw refused(
      `expected this machine’s time to be after ${new Date(newest.head.iat * 1000).toISOString()}, when the ${channel} head of ${placeText(newest.head)} was made, found ${new Date(now).toISOString()}`,
    );
}

function refused(message: string): UpdateError {
  return new UpdateError('PUBLISH_REFUSED', message);
}
