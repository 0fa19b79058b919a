import { headPath, joinFeedPath } from '../../src/adapters/feed-path.ts';
import { throwIfCancelled } from '../../src/adapters/disk-errors.ts';
import { UpdateError } from '../../src/errors.ts';
import type { Feed } from '../../src/services/ports.ts';

const BASE = new URL('http://feed.invalid/');
const CHUNK = 16 * 1024;

/** A feed in memory. */
export interface MemoryFeed extends Feed {
  /** Path to bytes; change it at will. */
  readonly files: Map<string, Uint8Array>;
  /** Thrown by every request while it is set. */
  fault: UpdateError | null;
  /** What was asked for, in order, as `path@offset`. */
  readonly requests: string[];
}

/** Serves `files`, with ranges, as a well-behaved server does. */
export function createMemoryFeed(files: Iterable<readonly [string, Uint8Array]> = []): MemoryFeed {
  const find = (path: string, offset: number, signal: AbortSignal): Uint8Array => {
    joinFeedPath(BASE, path);
    throwIfCancelled(signal);
    feed.requests.push(`${path}@${String(offset)}`);
    if (feed.fault !== null) throw feed.fault;
    const bytes = feed.files.get(path);
    if (bytes === undefined)
      throw new UpdateError('FEED_REFUSED', `expected HTTP 200 for ${path}, found HTTP 404`);
    return bytes;
  };
  async function* read(bytes: Uint8Array, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    for (let at = 0; at < bytes.length; at += CHUNK) {
      throwIfCancelled(signal);
      yield await Promise.resolve(bytes.slice(at, at + CHUNK));
    }
  }
  const feed: MemoryFeed = {
    files: new Map(files),
    fault: null,
    requests: [],

    head: async (channel, maxBytes, signal, kid) => {
      const bytes = find(headPath(channel, kid), 0, signal);
      if (bytes.length > maxBytes)
        throw new UpdateError('JWS_TOO_LARGE', `expected at most ${String(maxBytes)} bytes of head`);
      return bytes.slice();
    },

    bundle: async (path, asked, maxBytes, signal) => {
      const bytes = find(path, asked, signal);
      if (bytes.length > maxBytes)
        throw new UpdateError('DOWNLOAD_TOO_LARGE', `expected at most ${String(maxBytes)} bytes of ${path}`);
      const offset = asked < bytes.length ? asked : 0;
      return { offset, chunks: read(bytes.slice(offset), signal) };
    },
  };
  return feed;
}
