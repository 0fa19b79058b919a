import { createHash } from 'node:crypto';
import { compareHeads, verifyHead, type HeadDocument, type HeadOrder } from '../bundle/head-document.ts';
import { HEAD_MAX_BYTES, type Head } from '../bundle/head.ts';
import type { TrustKey } from '../bundle/trust.ts';
import { UpdateError } from '../errors.ts';
import type { FeedChannel } from '../types.ts';
import { acceptedHeads } from './heads.ts';
import type { Doubt, Feed, HeadAnswer, HeadQuery, HeadTag, Ports } from './ports.ts';
import { persistently } from './retry.ts';
import { requireClock } from './time-floor.ts';

/** The program's head keys of a channel that have not ended, the newest first. */
function headKeys({ host, clock }: Pick<Ports, 'host' | 'clock'>, channel: FeedChannel): TrustKey[] {
  const end = ({ notAfter }: TrustKey): number => notAfter ?? Infinity;
  return [...host.trust.keys.values()]
    .filter((key) => key.use === 'head' && key.audiences.includes(channel) && clock.now() <= end(key))
    .reverse() // A trust file grows at its end.
    .sort((a, b) => (end(a) === end(b) ? 0 : end(b) - end(a)));
}

/** A head whose signature is right; one that has expired offers nothing, but still counts for what may not go back. */
interface FetchedHead extends HeadDocument {
  readonly expired: UpdateError | null;
  /** What the feed called these bytes; null where it called them nothing. */
  readonly tag: HeadTag | null;
}

/** The head that is here, with the tag that it came with. */
interface KnownHead {
  readonly tag: HeadTag;
  readonly bytes: Uint8Array;
}

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The stored head as the feed knows it: only if it has just been verified again, and the tag is that of these very bytes. */
async function knownHead(
  { heads }: Pick<Ports, 'heads'>,
  channel: FeedChannel,
  stored: HeadDocument | null,
): Promise<KnownHead | null> {
  const tag = stored === null ? null : await heads.readTag(channel);
  if (stored === null || tag?.sha256 !== sha256Of(stored.bytes)) return null;
  return { tag, bytes: stored.bytes };
}

/** Verifies bytes of a head, whoever says that they are the newest. */
async function judge(
  { host, clock }: Pick<Ports, 'host' | 'clock'>,
  channel: FeedChannel,
  bytes: Uint8Array,
): Promise<Omit<FetchedHead, 'tag'>> {
  const rule = { trust: host.trust, channel, product: host.product, now: clock.now() };
  try {
    return { head: await verifyHead(bytes, rule), bytes, expired: null };
  } catch (error) {
    const expired = UpdateError.from(error);
    if (expired.code !== 'HEAD_EXPIRED') throw expired;
    return { head: await verifyHead(bytes, { ...rule, checkDates: false }), bytes, expired };
  }
}

/**
 * Asks for a channel's head and verifies it. When the main one is signed by a key that this program does not know, there is
 * one for each key that the publisher still supports: keys rotate by release, and this program is older than the newest key.
 *
 * "Not modified" is only believed of a head that is still good. Where it is not, the feed is asked for all of it: a tag is not
 * signed, so that one wrong answer must not hold a host back for longer than a head lives.
 */
async function askForHead(
  ports: Pick<Ports, 'feed' | 'host' | 'clock' | 'reporter'>,
  channel: FeedChannel,
  known: KnownHead | null,
  signal: AbortSignal,
): Promise<FetchedHead> {
  const { feed } = ports;
  if (feed === null)
    throw new UpdateError('FEED_NOT_CONFIGURED', 'expected update.feed_url to name a feed, found none');
  const fetch = (query: HeadQuery): Promise<HeadAnswer> =>
    persistently(ports, feed.retry, signal, () => feed.head(channel, HEAD_MAX_BYTES[channel], signal, query));
  const unchanged = async ({ tag, bytes }: KnownHead): Promise<FetchedHead | null> => {
    try {
      const judged = await judge(ports, channel, bytes);
      return judged.expired === null ? { ...judged, tag } : null;
    } catch (error) {
      // It was good when it was stored; if it matters, the feed's own bytes show it again.
      if (UpdateError.from(error).info.exit === 3) return null;
      throw error;
    }
  };
  const ask = async (kid?: string): Promise<FetchedHead> => {
    if (known !== null && known.tag.kid === (kid ?? null)) {
      const answer = await fetch({ kid, etag: known.tag.etag });
      const same = answer.bytes === null ? await unchanged(known) : null;
      if (same !== null) return same;
      if (answer.bytes !== null) return take(answer.bytes, answer.etag, kid);
    }
    const { bytes, etag } = await fetch({ kid });
    if (bytes === null)
      throw new UpdateError('FEED_REFUSED', `expected the ${channel} head, found that nothing has changed`);
    return take(bytes, etag, kid);
  };
  const take = async (bytes: Uint8Array, etag: string | null, kid?: string): Promise<FetchedHead> => ({
    ...(await judge(ports, channel, bytes)),
    tag: etag === null ? null : { etag, kid: kid ?? null, sha256: sha256Of(bytes) },
  });
  try {
    return await ask();
  } catch (error) {
    const unknown = UpdateError.from(error);
    if (unknown.code !== 'JWS_KEY_UNKNOWN') throw unknown;
    let worse: UpdateError | null = null;
    for (const { kid } of headKeys(ports, channel)) {
      try {
        return await ask(kid);
      } catch (failure) {
        const failed = UpdateError.from(failure);
        if (failed.code === 'CANCELLED') throw failed;
        // A key that the publisher no longer supports has no head.
        if (failed.code !== 'FEED_REFUSED' && failed.code !== 'JWS_KEY_UNKNOWN') worse ??= failed;
      }
    }
    throw worse ?? unknown;
  }
}

/**
 * Fetches a channel's head, verifies it, and keeps it when it is newer than the one that was accepted last
 * (TUF 1.0.33, section 5.4: a client never goes back). Nothing is asked while the clock is wrong. One that has expired is kept
 * too, and refused: an attacker who can only freeze a feed must not be able to go further back than that. Where the feed has several
 * mirrors, one whose head is refused is passed over, with a warning, and the next is asked.
 *
 * @throws UpdateError `CLOCK_BEHIND`; `HEAD_STALE` for an older one, by its number or by its time; `HEAD_EQUIVOCATION` for the
 * same number with other claims; `HEAD_EXPIRED`; and every code of the feed and of the head's verification
 */
export async function fetchHead(
  ports: Pick<Ports, 'feed' | 'heads' | 'host' | 'clock' | 'reporter'>,
  channel: FeedChannel,
  signal: AbortSignal,
): Promise<Head> {
  const { feed, reporter } = ports;
  // Ends: each doubt leaves one mirror less that is well.
  for (;;) {
    const last: { doubt: Doubt | undefined } = { doubt: undefined };
    try {
      return await fetchFrom(
        { ...ports, feed: feed === null ? null : observed(feed, last) },
        channel,
        signal,
      );
    } catch (thrown) {
      const error = UpdateError.from(thrown);
      if (last.doubt === undefined || !isOfTheMirror(error) || !last.doubt(error.toRecord())) throw error;
      reporter.report({ kind: 'warning', error: error.toRecord() });
    }
  }
}

/** Whether another mirror may have a better head; who signed it, and this host's own clock, are no mirror's doing. */
const isOfTheMirror = ({ code, info: { blames } }: UpdateError): boolean =>
  (blames === 'feed' || blames === 'bundle') && code !== 'HEAD_FROM_FUTURE';

/** The same feed, whose last answer's `doubt` is kept; a request that fails is no answer. */
function observed(feed: Feed, last: { doubt: Doubt | undefined }): Feed {
  return {
    retry: feed.retry,
    bundle: (...args) => feed.bundle(...args),
    head: async (...args) => {
      last.doubt = undefined;
      const answer = await feed.head(...args);
      last.doubt = answer.doubt;
      return answer;
    },
  };
}

async function fetchFrom(
  ports: Pick<Ports, 'feed' | 'heads' | 'host' | 'clock' | 'reporter'>,
  channel: FeedChannel,
  signal: AbortSignal,
): Promise<Head> {
  const heads = await acceptedHeads(ports);
  requireClock(ports, heads);
  const accepted = heads[channel];
  const known = await knownHead(ports, channel, accepted);
  const document = await askForHead(ports, channel, known, signal);
  const order = accepted === null ? 'newer' : compareHeads(accepted, document);
  if (accepted !== null && order !== 'same') refuseOlder(accepted.head, document.head, order);
  if (order === 'newer') await ports.heads.write(channel, document.bytes);
  const stored = order === 'newer' || accepted === null ? document.bytes : accepted.bytes;
  if (document.tag !== null && document.tag.sha256 === sha256Of(stored))
    await remember(ports, channel, document.tag, known);
  if (document.expired !== null) throw document.expired;
  return document.head;
}

/** Keeps the tag for the next time. That it cannot be kept costs an answer then, and nothing now. */
async function remember(
  { heads, reporter }: Pick<Ports, 'heads' | 'reporter'>,
  channel: FeedChannel,
  tag: HeadTag,
  known: KnownHead | null,
): Promise<void> {
  if (known?.tag.etag === tag.etag && known.tag.kid === tag.kid) return;
  try {
    await heads.writeTag(channel, tag);
  } catch (error) {
    reporter.report({ kind: 'warning', error: UpdateError.from(error).toRecord() });
  }
}

function refuseOlder(accepted: Head, head: Head, order: HeadOrder): void {
  const number = ({ epoch, seq }: Head): string => `epoch ${String(epoch)} seq ${String(seq)}`;
  const time = ({ iat }: Head): string => new Date(iat * 1000).toISOString();
  if (order === 'equivocation')
    throw new UpdateError(
      'HEAD_EQUIVOCATION',
      `found other bytes than the accepted ones for ${number(head)}`,
    );
  if (order === 'stale')
    throw new UpdateError('HEAD_STALE', `expected ${number(accepted)} or later, found ${number(head)}`);
  // Time never goes back, whatever the numbers say.
  if (head.iat < accepted.iat)
    throw new UpdateError(
      'HEAD_STALE',
      `expected a head that was signed at ${time(accepted)} or later, found ${number(head)} of ${time(head)}`,
    );
}
