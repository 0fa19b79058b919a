/**
 * Writing of one bundle file: archive, base64url and signature in one go.
 *
 * Invariants: the same inputs, time and level give the same header and payload (an ES256 signature is random by nature);
 * the file appears under its name complete, signed and, where it is asked for, tried, or not at all.
 */
import { createReadStream } from 'node:fs';
import { stat, type FileHandle } from 'node:fs/promises';
import { encodeBase64url } from '../bundle/base64url.ts';
import { MANIFEST_NAME, MAX_MANIFEST_BYTES } from '../bundle/bundle-reader.ts';
import { JWS_TYPES } from '../bundle/jws.ts';
import { releaseDigest, type Manifest } from '../bundle/manifest.ts';
import { UpdateError } from '../errors.ts';
import { writeAtomically } from './atomic-write.ts';
import type { EncodedFile } from './file-encoding.ts';
import type { Signer } from './signer.ts';
import { writeTar, type TarInput } from './tar-writer.ts';

/** What was written. */
export interface CreatedBundle {
  readonly path: string;
  readonly manifest: Manifest;
  readonly digest: string;
  readonly kid: string;
  /** Bytes of the bundle file. */
  readonly size: number;
}

/** What is written, and where. */
export interface BundleFileOptions {
  readonly manifest: Manifest;
  /** The files of the manifest, in its order. */
  readonly files: readonly EncodedFile[];
  readonly signer: Signer;
  /** Where the bundle appears, mode 0644; what is there is replaced. */
  readonly out: string;
  /** Tries the file before it appears under its name. */
  readonly attempt?: ((temporary: string) => Promise<void>) | undefined;
}

/**
 * Sees that a signer's algorithm is the one of the bundle's audience: ES256 for `airgap`, RS256 else.
 *
 * @throws UpdateError `SIGNING_FAILED`
 */
export function requireAlgorithm(audience: 'feed' | 'airgap', { alg }: Signer): void {
  const expected = audience === 'airgap' ? 'ES256' : 'RS256';
  if (alg !== expected)
    throw new UpdateError(
      'SIGNING_FAILED',
      `expected a key for ${expected} for a bundle of audience ${audience}, found one for ${alg}`,
    );
}

/**
 * Writes a bundle.
 *
 * @throws UpdateError `MANIFEST_INVALID` for a manifest of more than 1 MiB, `SIGNING_FAILED`, and what `attempt` rejects with; other
 * errors are Node's own
 */
export async function writeBundleFile(options: BundleFileOptions): Promise<CreatedBundle> {
  const { manifest, signer, out, attempt } = options;
  const members = membersOf(options);
  await writeAtomically(out, async (file, temporary) => {
    await writeJws(file, members, manifest, signer);
    await attempt?.(temporary);
  });
  const { size } = await stat(out);
  return { path: out, manifest, digest: releaseDigest(manifest.files), kid: signer.kid, size };
}

function membersOf({ manifest, files }: BundleFileOptions): TarInput[] {
  const bytes = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
  if (bytes.length > MAX_MANIFEST_BYTES)
    throw new UpdateError(
      'MANIFEST_INVALID',
      `expected at most 1 MiB of manifest, found ${String(bytes.length)} bytes`,
    );
  return [
    { name: MANIFEST_NAME, mode: 0o644, size: bytes.length, body: once(bytes) },
    ...files.map(({ entry: { path, mode, stored_size: size }, stored }) => ({
      name: path,
      mode,
      size,
      body: bytesOf(stored),
    })),
  ];
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

/** The bytes of a file, which is opened when its turn comes. */
async function* bytesOf(path: string | null): AsyncGenerator<Buffer, void, undefined> {
  if (path === null) return;
  yield* createReadStream(path, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>;
}
