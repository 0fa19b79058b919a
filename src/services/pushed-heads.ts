/**
 * Heads that are pushed to this host, by whoever may: a way to hear of a release sooner, and of nothing else.
 *
 * Invariants:
 * - A pushed head is judged by the same rules as one from the feed: here, so that what is worth nothing sets nothing off; and again by
 *   the check that reads it, which knows no difference.
 * - Only one that is newer than what was accepted here is offered, and only once: whatever comes by this way, the feed is asked at the
 *   next interval as ever.
 */
import { compareHeads, verifyHead, type HeadDocument } from '../bundle/head-document.ts';
import { UpdateError } from '../errors.ts';
import type { FeedChannel } from '../types.ts';
import { storedHead } from './heads.ts';
import type { Feed, Nudges, Ports } from './ports.ts';

/** What takes pushed heads in, and gives them on. */
export interface PushedHeads {
  /** A head has come. Never rejects: one that is not believed is told as a warning, and changes nothing. */
  take(bytes: Uint8Array): Promise<void>;
  /** Hears of a head that is worth a check. */
  readonly nudges: Nudges;
  /** The feed, with the pushed head in the place of the feed's own, the next time that the channel's main head is asked for. */
  before(feed: Feed): Feed;
}

/** Whether a verified head is newer than another, or there is no other. */
const isNewer = (than: HeadDocument | null, head: HeadDocument): boolean =>
  than === null || (compareHeads(than, head) === 'newer' && head.head.iat >= than.head.iat);

/**
 * Makes it, for the channel of this host.
 *
 * @example
 * const pushed = createPushedHeads({ heads, host, clock, reporter }, 'stable');
 * const feed = pushed.before(createFeed(url));
 */
export function createPushedHeads(
  ports: Pick<Ports, 'heads' | 'host' | 'clock' | 'reporter'>,
  channel: FeedChannel,
): PushedHeads {
  let waiting: HeadDocument | null = null;
  const heeding = new Set<() => void>();

  const take = async (bytes: Uint8Array): Promise<void> => {
    const { host, clock, reporter } = ports;
    try {
      const rule = { trust: host.trust, channel, product: host.product, now: clock.now() };
      const document = { head: await verifyHead(bytes, rule), bytes };
      const stored = await storedHead(ports, channel, 'any');
      if (!isNewer(stored, document) || !isNewer(waiting, document)) return;
      waiting = document;
      for (const heed of heeding) heed();
    } catch (error) {
      const { code, message } = UpdateError.from(error);
      const what = `a ${channel} head that was pushed: ${message}`;
      reporter.report({ kind: 'warning', error: { code, message: what } });
    }
  };

  const next: Nudges['next'] = (signal) =>
    new Promise((resolve, reject) => {
      const leave = (): void => {
        heeding.delete(heed);
        signal.removeEventListener('abort', abort);
      };
      const heed = (): void => {
        leave();
        resolve(`${waiting?.head.version ?? 'a release'} was announced on ${channel}`);
      };
      const abort = (): void => {
        leave();
        reject(new UpdateError('CANCELLED', 'no hint is waited for any more', { cause: signal.reason }));
      };
      if (signal.aborted) abort();
      else if (waiting !== null) heed();
      else {
        heeding.add(heed);
        signal.addEventListener('abort', abort, { once: true });
      }
    });

  /** The pushed head, if it is still newer than what was accepted; forgets it. */
  const offered = async (): Promise<HeadDocument | null> => {
    const document = waiting;
    waiting = null;
    if (document === null) return null;
    return isNewer(await storedHead(ports, channel, 'any'), document) ? document : null;
  };

  return {
    take,
    nudges: { next },
    before: (feed) => ({
      // All that the feed can do: it may have mirrors to tell of.
      ...feed,
      bundle: (...args) => feed.bundle(...args),
      head: async (wanted, maxBytes, signal, query) => {
        const pushed = wanted === channel && query?.kid === undefined ? await offered() : null;
        return pushed === null
          ? feed.head(wanted, maxBytes, signal, query)
          : { bytes: pushed.bytes, etag: null };
      },
    }),
  };
}
