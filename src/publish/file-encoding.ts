/**
 * How a file of a release is stored in a bundle: whole, or as what it differs in from a file of a base.
 *
 * Invariant: of the ways that there are, the one with the fewest bytes is taken; where two are alike, the one that needs no base.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { programsOf, type Manifest, type ManifestFile } from '../bundle/manifest.ts';
import { UpdateError } from '../errors.ts';
import { compressTo } from './compress.ts';
import { makePatch } from './patch/make-patch.ts';
import type { UnpackedBundle } from './unpacked-bundle.ts';

/** A file of the release. */
export interface BundleFile {
  /** Its path in the version's folder, with `/`. */
  readonly path: string;
  /** A path on this machine, or the bytes. */
  readonly source: string | Uint8Array;
  readonly mode: 0o644 | 0o755;
}

/** A file as its manifest lists it, and where the bytes are that the archive holds; null for none. */
export interface EncodedFile {
  readonly entry: ManifestFile;
  readonly stored: string | null;
}

/** How files are encoded. */
export interface EncodingOptions {
  /** An empty folder for the stored bytes. */
  readonly work: string;
  /** zstd level, 1 to 19. */
  readonly level: number;
  readonly signal?: AbortSignal | undefined;
}

/** What a delta is made from, and the entrypoint of the release that it leads to. */
export interface DeltaSides {
  readonly base: UnpackedBundle;
  readonly entrypoint: string;
  /** Bytes of a file of the release in a full bundle, where that is known: a patch that is smaller needs no other try. */
  readonly wholeSize?: ((path: string) => number | undefined) | undefined;
}

/**
 * Compresses files whole.
 *
 * @throws UpdateError `BUNDLE_NOT_FOUND` for a source that cannot be read
 */
export async function encodeWhole(
  files: readonly BundleFile[],
  { work, level }: EncodingOptions,
): Promise<EncodedFile[]> {
  const encoded: EncodedFile[] = [];
  for (const [index, file] of files.entries())
    encoded.push(await whole(file, `${work}/${String(index)}.zst`, level));
  return encoded;
}

/**
 * Stores files as what they differ in from a base.
 *
 * @throws UpdateError `BUNDLE_NOT_FOUND` for a source that cannot be read; what `makePatch` throws
 */
export async function encodeDelta(
  files: readonly BundleFile[],
  sides: DeltaSides,
  options: EncodingOptions,
): Promise<EncodedFile[]> {
  const encoded: EncodedFile[] = [];
  for (const [index, file] of files.entries())
    encoded.push(await smallest(file, sides, `${options.work}/${String(index)}`, options));
  return encoded;
}

async function smallest(
  file: BundleFile,
  { base, entrypoint, wholeSize }: DeltaSides,
  work: string,
  { level, signal }: EncodingOptions,
): Promise<EncodedFile> {
  const { path, mode } = file;
  const { size, sha256 } = await reading(path, sumOfSource(file.source));
  const described = { path, mode, size, sha256 };
  const from = (found: ManifestFile): { base_path?: string } =>
    found.path === path ? {} : { base_path: found.path };

  const twins = base.manifest.files.filter((it) => it.size === size && it.sha256 === sha256);
  const twin = twins.find((it) => it.path === path) ?? twins[0];
  if (twin !== undefined)
    return {
      entry: { ...described, encoding: 'same', ...from(twin), stored_size: 0 },
      stored: null,
    };

  const like = mostLike(path, path === entrypoint, base.manifest);
  if (like === undefined) return whole(file, `${work}.zst`, level);
  const target = await asFile(file.source, `${work}.whole`);
  const out = `${work}.patch`;
  const { storedSize } = await makePatch({
    base: base.fileOf(like.path),
    target,
    out,
    ...(signal === undefined ? {} : { signal }),
  });
  const patched: EncodedFile = {
    entry: { ...described, encoding: 'patch', ...from(like), stored_size: storedSize },
    stored: out,
  };
  if (storedSize < (wholeSize?.(path) ?? 0)) return patched;
  const unpatched = await whole(file, `${work}.zst`, level);
  return storedSize < unpatched.entry.stored_size ? patched : unpatched;
}

/** The base's file that a file is most likely to have come from: by its path, as the program itself, then by its name. */
function mostLike(path: string, isEntrypoint: boolean, base: Manifest): ManifestFile | undefined {
  const same = base.files.find((it) => it.path === path);
  if (same !== undefined) return same;
  if (isEntrypoint) return base.files.find((it) => it.path === programsOf(base)[0]);
  return base.files.find((it) => basename(it.path) === basename(path));
}

async function whole(
  { path, mode, source }: BundleFile,
  stored: string,
  level: number,
): Promise<EncodedFile> {
  const { size, sha256, storedSize } = await reading(path, compressTo(source, stored, level));
  return { entry: { path, mode, size, sha256, encoding: 'zstd', stored_size: storedSize }, stored };
}

async function sumOfSource(source: string | Uint8Array): Promise<{ size: number; sha256: string }> {
  const hash = createHash('sha256');
  if (typeof source !== 'string') return { size: source.length, sha256: hash.update(source).digest('hex') };
  for await (const chunk of createReadStream(source, { highWaterMark: 1024 * 1024 }))
    hash.update(chunk as Buffer);
  return { size: (await stat(source)).size, sha256: hash.digest('hex') };
}

async function asFile(source: string | Uint8Array, path: string): Promise<string> {
  if (typeof source === 'string') return source;
  await writeFile(path, source, { flag: 'wx', mode: 0o600 });
  return path;
}

async function reading<T>(path: string, step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    throw UpdateError.from(error, 'BUNDLE_NOT_FOUND', `the source of ${path} cannot be read`);
  }
}
