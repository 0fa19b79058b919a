/**
 * A feed in a folder of this host.
 *
 * Invariant: only regular files under the folder are read; a symbolic link that leaves it is refused.
 */
import { constants } from 'node:fs';
import { open, realpath, stat, type FileHandle } from 'node:fs/promises';
import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ErrorCode } from '../error-codes.ts';
import { UpdateError, hasErrno } from '../errors.ts';
import type { Feed, FeedBody } from '../services/ports.ts';
import { throwIfCancelled } from './disk-errors.ts';
import { capped, gather, tooLarge } from './feed-limits.ts';
import { headPath, joinFeedPath } from './feed-path.ts';

const CHUNK = 64 * 1024;

interface OpenFile {
  readonly path: string;
  readonly file: FileHandle;
  readonly size: number;
}

async function rootOf(base: URL): Promise<string> {
  const folder = fileURLToPath(base);
  try {
    const root = await realpath(folder);
    if ((await stat(root)).isDirectory()) return root.endsWith(sep) ? root : `${root}${sep}`;
  } catch (error) {
    throw UpdateError.from(error, 'FEED_UNREACHABLE', `expected a feed in the folder ${folder}`);
  }
  throw new UpdateError('FEED_UNREACHABLE', `expected a feed in the folder ${folder}, found a file`);
}

async function openIn(base: URL, path: string): Promise<OpenFile> {
  const named = fileURLToPath(joinFeedPath(base, path));
  const root = await rootOf(base);
  try {
    const real = await realpath(named);
    if (!real.startsWith(root))
      throw new UpdateError(
        'FEED_PATH_INVALID',
        `expected ${named} to stay in ${root}, found a link to ${real}`,
      );
    // A pipe must not block; it is refused below.
    const file = await open(real, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    const info = await file.stat();
    if (info.isFile()) return { path: named, file, size: info.size };
    await file.close();
  } catch (error) {
    const missing = hasErrno(error, 'ENOENT', 'ENOTDIR') ? 'no such file' : 'it cannot be read';
    throw UpdateError.from(error, 'FEED_REFUSED', `expected ${named}, found ${missing}`);
  }
  throw new UpdateError('FEED_REFUSED', `expected ${named} to be a regular file`);
}

/** Opened only now: a body that nobody reads holds no descriptor. */
async function* read(
  base: URL,
  path: string,
  offset: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  throwIfCancelled(signal);
  const { file, path: named } = await openIn(base, path);
  try {
    for (let position = offset; ;) {
      throwIfCancelled(signal);
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (error) {
    throw UpdateError.from(error, 'DOWNLOAD_TRUNCATED', `cannot read on in ${named}`);
  } finally {
    await file.close();
  }
}

/**
 * A feed at a `file:` URL. See `createFeed` for what it rejects with.
 *
 * @param base - as `parseFeedUrl` returns it
 */
export function createFileFeed(base: URL): Feed {
  const body = async (
    path: string,
    asked: number,
    maxBytes: number,
    code: ErrorCode,
    signal: AbortSignal,
  ): Promise<FeedBody> => {
    throwIfCancelled(signal);
    const opened = await openIn(base, path);
    await opened.file.close();
    if (opened.size > maxBytes) throw tooLarge(code, maxBytes, String(opened.size), opened.path);
    // As a server that answers 416: nothing to add to what is here, so it is not the start of what is there.
    const offset = asked < opened.size ? asked : 0;
    const validator = null;
    return {
      offset,
      validator,
      chunks: capped(read(base, path, offset, signal), maxBytes - offset, code, opened.path),
    };
  };
  return {
    // No tags: reading a file costs no more than asking whether it has changed.
    head: async (channel, maxBytes, signal, { kid } = {}) => {
      const { chunks } = await body(headPath(channel, kid), 0, maxBytes, 'JWS_TOO_LARGE', signal);
      return { bytes: await gather(chunks), etag: null };
    },
    bundle: (path, offset, maxBytes, signal) => body(path, offset, maxBytes, 'DOWNLOAD_TOO_LARGE', signal),
  };
}
