import { UpdateError } from '../errors.ts';
import type { FeedChannel } from '../types.ts';

/** Plain segments only, as in the channel head: no `..`, no empty segment, no escape, query, host or backslash. */
const PLAIN = /^[A-Za-z0-9_][A-Za-z0-9._+@-]*(\/[A-Za-z0-9_][A-Za-z0-9._+@-]*)*$/;
/** The head for one key; a thumbprint may begin with any character of base64url. */
const BY_KEY = /^by-key\/[A-Za-z0-9_-]{43}\/[a-z]+\.jws$/;
const LONGEST = 255;

/**
 * The path of a channel's head.
 *
 * @param kid - the key that must have signed it, for a program that does not know the newest; the channel's main head unless told
 */
export function headPath(channel: FeedChannel, kid?: string): string {
  return kid === undefined ? `${channel}.jws` : `by-key/${kid}/${channel}.jws`;
}

/**
 * Joins a path from a signed document to a feed's URL.
 *
 * @param base - the feed's URL; its path ends with `/`
 * @param path - relative, plain segments separated by `/`, at most 255 characters
 * @throws UpdateError `FEED_PATH_INVALID` for anything else, even where it would stay in the feed
 */
export function joinFeedPath(base: URL, path: string): URL {
  const isPlain = (PLAIN.test(path) && path.length <= LONGEST) || BY_KEY.test(path);
  const joined = isPlain ? URL.parse(path, base) : null;
  if (joined?.href !== `${base.href}${path}`)
    throw new UpdateError(
      'FEED_PATH_INVALID',
      `expected a plain path within the feed, found ${JSON.stringify(path)}`,
    );
  return joined;
}

/**
 * A feed's URL, its path ending with `/`.
 *
 * @throws UpdateError `CONFIG_INVALID` when it is not an `https:`, `http:` or `file:` URL without query and fragment
 */
export function parseFeedUrl(text: string): URL {
  const url = URL.parse(text);
  // A file on another host cannot be read.
  const isFeed = /^https?:\/\/|^file:\/\/\//.test(url?.href ?? '') && !/[?#]/.test(text);
  if (!isFeed || url === null)
    throw new UpdateError(
      'CONFIG_INVALID',
      `expected update.feed_url to be an https:, http: or file: URL without query and fragment, found ${text.replace(/\/\/[^/]*@/, '//***@')}`,
    );
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

/** A URL for messages: without user name and password. */
export function displayUrl(url: URL): string {
  const shown = new URL(url);
  shown.username = '';
  shown.password = '';
  return shown.href;
}
