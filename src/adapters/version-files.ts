import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Manifest, ManifestFile } from '../bundle/manifest.ts';
import { readAhead } from '../bundle/read-ahead.ts';
import { UpdateError } from '../errors.ts';
import type { VersionSeal } from '../services/ports.ts';
import type { Disk, DiskHandle } from './disk.ts';
import { throwIfCancelled } from './disk-errors.ts';

const CHUNK_BYTES = 1024 * 1024;

const damaged = (message: string): UpdateError => new UpdateError('VERSION_DAMAGED', message);

/**
 * Compares a folder with a manifest: exactly its files and their folders, nothing else, no link; each of the right
 * mode, size and SHA-256. Bytes are streamed.
 *
 * @param folder - absolute path of the folder that holds the files
 * @param signal - stops it between blocks, with `CANCELLED`
 * @param since - what an earlier check of this folder returned: a file whose stamp is still the same is not read again
 * @returns the stamp of each file that was right, by its path; not of one that changed a moment ago, whose next change might not show
 * @throws UpdateError `VERSION_DAMAGED` at the first difference; else what the disk throws
 */
export async function checkFiles(
  disk: Disk,
  folder: string,
  manifest: Manifest,
  signal: AbortSignal,
  since: VersionSeal = new Map(),
): Promise<VersionSeal> {
  const expected = new Map(manifest.files.map((file) => [file.path, file]));
  const folders = new Set(manifest.files.flatMap(({ path }) => parents(path)));
  await checkNames(disk, folder, '', expected, folders);
  const seal = new Map<string, string>();
  for (const file of manifest.files) {
    const stamp = await checkFile(disk, folder, file, since.get(file.path), signal);
    if (stamp !== null) seal.set(file.path, stamp);
  }
  return seal;
}

/** `a/b/c` → `a`, `a/b`. */
function parents(path: string): string[] {
  const segments = path.split('/');
  return segments.slice(1).map((_, index) => segments.slice(0, index + 1).join('/'));
}

async function checkNames(
  disk: Disk,
  root: string,
  below: string,
  files: ReadonlyMap<string, ManifestFile>,
  folders: ReadonlySet<string>,
): Promise<void> {
  for (const name of await disk.readdir(join(root, below))) {
    const path = below === '' ? name : `${below}/${name}`;
    if (files.has(path)) continue;
    if (!folders.has(path))
      throw damaged(`expected only the files of the manifest in ${root}, found ${path}`);
    const { kind } = await disk.lstat(join(root, path));
    if (kind !== 'folder') throw damaged(`expected ${join(root, path)} to be a folder, found a ${kind}`);
    await checkNames(disk, root, path, files, folders);
  }
}

/** The file's stamp; null when it is not settled. */
async function checkFile(
  disk: Disk,
  root: string,
  file: ManifestFile,
  before: string | undefined,
  signal: AbortSignal,
): Promise<string | null> {
  throwIfCancelled(signal);
  const path = join(root, file.path);
  let handle;
  try {
    handle = await disk.openRead(path, 'refuse');
  } catch (error) {
    throw UpdateError.from(error, 'VERSION_DAMAGED', 'expected a file of the manifest');
  }
  try {
    const { kind, mode, size, stamp, settled } = await handle.stat();
    if (kind !== 'file') throw damaged(`expected ${path} to be a file, found a ${kind}`);
    if (mode !== file.mode)
      throw damaged(`expected ${path} to have mode 0${file.mode.toString(8)}, found 0${mode.toString(8)}`);
    if (size !== file.size)
      throw damaged(`expected ${path} to have ${String(file.size)} bytes, found ${String(size)}`);
    if (stamp === before) return stamp;
    const hash = createHash('sha256');
    for await (const chunk of readAhead(chunksOf(handle, size, signal))) hash.update(chunk);
    const found = hash.digest('hex');
    if (found !== file.sha256)
      throw damaged(`expected ${path} to have SHA-256 ${file.sha256}, found ${found}`);
    // Taken before the bytes were read: a change meanwhile makes another one.
    return settled ? stamp : null;
  } finally {
    await handle.close();
  }
}

/** A file's bytes; each chunk is the reader's until it asks for the next but one, so that reading and hashing go on at once. */
async function* chunksOf(
  handle: DiskHandle,
  size: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const length = Math.max(1, Math.min(CHUNK_BYTES, size));
  const buffers = [new Uint8Array(length), new Uint8Array(length)] as const;
  for (let [position, turn] = [0, 0]; position < size; turn += 1) {
    throwIfCancelled(signal);
    const buffer = turn % 2 === 0 ? buffers[0] : buffers[1];
    const count = await handle.read(buffer, position);
    if (count === 0) return;
    yield buffer.subarray(0, count);
    position += count;
  }
}
