/**
 * Finding of files in a feed's folder for whoever asks over the network.
 *
 * Invariants: a path has plain segments only, so no dotfile, no `..` and no other spelling of a name is ever looked up; what is
 * opened is a regular file whose real path is in the folder and plain too, whatever links lead to it.
 */
import { constants } from 'node:fs';
import { open, realpath, type FileHandle } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { hasErrno } from '../errors.ts';

/** A file of the feed, open. Whoever has it closes it. */
export interface FeedFile {
  readonly handle: FileHandle;
  /** Its path in the feed, with `/`. */
  readonly path: string;
  readonly size: number;
  /** A strong validator (RFC 9110 section 8.8.3). Publishing replaces files by rename, so other bytes are another file. */
  readonly etag: string;
  /** When it was written, whole seconds, ms since 1970. */
  readonly modified: number;
}

/** As the segments of a head's paths, and as a `kid`, which may start with a dash. */
const SEGMENT = /^[A-Za-z0-9_-][A-Za-z0-9._+@-]*$/;

/**
 * Reads the target of a request (RFC 9112 section 3.2.1: origin form).
 *
 * @returns the path in the feed; null for what no file of a feed can have
 */
export function feedPathOf(target: string): string | null {
  const [path = ''] = target.split('?', 1);
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    // Not an encoding of anything: it names no file.
    return null;
  }
  const [first, ...segments] = decoded.split('/');
  if (first !== '' || segments.length === 0) return null;
  return segments.every((segment) => SEGMENT.test(segment)) ? segments.join('/') : null;
}

/**
 * Opens a file of a feed.
 *
 * @param root - the feed's folder, its real path
 * @param path - as {@link feedPathOf} returned it
 * @returns null when there is none that may be shown
 * @throws Error of the file system, for anything but absence
 */
export async function openFeedFile(root: string, path: string): Promise<FeedFile | null> {
  try {
    const real = await realpath(join(root, path));
    if (
      !relative(root, real)
        .split(sep)
        .every((segment) => SEGMENT.test(segment))
    )
      return null;
    // No link any more, and no pipe that would hold this up.
    const handle = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const file = await describe(handle, path);
    if (file === null) await handle.close();
    return file;
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'ENXIO', 'EISDIR')) return null;
    throw error;
  }
}

async function describe(handle: FileHandle, path: string): Promise<FeedFile | null> {
  try {
    const stat = await handle.stat({ bigint: true });
    if (!stat.isFile()) return null;
    const tag = [stat.ino, stat.size, stat.mtimeNs].map((part) => part.toString(36)).join('-');
    const modified = Number(stat.mtimeNs / 1_000_000_000n) * 1000;
    return { handle, path, size: Number(stat.size), etag: `"${tag}"`, modified };
  } catch (error) {
    await handle.close();
    throw error;
  }
}
