import type { Feed } from '../services/ports.ts';
import { parseFeedUrl } from './feed-path.ts';
import { createFileFeed } from './file-feed.ts';
import { createHttpFeed, type HttpFeedLimits } from './http-feed.ts';

/**
 * A feed at an `https:`, `http:` or `file:` URL. It does nothing by itself: only `head` and `bundle` ask the feed.
 *
 * Both reject with
 * - `FEED_PATH_INVALID`: the path is not one of plain segments, or (file) a link leaves the feed;
 * - `FEED_UNREACHABLE`: no DNS name, no connection, no TLS, no answer, or (file) no folder;
 * - `FEED_REFUSED`: any status but 200 (206 for a range), with the status; or (file) no such file;
 * - `FEED_REDIRECTED`: any redirect;
 * - `FEED_STALLED`: no answer in `stallMs`, or less than 1 KiB of a body in `stallMs`;
 * - `JWS_TOO_LARGE` (head), `DOWNLOAD_TOO_LARGE` (bundle): more than the cap, from `content-length` or while streaming;
 * - `DOWNLOAD_TRUNCATED`: the connection broke before the end;
 * - `CANCELLED`.
 *
 * A body's chunks reject in the same way. They hold a connection or a file until they are read to the end, left by
 * `break`, cancelled by the signal, or (http) the feed is closed.
 *
 * @param url - the root of the feed; a user name and password in it are sent as Basic authentication, and never shown
 * @param limits - `stallMs` (30 000) and `connectMs` (10 000), in ms
 * @throws UpdateError `CONFIG_INVALID` when the URL is none of these
 * @example
 * const feed = createFeed('https://updates.example.com/sidecar');
 * const head = await feed.head('stable', HEAD_MAX_BYTES.stable, signal); // GET …/sidecar/stable.jws
 * await feed.close();
 */
export function createFeed(
  url: string,
  limits: Partial<HttpFeedLimits> = {},
): Feed & { close(): Promise<void> } {
  const base = parseFeedUrl(url);
  if (base.protocol === 'file:') return { ...createFileFeed(base), close: () => Promise.resolve() };
  return createHttpFeed(base, { stallMs: 30_000, connectMs: 10_000, ...limits });
}
