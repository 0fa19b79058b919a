import { compareHeads, verifyHead, type HeadDocument, type HeadOrder } from '../bundle/head-document.ts';
import { HEAD_MAX_BYTES, type Head } from '../bundle/head.ts';
import type { TrustKey } from '../bundle/trust.ts';
import { UpdateError } from '../errors.ts';
import type { FeedChannel } from '../types.ts';
import { acceptedHeads } from './heads.ts';
import type { Ports } from './ports.ts';
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
}

/**
 * Asks for a channel's head and verifies it. When the main one is signed by a key that this program does not know, there is
 * one for each key that the publisher still supports: keys rotate by release, and this program is older than the newest key.
 */
async function askForHead(
  ports: Pick<Ports, 'feed' | 'host' | 'clock'>,
  channel: FeedChannel,
  signal: AbortSignal,
): Promise<FetchedHead> {
  const { feed, host, clock } = ports;
  if (feed === null)
    throw new UpdateError('FEED_NOT_CONFIGURED', 'expected update.feed_url to name a feed, found none');
  const ask = async (kid?: string): Promise<FetchedHead> => {
    const bytes = await feed.head(channel, HEAD_MAX_BYTES[channel], signal, kid);
    const rule = { trust: host.trust, channel, product: host.product, now: clock.now() };
    try {
      return { head: await verifyHead(bytes, rule), bytes, expired: null };
    } catch (error) {
      const expired = UpdateError.from(error);
      if (expired.code !== 'HEAD_EXPIRED') throw expired;
      return { head: await verifyHead(bytes, { ...rule, checkDates: false }), bytes, expired };
    }
  };
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
 * too, and refused: an attacker who can only freeze a feed must not be able to go further back than that.
 *
 * @throws UpdateError `CLOCK_BEHIND`; `HEAD_STALE` for an older one, by its number or by its time; `HEAD_EQUIVOCATION` for the
 * same number with other claims; `HEAD_EXPIRED`; and every code of the feed and of the head's verification
 */
export async function fetchHead(
  ports: Pick<Ports, 'feed' | 'heads' | 'host' | 'clock' | 'reporter'>,
  channel: FeedChannel,
  signal: AbortSignal,
): Promise<Head> {
  const heads = await acceptedHeads(ports);
  requireClock(ports, heads);
  const document = await askForHead(ports, channel, signal);
  const accepted = heads[channel];
  const order = accepted === null ? 'newer' : compareHeads(accepted, document);
  if (accepted !== null && order !== 'same') refuseOlder(accepted.head, document.head, order);
  if (order === 'newer') await ports.heads.write(channel, document.bytes);
  if (document.expired !== null) throw document.expired;
  return document.head;
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
