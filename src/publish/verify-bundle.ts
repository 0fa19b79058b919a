import { readManifest, unpackBundle } from '../bundle/bundle-reader.ts';
import { verifyBundleSignature } from '../bundle/bundle-signature.ts';
import { releaseDigest, type Manifest } from '../bundle/manifest.ts';
import type { BaseFiles } from '../bundle/random-access.ts';
import type { TrustSet } from '../bundle/trust.ts';
import type { UnpackSink } from '../bundle/unpack-file.ts';
import { UpdateError } from '../errors.ts';
import type { Platform } from '../types.ts';
import { openFile } from './file-access.ts';
import { platformName } from './inspect.ts';

/** A bundle whose signature and manifest are right. What its files are, nobody has looked at. */
export interface SignedManifest {
  readonly manifest: Manifest;
  readonly kid: string;
  /** Release digest. */
  readonly digest: string;
  /** Bytes of the file. */
  readonly size: number;
}

/** A bundle that is right in every respect that a file alone can show; a delta gave the files of its manifest. */
export interface VerifiedBundle extends SignedManifest {
  readonly verified: true;
}

/** Finds the files of a delta's base; null when they are not at hand. */
export type FindBase = (manifest: Manifest, base: NonNullable<Manifest['base']>) => Promise<BaseFiles | null>;

/** Limits of a verification. */
export interface VerifySignedOptions {
  /** The bundle must be for this platform. */
  readonly platform?: Platform | undefined;
  /** Judge the key's `not_after` at this instant (ms since 1970), not at the manifest's `created_at` alone. */
  readonly now?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How a bundle is verified whole. */
export interface VerifyBundleOptions extends VerifySignedOptions {
  /** What a delta is tried on; without it every delta is refused. */
  readonly base?: FindBase | undefined;
  /** Judges what is known before anything is unpacked; what it throws ends the verification. */
  readonly judge?: ((signed: SignedManifest) => void) | undefined;
  /** Receives the files; they are thrown away unless told. */
  readonly target?: UnpackSink | undefined;
}

/**
 * Verifies a bundle whole, as an updater would. A delta is applied to its base.
 *
 * @param trust - whose keys and product it must be of
 * @throws UpdateError every refusal of `verifyBundleSignature`, `readManifest` and `unpackBundle`; `WRONG_PRODUCT`,
 * `WRONG_PLATFORM`, `BUNDLE_NOT_FOUND`; `DELTA_BASE_MISSING` for a delta whose base is not at hand, when all else is right
 * @example
 * const { manifest, kid } = await verifyBundleFile('release.jws', await readTrustFile('keys/trust.json'));
 */
export async function verifyBundleFile(
  path: string,
  trust: TrustSet,
  options: VerifyBundleOptions = {},
): Promise<VerifiedBundle> {
  const signed = await verifying(path, trust, options, async (found, unpack) => {
    options.judge?.(found);
    const { manifest } = found;
    if (manifest.base === undefined) return unpack(options.target ?? nowhere);
    const base = await options.base?.(manifest, manifest.base);
    if (base === undefined || base === null)
      throw new UpdateError(
        'DELTA_BASE_MISSING',
        `${path} is a delta: expected the full bundle of ${manifest.base.version} (${manifest.base.release_digest.slice(0, 12)}), to try it on, found none`,
      );
    await unpack(options.target ?? nowhere, base);
  });
  return { verified: true, ...signed };
}

/**
 * Verifies signature and manifest of a bundle, and leaves its files alone: for a delta whose base is elsewhere.
 *
 * @throws UpdateError what {@link verifyBundleFile} throws before it unpacks
 */
export async function verifySignedManifest(
  path: string,
  trust: TrustSet,
  options: VerifySignedOptions = {},
): Promise<SignedManifest> {
  return verifying(path, trust, options, () => Promise.resolve());
}

async function verifying(
  path: string,
  trust: TrustSet,
  options: VerifySignedOptions,
  then: (
    found: SignedManifest,
    unpack: (target: UnpackSink, base?: BaseFiles) => Promise<void>,
  ) => Promise<void>,
): Promise<SignedManifest> {
  const { now, platform, signal = new AbortController().signal } = options;
  await using file = await openFile(path);
  const signed = await verifyBundleSignature(file, trust, signal, now === undefined ? {} : { now });
  const manifest = await readManifest(file, signed, signal);
  if (manifest.product !== trust.product)
    throw new UpdateError(
      'WRONG_PRODUCT',
      `expected ${trust.product}, found ${JSON.stringify(manifest.product)}`,
    );
  if (platform !== undefined) checkPlatform(manifest.platform, platform);
  const found = { manifest, kid: signed.kid, digest: releaseDigest(manifest.files), size: signed.size };
  await then(found, (target, base) =>
    unpackBundle(file, signed, manifest, target, { signal, ...(base === undefined ? {} : { base }) }),
  );
  return found;
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

/** Takes every file and keeps none. */
const nowhere: UnpackSink = {
  open: () => Promise.resolve({ write: () => Promise.resolve(), close: () => Promise.resolve() }),
};
