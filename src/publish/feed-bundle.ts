/**
 * One bundle's way into a feed.
 *
 * Invariants: what is verified is the copy that clients will read; a bundle in the feed that is right is never replaced.
 */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { Manifest } from '../bundle/manifest.ts';
import type { TrustSet } from '../bundle/trust.ts';
import { UpdateError } from '../errors.ts';
import type { FeedChannel } from '../types.ts';
import { writeAtomically } from './atomic-write.ts';
import type { FeedBases } from './feed-bases.ts';
import { bundlePath } from './feed-layout.ts';
import { sumOf } from './named-bundle.ts';
import { verifyBundleFile, type VerifiedBundle } from './verify-bundle.ts';

/** A bundle that was found right, and where it goes. Nothing is written yet. */
export interface ExaminedBundle {
  readonly source: string;
  /** Relative to the feed, with `/`. */
  readonly path: string;
  readonly manifest: Manifest;
  readonly digest: string;
  /** Whether a right bundle of the same release stands there already. */
  readonly standing: boolean;
}

/** A bundle as it lies in the feed. */
export interface PlacedBundle extends ExaminedBundle {
  readonly size: number;
  readonly sha256: string;
}

/** Where a bundle goes, and what it must be. */
export interface PlaceOptions {
  readonly feedDir: string;
  readonly channel: FeedChannel;
  readonly trust: TrustSet;
  readonly signal: AbortSignal;
  /** What deltas are tried on. */
  readonly bases: FeedBases;
}

/**
 * Verifies a bundle, and sees that it may go to its place in the feed. A delta is applied to its base, whose full bundle must be in
 * the feed.
 *
 * @throws UpdateError `PUBLISH_REFUSED` for an airgap bundle, for another release under the same name, and for a delta whose base is
 * not in the feed; every refusal of a bundle that does not verify
 */
export async function examineBundle(source: string, options: PlaceOptions): Promise<ExaminedBundle> {
  const { manifest, digest } = await verifying(source, options);
  if (!manifest.audience.some((audience) => audience === options.channel))
    throw new UpdateError(
      'PUBLISH_REFUSED',
      `expected a bundle for ${options.channel}, found one for ${manifest.audience.join(' and ')}: ${source}`,
    );
  if (!/^[A-Za-z0-9_][A-Za-z0-9._+@-]*$/.test(manifest.product))
    throw new UpdateError('PUBLISH_REFUSED', 'expected a product name that can be part of a file name');
  const path = bundlePath(manifest);
  const standing = await standingBundle(join(options.feedDir, path), options);
  if (standing !== null && !isSameRelease(standing, { manifest, digest }))
    throw new UpdateError(
      'PUBLISH_REFUSED',
      `${path} is published with release digest ${standing.digest}, found ${digest}: give another version`,
    );
  return { source, path, manifest, digest, standing: standing !== null };
}

/**
 * Copies an examined bundle into the feed. When one of the same release stands there already, that one stays, and it is its
 * size and SHA-256 that are returned.
 *
 * @throws UpdateError `BUNDLE_CHANGED` when the source is another release now
 */
export async function placeBundle(examined: ExaminedBundle, options: PlaceOptions): Promise<PlacedBundle> {
  const there = join(options.feedDir, examined.path);
  if (!examined.standing) await copyBundle(examined, there, options);
  return { ...examined, ...(await sumOf(there)) };
}

async function verifying(path: string, { trust, signal, bases }: PlaceOptions): Promise<VerifiedBundle> {
  try {
    return await verifyBundleFile(path, trust, { signal, base: bases.find });
  } catch (error) {
    const { code, message } = UpdateError.from(error);
    if (code !== 'DELTA_BASE_MISSING') throw error;
    throw new UpdateError('PUBLISH_REFUSED', `${message} in the feed`, { cause: error });
  }
}

/** The right bundle that stands there; null when there is none, or one that no client would accept. */
async function standingBundle(path: string, options: PlaceOptions): Promise<VerifiedBundle | null> {
  try {
    return await verifying(path, options);
  } catch (error) {
    // Exit code 3 is "not trusted": a damaged copy, which is replaced, as is a delta that fails. Anything else is a fault of this run.
    const { code, info } = UpdateError.from(error);
    if (code === 'BUNDLE_NOT_FOUND' || code === 'DELTA_FAILED' || info.exit === 3) return null;
    throw error;
  }
}

/** Whether both lead to one release, and from one. */
function isSameRelease(
  a: Pick<ExaminedBundle, 'manifest' | 'digest'>,
  b: Pick<ExaminedBundle, 'manifest' | 'digest'>,
): boolean {
  return a.digest === b.digest && a.manifest.base?.release_digest === b.manifest.base?.release_digest;
}

async function copyBundle(
  { source, manifest, digest }: ExaminedBundle,
  path: string,
  options: PlaceOptions,
): Promise<void> {
  await writeAtomically(path, async (file, temporary) => {
    for await (const chunk of createReadStream(source, {
      highWaterMark: 1024 * 1024,
      signal: options.signal,
    }))
      await file.writeFile(chunk as Buffer);
    const copy = await verifying(temporary, options);
    if (!isSameRelease(copy, { manifest, digest }))
      throw new UpdateError(
        'BUNDLE_CHANGED',
        `expected release digest ${digest}, found ${copy.digest} after copying`,
      );
  });
}
