/**
 * Publication of a release into a feed: a tree of static files (`feed-layout.ts`).
 *
 * Invariants:
 * - Each head that a client can read names bundles that are there, whole: bundles first, then the heads (`head-writer.ts`); a
 *   bundle that is right is never replaced by other bytes.
 * - What was published is never weakened by leaving an option out: `min_version`, `blocked` and `steps` are carried over.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { examineBundle, placeBundle, type ExaminedBundle, type PlacedBundle } from './feed-bundle.ts';
import { nextBody, requirePublishable, requireSteps, stepsOf, type ClaimOptions } from './feed-claims.ts';
import { FEED_FOLDERS } from './feed-layout.ts';
import type { HeadOptions, Published } from './head-options.ts';
import { writeHead } from './head-writer.ts';

export type { Published } from './head-options.ts';

/** What is published, and where. The feed's folder is made if it is not there. */
export interface PublishOptions extends HeadOptions, ClaimOptions {
  /** Bundles of one version, one a platform. Version, product and platforms are taken from their manifests. */
  readonly bundles: readonly string[];
  /**
   * Bundles of older releases that an updater older than them must install first, because only they bring the keys, or the
   * updater, for the newest one. They replace the steps that were there.
   */
  readonly stepBundles?: readonly string[] | undefined;
}

/**
 * Publishes a release on a channel. Safe to run again: the same inputs change nothing. Bundles for more platforms of the same
 * version are added to those that are there. Let only one run at a time write a feed.
 *
 * On stable, clients take a release only with its `bake`, which {@link promoteRelease} sets; this function writes what it is told.
 *
 * @throws UpdateError `PUBLISH_REFUSED` when the feed would not be right afterwards; every refusal of a bundle that does not
 * verify; `JWS_KEY_NOT_ALLOWED` and `JWS_KEY_UNKNOWN` when clients would not accept the signer's heads
 * @example
 * await publishToFeed({ feedDir: 'feed', channel: 'edge', bundles: ['sidecar-1.1.0.jws'],
 *   signer: await loadSignerFor('keys', 'head-edge'), trust: await readTrustFile('keys/trust.json') });
 */
export async function publishToFeed(options: PublishOptions): Promise<Published> {
  const now = options.now ?? Date.now();
  const place = { ...options, signal: options.signal ?? new AbortController().signal };
  const examine = async (bundles: readonly string[]): Promise<ExaminedBundle[]> => {
    const examined: ExaminedBundle[] = [];
    for (const bundle of bundles) examined.push(await examineBundle(bundle, place));
    return examined;
  };
  const put = async (examined: readonly ExaminedBundle[]): Promise<PlacedBundle[]> => {
    const placed: PlacedBundle[] = [];
    for (const bundle of examined) placed.push(await placeBundle(bundle, place));
    return placed;
  };

  return writeHead({ ...options, now }, async ({ newest }) => {
    const previous = newest?.head ?? null;
    const examined = await examine(options.bundles);
    requirePublishable(previous, examined, options);
    const steps = await examine(options.stepBundles ?? []);
    requireSteps(examined[0]?.manifest.version ?? '', steps);

    await mkdir(join(options.feedDir, FEED_FOLDERS.bundles), { recursive: true });
    const placed = await put(examined);
    const body = nextBody(previous, placed, options, now);
    if (options.stepBundles === undefined) return () => body;
    const withSteps = { ...body, steps: stepsOf(await put(steps)) };
    return () => withSteps;
  });
}
