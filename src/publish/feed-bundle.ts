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
import { FEED_FOLDERS } from './feed-layout.ts';
import { platformName, verifyBundleFile, type VerifiedBundle } from './inspect.ts';
import { sumOf } from './named-bundle.ts';

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
}

/** Where a bundle lies in a feed, relative to it, with `/`. */
export function bundlePath({
  product,
  version,
  platform,
}: Pick<Manifest, 'product' | 'version' | 'platform'>): string {
  return `${FEED_FOLDERS.bundles}/${product}-${version}-${platformName(platform)}.jws`;
}

/**
 * Verifies a bundle, and sees that it may go to `bundles/<product>-<version>-<os>-<arch>[-<libc>].jws`.
 *
 * @throws UpdateError `PUBLISH_REFUSED` for an airgap bundle, and for another release under the same name; every refusal of a
 * bundle that does not verify
 */
export async function examineBundle(source: string, options: PlaceOptions): Promise<ExaminedBundle> {
  const { manifest, digest } = await verifyBundleFile(source, options.trust, { signal: options.signal });
  if (!manifest.audience.some((audience) => audience === options.channel))
    throw new UpdateError(
      'PUBLISH_REFUSED',
      `expected a bundle for ${options.channel}, found one for ${manifest.audience.join(' and ')}: ${source}`,
    );
  if (!/^[A-Za-z0-9_][A-Za-z0-9._+@-]*$/.test(manifest.product))
    throw new UpdateError('PUBLISH_REFUSED', 'expected a product name that can be part of a file name');
  const path = bundlePath(manifest);
  const standing = await standingBundle(join(options.feedDir, path), options);
  if (standing !== null && standing.digest !== digest)
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

/** The right bundle that stands there; null when there is none, or one that no client would accept. */
async function standingBundle(path: string, { trust, signal }: PlaceOptions): Promise<VerifiedBundle | null> {
  try {
    return await verifyBundleFile(path, trust, { signal });
  } catch (error) {
    // Exit code 3 is "not trusted": a damaged copy, which is replaced. Anything else is a fault of this run.
    if (error instanceof UpdateError && (error.code === 'BUNDLE_NOT_FOUND' || error.info.exit === 3))
      return null;
    throw error;
  }
}

async function copyBundle(
  { source, digest }: ExaminedBundle,
  path: string,
  { trust, signal }: PlaceOptions,
): Promise<void> {
  await writeAtomically(path, async (file, temporary) => {
    for await (const chunk of createReadStream(source, { highWaterMark: 1024 * 1024, signal }))
      await file.writeFile(chunk as Buffer);
    const copy = await verifyBundleFile(temporary, trust, { signal });
    if (copy.digest !== digest)
      throw new UpdateError(
        'BUNDLE_CHANGED',
        `expected release digest ${digest}, found ${copy.digest} after copying`,
      );
  });
}
