/**
 * `current`: a symbolic link to `versions/<v>`, relative, so that the state directory may be moved.
 *
 * Invariant: it is only ever replaced by the rename of a fresh link, so it points to the old version or to the new one.
 */
import { dirname, join } from 'node:path';
import { hasErrno } from '../errors.ts';
import { freshName } from './atomic-file.ts';
import type { Disk } from './disk.ts';
import { removeTree, statOrNull } from './disk-tree.ts';
import { isVersionName } from './version-folder.ts';

const PREFIX = '.current-';

/** The version that `current` names, whether it is there or not; `null` if it is missing or odd. */
export async function readPointer(disk: Disk, current: string): Promise<string | null> {
  try {
    const version = /^versions\/([^/]+)$/.exec(await disk.readlink(current))?.[1];
    return version !== undefined && isVersionName(version) ? version : null;
  } catch (error) {
    // EINVAL: it is not a symbolic link.
    if (hasErrno(error, 'ENOENT', 'EINVAL')) return null;
    throw error;
  }
}

/** Points `current` at a version, durably. Again: makes sure that it is durable. */
export async function swapPointer(disk: Disk, current: string, version: string): Promise<void> {
  if ((await readPointer(disk, current)) !== version) {
    // A link cannot be renamed onto a folder.
    if ((await statOrNull(disk, current))?.kind === 'folder') await removeTree(disk, current);
    const fresh = freshName(current, PREFIX);
    await disk.symlink(`versions/${version}`, fresh);
    await disk.rename(fresh, current);
  }
  await disk.fsyncDir(dirname(current));
}

/** Removes `current`, whatever it is, durably. */
export async function removePointer(disk: Disk, current: string): Promise<void> {
  await removeTree(disk, current);
  await disk.fsyncDir(dirname(current));
}

/** Deletes the links that an interrupted swap left. */
export async function tidyPointer(disk: Disk, current: string): Promise<void> {
  const root = dirname(current);
  for (const name of await disk.readdir(root))
    if (name.startsWith(PREFIX)) await removeTree(disk, join(root, name));
}
