import { HEAD_MAX_BYTES, type Head } from '../bundle/head.ts';
import { compareHeads, verifyHead } from '../bundle/head-document.ts';
import { UpdateError } from '../errors.ts';
import type { FeedChannel } from '../types.ts';
import type { Ports } from './ports.ts';

/** Which dates a stored head must still satisfy. */
export type HeadAge = 'any' | 'unexpired';

/**
 * The newest accepted head of a channel, verified again from the bytes on disk, since nothing else vouches for them.
 *
 * @param age - `any` also gives an expired head, which still counts for the version floor and for `blocked`
 * @returns null when none was accepted yet, or when what is on disk does not verify (reported as a warning)
 */
export async function storedHead(
  { heads, host, clock, reporter }: Pick<Ports, 'heads' | 'host' | 'clock' | 'reporter'>,
  channel: FeedChannel,
  age: HeadAge,
): Promise<{ head: Head; bytes: Uint8Array } | null> {
  const bytes = await heads.read(channel);
  if (bytes === null) return null;
  try {
    const head = await verifyHead(bytes, {
      trust: host.trust,
      channel,
      product: host.product,
      now: clock.now(),
      checkDates: age === 'unexpired',
    });
    return { head, bytes };
  } catch (error) {
    const { code, message } = UpdateError.from(error);
    if (age === 'any')
      reporter.report({ kind: 'warning', error: { code, message: `stored ${channel} head: ${message}` } });
    return null;
  }
}

/**
 * Fetches a channel's head, verifies it, and keeps it when it is newer than the one that was accepted last
 * (TUF 1.0.33, section 5.4: a client never goes back).
 *
 * @throws UpdateError `HEAD_STALE` for an older one, `HEAD_EQUIVOCATION` for the same number with other bytes, and
 * every code of the feed and of the head's verification
 */
export async function fetchHead(
  ports: Pick<Ports, 'feed' | 'heads' | 'host' | 'clock' | 'reporter'>,
  channel: FeedChannel,
  signal: AbortSignal,
): Promise<Head> {
  const { feed, heads, host, clock } = ports;
  if (feed === null)
    throw new UpdateError('FEED_NOT_CONFIGURED', 'expected update.feed_url to name a feed, found none');
  const bytes = await feed.head(channel, HEAD_MAX_BYTES[channel], signal);
  const head = await verifyHead(bytes, {
    trust: host.trust,
    channel,
    product: host.product,
    now: clock.now(),
    checkDates: true,
  });
  const accepted = await storedHead(ports, channel, 'any');
  const order = accepted === null ? 'newer' : compareHeads(accepted, { head, bytes });
  if (order === 'newer') await heads.write(channel, bytes);
  if (accepted !== null && (order === 'stale' || order === 'equivocation')) {
    const number = (it: Head): string => `epoch ${String(it.epoch)} seq ${String(it.seq)}`;
    throw order === 'stale'
      ? new UpdateError('HEAD_STALE', `expected ${number(accepted.head)} or later, found ${number(head)}`)
      : new UpdateError('HEAD_EQUIVOCATION', `found other bytes than the accepted ones for ${number(head)}`);
  }
  return head;
}
