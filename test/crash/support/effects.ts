/**
 * The effects that a simulated disk logs, and what a power cut may make of those that are not durable yet.
 *
 * What is allowed, and from where it is taken:
 * - Data (`write`, `truncate`) is durable after an fsync of its file (POSIX.1-2024, fsync). Until then each write may, by itself, be
 *   kept, be lost, or be torn: a prefix of it only; its length without its bytes, which then are zeros (delayed allocation) or
 *   stale blocks (ext4 with data=writeback: "All File Systems Are Not Created Equal", Pillai et al., OSDI '14, section 3.2 and table 1:
 *   atomicity of appends, "content-atomicity" and "size-atomicity"); its first half, then zeros. A later write may be kept where an
 *   earlier one to the same file is lost; the gap reads as zeros.
 * - `mode` (chmod) is metadata of its inode: durable after an fsync of that file or folder, kept or lost until then.
 * - Each directory operation (`names`) is durable after an fsync of the folder whose entry it changes (POSIX.1-2024 rationale of
 *   fsync; open(2), fsync(2) of Linux: "Calling fsync() does not necessarily ensure that the entry in the directory containing the
 *   file has also reached disk"). Until then it is kept or lost, independently of every other one, in the same folder or in another:
 *   so directory operations are reordered freely, also against data ("rename before data"), as in the abstract model of ALICE
 *   (the same paper, section 3.1; its persistence properties are all taken to be false but those below).
 * - Not allowed: half of a rename. Removal of the old name, appearance of the new one and the loss of what it replaces are one change
 *   (POSIX.1-2024, rename: atomic; ext4, XFS and btrfs put them into one transaction, also between two folders). A rename between
 *   folders is durable once either of them is synced.
 * - Not allowed: that what is durable changes without a write to it, or that a file is durable by half after its fsync. Media that
 *   rot are another matter (the store's checks against the manifest; `test/adapters`).
 *
 * Stricter than any file system in use: fsync of a new file does not make its name durable, and an operation may survive though those
 * before it on the same name did not.
 */

/** A change of one name: what it stands for from then on; null for nothing. */
export interface NameChange {
  readonly folder: number;
  readonly name: string;
  readonly inode: number | null;
}

/** A change that a power cut may undo until it is durable. */
export type Change =
  | { readonly type: 'names'; readonly changes: readonly NameChange[] }
  | { readonly type: 'write'; readonly inode: number; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly type: 'truncate'; readonly inode: number; readonly size: number }
  | { readonly type: 'mode'; readonly inode: number; readonly mode: number };

/** A change with its place in time. */
export interface Logged {
  /** Its number on the tape. */
  readonly at: number;
  readonly change: Change;
  /** The number of the sync that made it durable; infinite while none did. */
  durableAt: number;
}

/** What becomes of a change that is not durable: one letter each, so that a set of them is a short text. */
export type Fate = 'k' | 'l' | 'p' | 'z' | 's' | 'h';

/** What the letters mean. */
export const FATES: Readonly<Record<Fate, string>> = {
  k: 'kept',
  l: 'lost',
  p: 'the first half only',
  z: 'its length, but zeros',
  s: 'its length, but stale blocks',
  h: 'its length, the first half, then zeros',
};

/** What may become of a change. */
export function fatesOf(change: Change): readonly Fate[] {
  if (change.type !== 'write') return ['k', 'l'];
  return change.bytes.length < 2 ? ['k', 'l', 'z', 's'] : ['k', 'l', 'p', 'z', 's', 'h'];
}

/** The bytes that a write leaves. */
export function tornBytes(bytes: Uint8Array, fate: Fate): Uint8Array {
  const half = Math.floor(bytes.length / 2);
  switch (fate) {
    case 'p':
      return bytes.subarray(0, half);
    case 'z':
      return new Uint8Array(bytes.length);
    case 's':
      return new Uint8Array(bytes.length).fill(0xa5);
    case 'h': {
      const torn = new Uint8Array(bytes.length);
      torn.set(bytes.subarray(0, half));
      return torn;
    }
    case 'k':
    case 'l':
      return bytes;
  }
}

/** `bytes` put into `file` at `offset`; a gap before it is zeros. */
export function splice(file: Uint8Array, offset: number, bytes: Uint8Array): Uint8Array {
  const spliced = new Uint8Array(Math.max(file.length, offset + bytes.length));
  spliced.set(file);
  spliced.set(bytes, offset);
  return spliced;
}

/** A file cut or grown to `size`. */
export function resized(file: Uint8Array, size: number): Uint8Array {
  const cut = new Uint8Array(size);
  cut.set(file.subarray(0, size));
  return cut;
}
