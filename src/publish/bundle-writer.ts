/**
 * Writing of bundles.
 *
 * Invariants: the same inputs, time and level give the same header and payload (an ES256 signature is random by nature);
 * the file appears under its name complete and signed, or not at all.
 */
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeBase64url } from '../bundle/base64url.ts';
import { MANIFEST_NAME, MAX_MANIFEST_BYTES } from '../bundle/bundle-reader.ts';
import { JWS_TYPES } from '../bundle/jws.ts';
import { manifestSchema, releaseDigest, type Manifest } from '../bundle/manifest.ts';
import { firstIssue } from '../bundle/quote.ts';
import { UpdateError } from '../errors.ts';
import type { Platform } from '../types.ts';
import { writeAtomically } from './atomic-write.ts';
import { compressTo } from './compress.ts';
import type { Signer } from './signer.ts';
import { writeTar, type TarInput } from './tar-writer.ts';

/** The level of zstd unless told. */
export const DEFAULT_ZSTD_LEVEL = 10;

/** A file of the release. */
export interface BundleFile {
  /** Its path in the version's folder, with `/`. */
  readonly path: string;
  /** A path on this machine, or the bytes. */
  readonly source: string | Uint8Array;
  readonly mode: 0o644 | 0o755;
}

/** What goes into a bundle. */
export interface CreateBundleOptions {
  readonly product: string;
  readonly version: string;
  /** `feed` makes a bundle for stable and edge (RS256), `airgap` one that comes from a file (ES256). */
  readonly audience: 'feed' | 'airgap';
  readonly platform: Platform;
  /** The path of the program among `files`; its mode must be 0755. */
  readonly entrypoint: string;
  readonly files: readonly BundleFile[];
  readonly signer: Signer;
  /** Where the bundle appears, mode 0644; what is there is replaced. */
  readonly out: string;
  /** ms since 1970, written into manifest and archive in whole seconds; now unless told. Fix it for equal bytes. */
  readonly createdAt?: number;
  readonly minUpdater?: string | undefined;
  readonly rollbackSafeTo?: string | undefined;
  readonly notes?: string | undefined;
  /** zstd level, 1 to 19; 10 unless told. */
  readonly level?: number;
}

/** What was written. */
export interface CreatedBundle {
  readonly path: string;
  readonly manifest: Manifest;
  readonly digest: string;
  readonly kid: string;
  /** Bytes of the bundle file. */
  readonly size: number;
}

/**
 * Makes one signed bundle: compresses each file into a private temporary folder, then streams archive, base64url and
 * signature in one go. Memory does not grow with the files.
 *
 * @throws UpdateError `SIGNING_FAILED` when the signer's algorithm does not fit the audience, `MANIFEST_INVALID`,
 * `BUNDLE_NOT_FOUND` when a source cannot be read, `WRITE_FAILED`, `USAGE` for a level out of range
 * @example
 * await createBundle({ product: 'coresdk-sidecar', version: '1.1.0', audience: 'feed', platform: { os: 'linux', arch: 'x64' },
 *   entrypoint: 'bin/sidecar', files: [{ path: 'bin/sidecar', source: 'dist/sidecar', mode: 0o755 }],
 *   signer: await loadSigner('keys/bundle.pem'), out: 'sidecar-1.1.0.jws' });
 */
export async function createBundle(options: CreateBundleOptions): Promise<CreatedBundle> {
  const expected = options.audience === 'airgap' ? 'ES256' : 'RS256';
  if (options.signer.alg !== expected)
    throw new UpdateError(
      'SIGNING_FAILED',
      `expected a key for ${expected} for a bundle of audience ${options.audience}, found one for ${options.signer.alg}`,
    );
  const level = options.level ?? DEFAULT_ZSTD_LEVEL;
  if (!Number.isInteger(level) || level < 1 || level > 19)
    throw new UpdateError('USAGE', `expected a zstd level from 1 to 19, found ${String(level)}`);

  try {
    return await write(options, level);
  } catch (error) {
    throw UpdateError.from(error, 'WRITE_FAILED', `the bundle ${options.out} cannot be written`);
  }
}

async function write(options: CreateBundleOptions, level: number): Promise<CreatedBundle> {
  const work = await mkdtemp(join(tmpdir(), 'coresdk-bundle-'));
  try {
    const { manifest, members } = await prepare(options, level, work);
    await writeAtomically(options.out, (file) => writeJws(file, members, manifest, options.signer));
    const { size } = await stat(options.out);
    return {
      path: options.out,
      manifest,
      digest: releaseDigest(manifest.files),
      kid: options.signer.kid,
      size,
    };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function prepare(
  options: CreateBundleOptions,
  level: number,
  work: string,
): Promise<{ manifest: Manifest; members: TarInput[] }> {
  const files: unknown[] = [];
  const members: TarInput[] = [];
  for (const [index, { path, source, mode }] of options.files.entries()) {
    const stored = join(work, String(index));
    const { size, sha256, storedSize } = await compressing(path, compressTo(source, stored, level));
    files.push({ path, mode, size, sha256, encoding: 'zstd', stored_size: storedSize });
    members.push({ name: path, mode, size: storedSize, body: createReadStream(stored) });
  }
  const manifest = describe(options, files);
  const bytes = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
  if (bytes.length > MAX_MANIFEST_BYTES)
    throw new UpdateError(
      'MANIFEST_INVALID',
      `expected at most 1 MiB of manifest, found ${String(bytes.length)} bytes`,
    );
  members.unshift({ name: MANIFEST_NAME, mode: 0o644, size: bytes.length, body: once(bytes) });
  return { manifest, members };
}

async function compressing<T>(path: string, step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    throw UpdateError.from(error, 'BUNDLE_NOT_FOUND', `the source of ${path} cannot be read`);
  }
}

function describe(options: CreateBundleOptions, files: readonly unknown[]): Manifest {
  const seconds = Math.floor((options.createdAt ?? Date.now()) / 1000);
  const { os, arch, libc } = options.platform;
  const parsed = manifestSchema.safeParse({
    schema: 1,
    product: options.product,
    version: options.version,
    audience: options.audience === 'airgap' ? ['airgap'] : ['stable', 'edge'],
    platform: { os, arch, ...(libc === undefined ? {} : { libc }) },
    created_at: new Date(seconds * 1000).toISOString(),
    entrypoint: options.entrypoint,
    files,
    ...(options.minUpdater === undefined ? {} : { min_updater: options.minUpdater }),
    ...(options.rollbackSafeTo === undefined ? {} : { rollback_safe_to: options.rollbackSafeTo }),
    ...(options.notes === undefined ? {} : { notes: options.notes }),
  });
  if (parsed.success) return parsed.data;
  throw new UpdateError('MANIFEST_INVALID', `manifest: ${firstIssue(parsed.error)}`, { cause: parsed.error });
}

async function writeJws(
  file: FileHandle,
  members: readonly TarInput[],
  manifest: Manifest,
  signer: Signer,
): Promise<void> {
  const { alg, kid } = signer;
  await using signature = signer.stream();
  const header = Buffer.from(JSON.stringify({ alg, kid, typ: JWS_TYPES.bundle })).toString('base64url');
  const put = async (text: string): Promise<void> => {
    await signature.update(text);
    await file.writeFile(text, 'latin1');
  };
  await put(`${header}.`);
  for await (const text of encodeBase64url(writeTar(members, Date.parse(manifest.created_at))))
    await put(text);
  await file.writeFile(`.${await signature.sign()}`, 'latin1');
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer, void, undefined> {
  yield await Promise.resolve(bytes);
}
