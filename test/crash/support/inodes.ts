import { resized, splice, tornBytes, type Change, type Fate } from './effects.ts';
import type { FolderImage, Image } from './image.ts';

/** A file, link or folder, apart from its names. */
export type Inode =
  | { readonly kind: 'file'; mode: number; bytes: Uint8Array }
  | { readonly kind: 'symlink'; readonly target: string }
  | { readonly kind: 'folder'; mode: number; readonly entries: Map<string, number> };

/** The number of the folder `/`. */
export const ROOT = 0;

/** Numbers of inodes to what they are. */
export type Inodes = Map<number, Inode>;

/** Gives every node of an image a number; `/` has {@link ROOT}. */
export function inodesOf(image: FolderImage): Inodes {
  const inodes: Inodes = new Map();
  let last = ROOT;
  const put = (node: Image, number: number): void => {
    if (node.kind !== 'folder') {
      inodes.set(number, { ...node });
      return;
    }
    const entries = new Map<string, number>();
    inodes.set(number, { kind: 'folder', mode: node.mode, entries });
    for (const [name, child] of node.entries) {
      last += 1;
      entries.set(name, last);
      put(child, last);
    }
  };
  put(image, ROOT);
  return inodes;
}

/** A copy whose inodes may be changed without changing these. */
export function copyInodes(inodes: Inodes): Inodes {
  return new Map(
    [...inodes].map(([number, inode]) => [
      number,
      inode.kind === 'folder' ? { ...inode, entries: new Map(inode.entries) } : { ...inode },
    ]),
  );
}

/** What can be reached from a folder, as an image. What has no name is gone. */
export function imageOf(inodes: Inodes, number = ROOT): FolderImage {
  const folder = inodes.get(number);
  if (folder?.kind !== 'folder') throw new Error(`inode ${String(number)} is no folder`);
  const entries = new Map<string, Image>();
  for (const [name, child] of folder.entries) {
    const inode = inodes.get(child);
    if (inode === undefined) throw new Error(`inode ${String(child)} is not there`);
    entries.set(name, inode.kind === 'folder' ? imageOf(inodes, child) : { ...inode });
  }
  return { kind: 'folder', mode: folder.mode, entries };
}

/** Applies a change as a power cut left it. */
export function apply(inodes: Inodes, change: Change, fate: Fate = 'k'): void {
  if (fate === 'l') return;
  if (change.type === 'names') {
    for (const { folder, name, inode } of change.changes) {
      const found = inodes.get(folder);
      if (found?.kind !== 'folder') continue;
      if (inode === null) found.entries.delete(name);
      else found.entries.set(name, inode);
    }
    return;
  }
  const found = inodes.get(change.inode);
  if (found === undefined || found.kind === 'symlink') return;
  if (change.type === 'mode') found.mode = change.mode;
  else if (found.kind !== 'file') return;
  else if (change.type === 'truncate') found.bytes = resized(found.bytes, change.size);
  else found.bytes = splice(found.bytes, change.offset, tornBytes(change.bytes, fate));
}
