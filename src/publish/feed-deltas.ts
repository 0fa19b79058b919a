/**
 * Making of deltas inside a feed, between full bundles that are there: when a release is published or promoted.
 *
 * Invariants: a delta is applied to its base before it appears; one that is right and stands there is kept; one that would save
 * nothing is not kept.
 */
import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { HeadTarget } from '../bundle/head.ts';
import type { TrustSet } from '../bundle/trust.ts';
import { hasErrno, UpdateError } from '../errors.ts';
import { createDelta } from './delta.ts';
import type { FeedBases } from './feed-bases.ts';
import { bundlePath } from './feed-layout.ts';
import { platformName } from './inspect.ts';
import { sumOf } from './named-bundle.ts';
import type { Signer } from './signer.ts';
import { verifyBundleFile } from './verify-bundle.ts';

/** Which deltas shall be made. */
export interface DeltaWish {
  /** Versions whose full bundles are in the feed; `previous` is what the channel names before. */
  readonly from: readonly string[];
  /** The key of bundles. */
  readonly signer: Signer;
}

/** A delta that was asked for. */
export interface FeedDelta {
  readonly from: string;
  readonly platform: string;
  /** Relative to the feed, with `/`. */
  readonly path: string;
  readonly size: number;
  /** Bytes of the full bundle. */
  readonly fullSize: number;
  /** `useless` was not smaller than the full bundle, and was thrown away. */
  readonly outcome: 'made' | 'there' | 'useless';
}

/** The deltas, and the release's targets with them. */
export interface FeedDeltas {
  readonly deltas: readonly FeedDelta[];
  readonly targets: readonly HeadTarget[];
}

/** The release to which deltas are made, and where. */
export interface FeedDeltaOptions {
  readonly feedDir: string;
  readonly trust: TrustSet;
  readonly bases: FeedBases;
  readonly release: { readonly version: string; readonly targets: readonly HeadTarget[] };
  /** What the channel names before; null for nothing. */
  readonly previous: string | null;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes the deltas of a wish for every platform for which both releases are in the feed. `previous` gives none where the channel named
 * nothing, or this very release.
 *
 * @throws UpdateError `PUBLISH_REFUSED` for a version that is not in the feed for any platform of the release; what
 * {@link createDelta} throws
 */
export async function makeFeedDeltas(
  wish: DeltaWish | undefined,
  options: FeedDeltaOptions,
): Promise<FeedDeltas> {
  if (wish === undefined) return { deltas: [], targets: [] };
  const { release, previous } = options;
  const versions = new Set(wish.from.map((from) => (from === 'previous' ? previous : from)));
  const deltas: FeedDelta[] = [];
  const targets: HeadTarget[] = [];
  for (const from of versions) {
    if (from === null || (from === release.version && wish.from.includes('previous'))) continue;
    let found = false;
    for (const target of release.targets) {
      const delta = await deltaOf(from, target, wish.signer, options);
      if (delta === null) continue;
      found = true;
      deltas.push(delta.delta);
      if (delta.delta.outcome !== 'useless') targets.push({ ...target, bundles: [delta.bundle] });
    }
    if (!found)
      throw new UpdateError(
        'PUBLISH_REFUSED',
        `expected a full bundle of ${from} in ${options.feedDir}, to make a delta from it to ${release.version}, found none`,
      );
  }
  return { deltas, targets };
}

async function deltaOf(
  from: string,
  target: HeadTarget,
  signer: Signer,
  { feedDir, trust, bases, release, signal }: FeedDeltaOptions,
): Promise<{ delta: FeedDelta; bundle: HeadTarget['bundles'][number] } | null> {
  const full = target.bundles.find(({ base }) => base === undefined);
  if (full === undefined) return null;
  const place = { product: trust.product, platform: target };
  const base = join(feedDir, bundlePath({ ...place, version: from }));
  const path = bundlePath({ ...place, version: release.version, base: { version: from } });
  const out = join(feedDir, path);
  // A platform that the older release was not built for.
  if (!(await isThere(base))) return null;
  const about = { from, platform: platformName(target), path, fullSize: full.size };

  let outcome: FeedDelta['outcome'] = 'there';
  let digest = await standing(out, target.release_digest, { trust, bases, signal });
  if (digest === null) {
    const made = await createDelta({ base, bundle: join(feedDir, full.path), trust, signer, out, signal });
    digest = made.manifest.base?.release_digest ?? null;
    outcome = 'made';
  }
  if (digest === null) throw new UpdateError('INTERNAL', `expected a delta at ${path}, found a full bundle`);
  const sum = await sumOf(out);
  if (sum.size >= full.size) {
    // One that was there may be named by a head.
    if (outcome === 'made') await rm(out);
    outcome = 'useless';
  }
  return { delta: { ...about, size: sum.size, outcome }, bundle: { path, ...sum, base: digest } };
}

/** The release digest of the base of a right delta that stands there; null when there is none. */
async function standing(
  path: string,
  digest: string,
  { trust, bases, signal }: Pick<FeedDeltaOptions, 'trust' | 'bases' | 'signal'>,
): Promise<string | null> {
  try {
    const found = await verifyBundleFile(path, trust, { signal, base: bases.find });
    return found.digest === digest ? (found.manifest.base?.release_digest ?? null) : null;
  } catch (error) {
    const { code, info } = UpdateError.from(error);
    if (code === 'BUNDLE_NOT_FOUND' || code === 'DELTA_FAILED' || info.exit === 3) return null;
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
