import { open, type FileHandle } from 'node:fs/promises';
import type { RandomAccess } from '../bundle/random-access.ts';
import { UpdateError } from '../errors.ts';

/** An open file that can be read anywhere; close it when done. */
export interface OpenFile extends RandomAccess, AsyncDisposable {
  close(): Promise<void>;
}

/**
 * Opens a file for reading anywhere in it.
 *
 * @param path - any path
 * @throws UpdateError `BUNDLE_NOT_FOUND` when it cannot be read
 * @example
 * await using file = await openFile('release.jws');
 */
export async function openFile(path: string): Promise<OpenFile> {
  try {
    const handle = await open(path, 'r');
    try {
      const stat = await handle.stat();
      if (!stat.isFile())
        throw new UpdateError('BUNDLE_NOT_FOUND', `expected a file, found something else at ${path}`);
      return access(handle, stat.size);
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    throw UpdateError.from(error, 'BUNDLE_NOT_FOUND');
  }
}

function access(handle: FileHandle, size: number): OpenFile {
  const close = (): Promise<void> => handle.close();
  return {
    size,
    async read(buffer, position) {
      let filled = 0;
      while (filled < buffer.byteLength) {
        const { bytesRead } = await handle.read(
          buffer,
          filled,
          buffer.byteLength - filled,
          position + filled,
        );
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return filled;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
