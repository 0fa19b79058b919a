import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { Disk } from './disk.ts';
import { removeTree } from './disk-tree.ts';

const PREFIX = '.tmp-';

/** A path that nobody else uses, in the same folder as `path`: `prefix` and 16 random hex digits. */
export function freshName(path: string, prefix: string): string {
  return join(dirname(path), `${prefix}${randomBytes(8).toString('hex')}`);
}

/**
 * Replaces a file as a whole: after a power cut it holds the old bytes or the new ones, and the new ones once this has
 * resolved. Written under a temporary name, synced, renamed, folder synced.
 *
 * @param path - absolute; its folder exists
 * @param mode - permission bits of the new file
 */
export async function writeFileAtomically(
  disk: Disk,
  path: string,
  bytes: Uint8Array,
  mode: number,
): Promise<void> {
  const temporary = freshName(path, PREFIX);
  try {
    const handle = await disk.createExclusive(temporary, mode);
    try {
      await handle.write(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await disk.rename(temporary, path);
  } catch (error) {
    // The first error is the one that matters; what cannot be deleted now, removeLeftovers deletes at the next start.
    await removeTree(disk, temporary).catch(() => undefined);
    throw error;
  }
  await disk.fsyncDir(dirname(path));
}

/** Deletes the temporary files that a crash in {@link writeFileAtomically} left in a folder. */
export async function removeLeftovers(disk: Disk, folder: string): Promise<void> {
  for (const name of await disk.readdir(folder))
    if (name.startsWith(PREFIX)) await removeTree(disk, join(folder, name));
}
