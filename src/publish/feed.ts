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
import { openFeedBases } from './feed-bases.ts';
import { nextBody, requirePublishable, requireSteps, stepsOf, type ClaimOptions } from './feed-claims.ts';
import { FEED_FOLDERS } from './feed-layout.ts';
import { makeFeedDeltas, type DeltaWish, type FeedDelta } from './feed-deltas.ts';
import { mergeTargets } from './head-body.ts';
import type { HeadOptions, PublishedRelease } from './head-options.ts';
import { writeHead } from './head-writer.ts';

export type { Published, PublishedRelease } from './head-options.ts';

/** What is published, and where. The feed's folder is made if it is not there. */
export interface PublishOptions extends HeadOptions, ClaimOptions {
  /**
   * Bundles of one version: a full one a platform, and deltas to it; deltas alone for a release that is published. What each is, its
   * manifest says. The full bundle of each delta's base must be in the feed.
   */
  readonly bundles: readonly string[];
  /**
   * Bundles of older releases that an updater older than them must install first, because only they bring the keys, or the
   * updater, for the newest one. They replace the steps that were there.
   */
  readonly stepBundles?: readonly string[] | undefined;
  /** Deltas to make and to name beside those given. */
  readonly makeDeltas?: DeltaWish | undefined;
}

/**
 * Publishes a release on a channel. Safe to run again: the same inputs change nothing. Bundles for more platforms of the same
 * version are added to those that are there, and so are deltas. Let only one run at a time write a feed.
 *
 * On stable, clients take a release only with its `bake`, which {@link promoteRelease} sets; this function writes what it is told.
 *
 * @throws UpdateError `PUBLISH_REFUSED` when the feed would not be right afterwards; every refusal of a bundle that does not
 * verify; `JWS_KEY_NOT_ALLOWED` and `JWS_KEY_UNKNOWN` when clients would not accept the signer's heads
 * @example
 * await publishToFeed({ feedDir: 'feed', channel: 'edge', bundles: ['sidecar-1.1.0.jws'],
 *   signer: await loadSignerFor('keys', 'head-edge'), trust: await readTrustFile('keys/trust.json') });
 */
export async function publishToFeed(options: PublishOptions): Promise<PublishedRelease> {
  const now = options.now ?? Date.now();
  await using bases = openFeedBases(options.feedDir, options.trust, options.signal);
  const place = { ...options, signal: options.signal ?? new AbortController().signal, bases };
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

  let deltas: readonly FeedDelta[] = [];
  const published = await writeHead({ ...options, now }, async ({ newest }) => {
    const previous = newest?.head ?? null;
    const examined = await examine(options.bundles);
    requirePublishable(previous, examined, options);
    const steps = await examine(options.stepBundles ?? []);
    requireSteps(examined[0]?.manifest.version ?? '', steps);

    await mkdir(join(options.feedDir, FEED_FOLDERS.bundles), { recursive: true });
    const placed = await put(examined);
    const claims = nextBody(previous, placed, options, now);
    const made = await makeFeedDeltas(options.makeDeltas, {
      ...place,
      release: claims,
      previous: previous?.version ?? null,
    });
    deltas = made.deltas;
    const body = { ...claims, targets: mergeTargets(claims.targets, made.targets) };
    if (options.stepBundles === undefined) return () => body;
    const withSteps = { ...body, steps: stepsOf(await put(steps)) };
    return () => withSteps;
  });
  return { ...published, deltas };
}
