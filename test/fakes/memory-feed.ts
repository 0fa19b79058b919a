import { createHash } from 'node:crypto';
import { headPath, joinFeedPath } from '../../src/adapters/feed-path.ts';
import { throwIfCancelled } from '../../src/adapters/disk-errors.ts';
import { UpdateError } from '../../src/errors.ts';
import type { Feed, RetryPolicy } from '../../src/services/ports.ts';

const BASE = new URL('http://feed.invalid/');
const CHUNK = 16 * 1024;

/** A feed in memory. */
export interface MemoryFeed extends Feed {
  /** Never asked again unless told. */
  retry?: RetryPolicy | undefined;
  /** Path to bytes; change it at will. */
  readonly files: Map<string, Uint8Array>;
  /** Thrown by every request while it is set. */
  fault: UpdateError | null;
  /** A bundle breaks off with `error` before this byte, once for each entry. */
  readonly breaks: { readonly at: number; readonly error: UpdateError }[];
  /** Whether it tags what it serves, as `etagOf` does. */
  tags: boolean;
  /** What was asked for, in order, as `path@offset`; with a tag, as `path@offset "tag"`. */
  readonly requests: string[];
}

/** The strong entity tag of some bytes. */
export function etagOf(bytes: Uint8Array): string {
  return `"${createHash('sha256').update(bytes).digest('hex').slice(0, 8)}"`;
}

/** Serves `files`, with ranges and on demand with tags, as a well-behaved server does. */
export function createMemoryFeed(files: Iterable<readonly [string, Uint8Array]> = []): MemoryFeed {
  const find = (path: string, offset: number, signal: AbortSignal, tag?: string | null): Uint8Array => {
    joinFeedPath(BASE, path);
    throwIfCancelled(signal);
    feed.requests.push(`${path}@${String(offset)}${typeof tag === 'string' ? ` ${tag}` : ''}`);
    if (feed.fault !== null) throw feed.fault;
    const bytes = feed.files.get(path);
    if (bytes === undefined)
      throw new UpdateError('FEED_REFUSED', `expected HTTP 200 for ${path}, found HTTP 404`);
    return bytes;
  };
  async function* read(
    bytes: Uint8Array,
    from: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const broken = feed.breaks.shift();
    const end = Math.min(bytes.length, broken?.at ?? Infinity);
    for (let at = from; at < end; at += CHUNK) {
      throwIfCancelled(signal);
      yield await Promise.resolve(bytes.slice(at, Math.min(at + CHUNK, end)));
    }
    if (broken !== undefined) throw broken.error;
  }
  const feed: MemoryFeed = {
    files: new Map(files),
    fault: null,
    breaks: [],
    tags: false,
    requests: [],

    head: async (channel, maxBytes, signal, { kid, etag } = {}) => {
      const bytes = find(headPath(channel, kid), 0, signal, etag);
      if (bytes.length > maxBytes)
        throw new UpdateError('JWS_TOO_LARGE', `expected at most ${String(maxBytes)} bytes of head`);
      const tag = feed.tags ? etagOf(bytes) : null;
      return tag !== null && tag === etag ? { bytes: null, etag: tag } : { bytes: bytes.slice(), etag: tag };
    },

    bundle: async (path, asked, maxBytes, signal, wanted = null) => {
      const bytes = find(path, asked, signal, wanted);
      if (bytes.length > maxBytes)
        throw new UpdateError('DOWNLOAD_TOO_LARGE', `expected at most ${String(maxBytes)} bytes of ${path}`);
      const validator = feed.tags ? etagOf(bytes) : null;
      const isSame = wanted === null || wanted === validator;
      const offset = isSame && asked < bytes.length ? asked : 0;
      return { offset, validator, chunks: read(bytes, offset, signal) };
    },
  };
  return feed;
}
