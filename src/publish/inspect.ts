import { headerPart, verifyBundleSignature } from '../bundle/bundle-signature.ts';
import { readManifest, readManifestUnchecked, unpackBundle } from '../bundle/bundle-reader.ts';
import { parseJwsHeader, type JwsHeader } from '../bundle/jws.ts';
import { releaseDigest, type Manifest } from '../bundle/manifest.ts';
import { blockCount, BLOCK_BYTES, readBlock } from '../bundle/payload.ts';
import type { TrustSet } from '../bundle/trust.ts';
import type { UnpackSink } from '../bundle/unpack-file.ts';
import { UpdateError } from '../errors.ts';
import type { Platform } from '../types.ts';
import { openFile } from './file-access.ts';

/** What a bundle says of itself. Nobody has checked it. */
export interface InspectedBundle {
  /** Always false: an inspection proves nothing. */
  readonly verified: false;
  readonly header: JwsHeader;
  readonly manifest: Manifest;
  readonly digest: string;
  /** Bytes of the file, of its archive, and of all its files unpacked. */
  readonly sizes: { readonly file: number; readonly archive: number; readonly unpacked: number };
}

/** A bundle that is right in every respect that a file alone can show. */
export interface VerifiedBundle {
  readonly verified: true;
  readonly manifest: Manifest;
  readonly kid: string;
  /** Release digest. */
  readonly digest: string;
  /** Bytes of the file. */
  readonly size: number;
}

/** Limits of a verification. */
export interface VerifyBundleOptions {
  /** The bundle must be for this platform. */
  readonly platform?: Platform | undefined;
  /** Judge the key's `not_after` at this instant (ms since 1970), not at the manifest's `created_at` alone. */
  readonly now?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Shows what a bundle says of itself, without keys. Never decide anything by it.
 *
 * @throws UpdateError `BUNDLE_NOT_FOUND`, `JWS_MALFORMED`, `JWS_HEADER_INVALID`, `BUNDLE_ARCHIVE_INVALID`, `JSON_INVALID`,
 * `MANIFEST_INVALID`
 */
export async function inspectBundle(path: string): Promise<InspectedBundle> {
  await using file = await openFile(path);
  const { signal } = new AbortController();
  if (file.size === 0) throw new UpdateError('JWS_MALFORMED', 'expected a bundle, found an empty file');
  const first = await readBlock(file, 0, file.size, signal);
  const part = headerPart(first);
  const start = part.length + 1;
  const lastIndex = blockCount(file.size) - 1;
  const last = await readBlock(file, lastIndex, file.size, signal);
  const dot = last.lastIndexOf('.');
  const length = lastIndex * BLOCK_BYTES + dot - start;
  if (dot < 0 || length < 0) throw new UpdateError('JWS_MALFORMED', 'expected two dots, found one');
  const source = { size: file.size, payload: { start, length }, blocks: 'unverified' as const };
  const manifest = await readManifestUnchecked(file, source, signal);
  return {
    verified: false,
    header: parseJwsHeader(part),
    manifest,
    digest: releaseDigest(manifest.files),
    sizes: {
      file: file.size,
      archive: Math.floor((length * 3) / 4),
      unpacked: manifest.files.reduce((sum, { size }) => sum + size, 0),
    },
  };
}

/**
 * Verifies a bundle whole, as an updater would, and throws the unpacked files away.
 *
 * @param trust - whose keys and product it must be of
 * @throws UpdateError every refusal of `verifyBundleSignature`, `readManifest` and `unpackBundle`; `WRONG_PRODUCT`,
 * `WRONG_PLATFORM`, `BUNDLE_NOT_FOUND`
 * @example
 * const { manifest, kid } = await verifyBundleFile('release.jws', await readTrustFile('keys/trust.json'));
 */
export async function verifyBundleFile(
  path: string,
  trust: TrustSet,
  options: VerifyBundleOptions = {},
): Promise<VerifiedBundle> {
  const signal = options.signal ?? new AbortController().signal;
  await using file = await openFile(path);
  const signed = await verifyBundleSignature(
    file,
    trust,
    signal,
    options.now === undefined ? {} : { now: options.now },
  );
  const manifest = await readManifest(file, signed, signal);
  if (manifest.product !== trust.product)
    throw new UpdateError(
      'WRONG_PRODUCT',
      `expected ${trust.product}, found ${JSON.stringify(manifest.product)}`,
    );
  if (options.platform !== undefined) checkPlatform(manifest.platform, options.platform);
  await unpackBundle(file, signed, manifest, nowhere, signal);
  return {
    verified: true,
    manifest,
    kid: signed.kid,
    digest: releaseDigest(manifest.files),
    size: signed.size,
  };
}

function checkPlatform(found: Platform, expected: Platform): void {
  const fits =
    found.os === expected.os &&
    found.arch === expected.arch &&
    (found.libc === undefined || found.libc === expected.libc);
  if (!fits)
    throw new UpdateError(
      'WRONG_PLATFORM',
      `expected ${platformName(expected)}, found ${platformName(found)}`,
    );
}

/** A platform for people and for file names: `linux-x64`, `linux-x64-musl`. */
export function platformName({ os, arch, libc }: Platform): string {
  return [os, arch, ...(libc === undefined ? [] : [libc])].join('-');
}

/** Takes every file and keeps none. */
const nowhere: UnpackSink = {
  open: () => Promise.resolve({ write: () => Promise.resolve(), close: () => Promise.resolve() }),
};
