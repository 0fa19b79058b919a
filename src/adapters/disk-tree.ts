import { join } from 'node:path';
import { hasErrno } from '../errors.ts';
import type { Disk, DiskStat } from './disk.ts';

/** `lstat`, with `null` for a path that is not there. */
export async function statOrNull(disk: Disk, path: string): Promise<DiskStat | null> {
  try {
    return await disk.lstat(path);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}

/**
 * Deletes a file, a link (not what it points to) or a folder with all that is in it. Nothing there: does nothing. Not
 * durable until the folder that held it is synced.
 */
export async function removeTree(disk: Disk, path: string): Promise<void> {
  const stat = await statOrNull(disk, path);
  if (stat === null) return;
  if (stat.kind !== 'folder') {
    await disk.unlink(path);
    return;
  }
  for (const name of await disk.readdir(path)) await removeTree(disk, join(path, name));
  await disk.rmdir(path);
}

/** Makes a folder and everything in it durable, from the bottom up. The folder's own name is not. */
export async function syncTree(disk: Disk, path: string): Promise<void> {
  for (const name of await disk.readdir(path)) {
    const child = join(path, name);
    const { kind } = await disk.lstat(child);
    if (kind === 'folder') await syncTree(disk, child);
    else if (kind === 'file') await syncFile(disk, child);
  }
  await disk.fsyncDir(path);
}

async function syncFile(disk: Disk, path: string): Promise<void> {
  const handle = await disk.openRead(path, 'refuse');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
