import { UpdateError } from '../errors.ts';
import type { Disk, DiskHandle } from './disk.ts';

/** The most bytes that a bundle given as a file may have. */
const LOCAL_MAX_BYTES = 8 * 1024 ** 3;
const CHUNK_BYTES = 1024 * 1024;

/**
 * A file that an operator names. It is opened anew when it is iterated, so that one which nobody reads keeps no
 * descriptor; exactly `size` bytes come, or `BUNDLE_CHANGED`.
 *
 * @param path - absolute, or relative to the daemon's folder; links are followed, as an operator expects
 * @throws UpdateError `BUNDLE_NOT_FOUND` if it cannot be opened, is not a regular file, or is over 8 GiB
 */
export async function openLocalFile(
  disk: Disk,
  path: string,
): Promise<{ size: number; chunks: AsyncIterable<Uint8Array> }> {
  const first = await open(disk, path);
  await first.handle.close();
  return { size: first.size, chunks: { [Symbol.asyncIterator]: () => chunks(disk, path, first.size) } };
}

async function open(disk: Disk, path: string): Promise<{ handle: DiskHandle; size: number }> {
  let handle: DiskHandle;
  try {
    handle = await disk.openRead(path, 'follow');
  } catch (error) {
    throw UpdateError.from(error, 'BUNDLE_NOT_FOUND', 'could not open the bundle');
  }
  try {
    const { kind, size } = await handle.stat();
    if (kind !== 'file')
      throw new UpdateError('BUNDLE_NOT_FOUND', `expected ${path} to be a regular file, found a ${kind}`);
    if (size > LOCAL_MAX_BYTES)
      throw new UpdateError(
        'BUNDLE_NOT_FOUND',
        `expected ${path} to have at most ${String(LOCAL_MAX_BYTES)} bytes, found ${String(size)}`,
      );
    return { handle, size };
  } catch (error) {
    await handle.close();
    throw UpdateError.from(error, 'BUNDLE_NOT_FOUND', 'could not open the bundle');
  }
}

async function* chunks(disk: Disk, path: string, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  const { handle, size: now } = await open(disk, path);
  const changed = (found: number): UpdateError =>
    new UpdateError('BUNDLE_CHANGED', `expected ${String(size)} bytes in ${path}, found ${String(found)}`);
  try {
    if (now !== size) throw changed(now);
    for (let position = 0; position < size;) {
      // A buffer of its own each time: whoever gets a chunk may keep it.
      const buffer = new Uint8Array(Math.min(CHUNK_BYTES, size - position));
      const count = await read(handle, buffer, position);
      if (count < buffer.length) throw changed(position + count);
      position += count;
      yield buffer;
    }
  } finally {
    await handle.close();
  }
}

async function read(handle: DiskHandle, buffer: Uint8Array, position: number): Promise<number> {
  try {
    return await handle.read(buffer, position);
  } catch (error) {
    throw UpdateError.from(error, 'BUNDLE_NOT_FOUND', 'could not read the bundle');
  }
}
