import type { Clock, Feed, RetryPolicy } from '../services/ports.ts';
import { systemClock } from './clock.ts';
import { parseFeedUrl } from './feed-path.ts';
import { createFileFeed } from './file-feed.ts';
import { createHttpClient, type HttpClient } from './http-client.ts';
import { createHttpFeed } from './http-feed.ts';
import { paced } from './rate-limit.ts';

/** How a feed is asked. All of it may be left out. */
export interface FeedOptions {
  /** How long an answer's start may take, and how long 1 KiB of its body may take, ms; 30 000 unless told. */
  readonly stallMs?: number | undefined;
  /** The client of `https:` and `http:` feeds, closed with the feed; a plain one, without proxy, unless told. */
  readonly client?: HttpClient | undefined;
  /** For `Retry-After` and for the rate; the system's unless told. */
  readonly clock?: Clock | undefined;
  /** The rate of a bundle; as fast as it comes unless told. */
  readonly maxBytesPerSecond?: number | null | undefined;
  /** How often an `https:` or `http:` feed is asked again ({@link DEFAULT_RETRIES} unless told); 0 for never. */
  readonly retries?: number | undefined;
}

/** How often a feed is asked again, in a row and without having moved on, unless told. */
export const DEFAULT_RETRIES = 4;

/** With 4 retries these are at most 15 s of waiting, 7.5 on average; the check comes again by itself. */
const policy = (retries: number): RetryPolicy => ({
  retries,
  baseMs: 1_000,
  capMs: 30_000,
  retryAfterCapMs: 120_000,
});

/**
 * A feed at an `https:`, `http:` or `file:` URL. It does nothing by itself: only `head` and `bundle` ask the feed.
 *
 * Both reject with
 * - `FEED_PATH_INVALID`: the path is not one of plain segments, or (file) a link leaves the feed;
 * - `FEED_UNREACHABLE`: no DNS name, no connection, no TLS, no answer, a proxy that refuses, or (file) no folder;
 * - `FEED_REFUSED`: any status but 200 (206 for a range, 304 for a tag), with the status; or (file) no such file;
 * - `FEED_REDIRECTED`: any redirect;
 * - `FEED_STALLED`: no answer in `stallMs`, or less than 1 KiB of a body in `stallMs`;
 * - `JWS_TOO_LARGE` (head), `DOWNLOAD_TOO_LARGE` (bundle): more than the cap, from `content-length` or while streaming;
 * - `DOWNLOAD_TRUNCATED`: the connection broke before the end;
 * - `CANCELLED`.
 *
 * A body's chunks reject in the same way. They hold a connection or a file until they are read to the end, left by
 * `break`, cancelled by the signal, or (http) the feed is closed. Those that may pass carry a `retry`: no connection (but for a
 * certificate that is wrong), a broken or stalled one, and the statuses 408, 425, 429 and 5xx.
 *
 * @param url - the root of the feed; a user name and password in it are sent as Basic authentication, and never shown
 * @throws UpdateError `CONFIG_INVALID` when the URL is none of these
 * @example
 * const feed = createFeed('https://updates.example.com/sidecar');
 * const { bytes } = await feed.head('stable', HEAD_MAX_BYTES.stable, signal); // GET …/sidecar/stable.jws
 * await feed.close();
 */
export function createFeed(url: string, options: FeedOptions = {}): Feed & { close(): Promise<void> } {
  const {
    stallMs = 30_000,
    clock = systemClock,
    maxBytesPerSecond = null,
    retries = DEFAULT_RETRIES,
  } = options;
  const base = parseFeedUrl(url);
  const isFile = base.protocol === 'file:';
  const client = options.client ?? (isFile ? null : createHttpClient());
  const feed =
    isFile || client === null ? createFileFeed(base) : createHttpFeed(base, { client, clock, stallMs });
  return {
    ...feed,
    ...(isFile ? {} : { retry: policy(retries) }),
    bundle: async (path, offset, maxBytes, signal, validator) => {
      const body = await feed.bundle(path, offset, maxBytes, signal, validator);
      if (maxBytesPerSecond === null) return body;
      return { ...body, chunks: paced(body.chunks, maxBytesPerSecond, clock, signal) };
    },
    close: async () => client?.close(),
  };
}
