/**
 * Files that readers see whole or not at all.
 *
 * Invariant: a file appears under its name by rename only, after its bytes are on disk; the folder is flushed after it.
 */
import { randomBytes } from 'node:crypto';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * Writes a file under a temporary name beside it, flushes it, and renames it into place with mode 0644.
 *
 * @param path - where it appears; what stands there is replaced
 * @param write - writes the content into the file, which is at `temporary` meanwhile; when it rejects, nothing has changed
 * @returns what `write` returned
 */
export async function writeAtomically<T>(
  path: string,
  write: (file: FileHandle, temporary: string) => Promise<T>,
): Promise<T> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  const file = await open(temporary, 'wx', 0o600);
  try {
    let result: T;
    try {
      result = await write(file, temporary);
      await file.chmod(0o644);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
    return result;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
