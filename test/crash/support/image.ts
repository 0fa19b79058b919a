/**
 * What lies on a disk, as data: a tree that is never changed, only made anew. A crash state is an image, and an image is what a
 * simulated disk starts from, so that a recovery may crash in its turn.
 */
import { createHash } from 'node:crypto';

/** A file. Its bytes are shared between images and never written into. */
export interface FileImage {
  readonly kind: 'file';
  readonly mode: number;
  readonly bytes: Uint8Array;
}

/** A symbolic link. */
export interface LinkImage {
  readonly kind: 'symlink';
  readonly target: string;
}

/** A folder and all that is in it. */
export interface FolderImage {
  readonly kind: 'folder';
  readonly mode: number;
  readonly entries: ReadonlyMap<string, Image>;
}

/** Anything on a disk. */
export type Image = FileImage | LinkImage | FolderImage;

/** A disk with nothing on it. */
export const EMPTY: FolderImage = { kind: 'folder', mode: 0o755, entries: new Map() };

/** An image with one more file; folders on the way are made with mode 0755. */
export function withFile(image: FolderImage, path: string, bytes: Uint8Array, mode = 0o644): FolderImage {
  const [first = '', ...rest] = path.split('/').filter((segment) => segment !== '');
  const entries = new Map(image.entries);
  const below = entries.get(first);
  if (rest.length === 0) entries.set(first, { kind: 'file', mode, bytes });
  else entries.set(first, withFile(below?.kind === 'folder' ? below : EMPTY, rest.join('/'), bytes, mode));
  return { ...image, entries };
}

/** What lies at an absolute path; undefined when nothing does. No link is followed. */
export function at(image: FolderImage, path: string): Image | undefined {
  let found: Image | undefined = image;
  for (const segment of path.split('/').filter((each) => each !== ''))
    found = found?.kind === 'folder' ? found.entries.get(segment) : undefined;
  return found;
}

const digests = new WeakMap<Uint8Array, string>();

function digestOf(bytes: Uint8Array): string {
  const known = digests.get(bytes);
  if (known !== undefined) return known;
  const digest = createHash('sha1').update(bytes).digest('base64');
  digests.set(bytes, digest);
  return digest;
}

/** Names made by chance: what tells them apart means nothing. */
const CHANCE = /^(\..+-)[0-9a-f]{16}$/;

/**
 * A text that is the same for images that mean the same: names that were made by chance are told apart by their prefix and content.
 *
 * @param ignore - names in the state directory's root that do not count
 */
export function keyOf(image: Image, ignore: readonly string[] = []): string {
  if (image.kind === 'file') return `f${image.mode.toString(8)}:${digestOf(image.bytes)}`;
  if (image.kind === 'symlink') return `l:${image.target}`;
  const entries = [...image.entries]
    .filter(([name]) => !ignore.includes(name))
    .map(([name, child]) => `${CHANCE.exec(name)?.[1] ?? name}=${keyOf(child, ignore)}`)
    .sort();
  return `d${image.mode.toString(8)}{${entries.join(';')}}`;
}
