/**
 * The full bundles of a feed, unpacked, for deltas to be tried on.
 *
 * Invariant: what is found is the release that was asked for, by its digest; each is unpacked once and removed with the rest.
 */
import { join } from 'node:path';
import type { TrustSet } from '../bundle/trust.ts';
import { UpdateError } from '../errors.ts';
import { bundlePath } from './feed-layout.ts';
import { unpackBundleFile, type UnpackedBundle } from './unpacked-bundle.ts';
import type { FindBase } from './verify-bundle.ts';

/** The bases of one run; dispose of it when done. */
export interface FeedBases extends AsyncDisposable {
  /** Finds the base of a delta by its full bundle in the feed; null when there is none of that release. */
  readonly find: FindBase;
}

/**
 * Makes an empty collection; a base is unpacked when it is first asked for. Needs room for them in the temporary folder.
 *
 * @example
 * await using bases = openFeedBases('feed', trust);
 * await verifyBundleFile('feed/bundles/x-1.1.0-linux-x64-from-1.0.0.jws', trust, { base: bases.find });
 */
export function openFeedBases(feedDir: string, trust: TrustSet, signal?: AbortSignal): FeedBases {
  const opened = new Map<string, Promise<UnpackedBundle | null>>();
  const open = async (path: string): Promise<UnpackedBundle | null> => {
    try {
      return await unpackBundleFile(path, trust, signal);
    } catch (error) {
      if (error instanceof UpdateError && error.code === 'BUNDLE_NOT_FOUND') return null;
      throw error;
    }
  };
  return {
    find: async ({ product, platform }, { version, release_digest: digest }) => {
      const path = join(feedDir, bundlePath({ product, version, platform }));
      const unpacked = opened.get(path) ?? open(path);
      opened.set(path, unpacked);
      const base = await unpacked;
      return base?.digest === digest ? base.files : null;
    },
    [Symbol.asyncDispose]: async () => {
      for (const outcome of await Promise.allSettled(opened.values()))
        if (outcome.status === 'fulfilled') await outcome.value?.[Symbol.asyncDispose]();
    },
  };
}
