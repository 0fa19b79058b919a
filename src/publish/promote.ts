/**
 * Promotion of a release from edge to stable.
 *
 * Invariant: a stable head names only what an edge head named a week before, and carries that edge head, byte by byte; an
 * exception says so, signed and dated.
 */
import semver from 'semver';
import type { Head, HeadTarget } from '../bundle/head.ts';
import type { HeadDocument } from '../bundle/head-document.ts';
import { UpdateError } from '../errors.ts';
import { bakeLeft, firstToName } from './bake-heads.ts';
import { readArchive } from './edge-archive.ts';
import { openFeedBases, type FeedBases } from './feed-bases.ts';
import { examineBundle, placeBundle, type ExaminedBundle } from './feed-bundle.ts';
import { refuseLoneDeltas, refuseOwnRules, requireSuccessor, some, targetOf } from './feed-claims.ts';
import { makeFeedDeltas, type DeltaWish, type FeedDelta } from './feed-deltas.ts';
import { readChannel } from './feed-heads.ts';
import { mergeTargets, sortedVersions, type HeadBody } from './head-body.ts';
import type { HeadOptions, PublishedRelease } from './head-options.ts';
import { writeHead } from './head-writer.ts';
import { checkNamedBundle, namedBundles, type NamedBundle } from './named-bundle.ts';
import { rolloutAgain, type RolloutWish } from './rollout-line.ts';

/** What is promoted, and how. The signers are those of stable. */
export interface PromoteOptions extends Omit<HeadOptions, 'channel'> {
  /** The version; what edge names now unless told. */
  readonly version?: string | undefined;
  /** Why this release must not wait for its seven days. Clients take it early only where their operators allow it. */
  readonly security?: string | undefined;
  /** The security floor; unless told, the higher one of stable's and edge's. */
  readonly minVersion?: string | undefined;
  /** How the release reaches a fleet. Unless told, what the stable head before said of the same version. */
  readonly rollout?: RolloutWish | undefined;
  /** Delta bundles to the release: hosts on stable come from other releases than those on edge. The bake is by release digest. */
  readonly deltas?: readonly string[] | undefined;
  /** Deltas to make and to name beside those given. */
  readonly makeDeltas?: DeltaWish | undefined;
}

/** What the feed says now, and since when the release was on edge. */
export interface Promoted extends PublishedRelease {
  /** ms since 1970. */
  readonly bakedSince: number;
}

/**
 * Takes a release that baked on edge to stable. Its targets, with the deltas that were added since, and its steps are those of
 * edge; more deltas may be named on stable alone. Versions that edge blocks are blocked on stable too. Safe to run again: changes nothing when stable says all of it.
 *
 * @throws UpdateError `PUBLISH_REFUSED` before the seven days are over, with the time left; when edge names no such release, and
 * when stable would not be right afterwards; what {@link writeHead} throws, and every refusal of a bundle that does not verify
 * @example
 * await promoteRelease({ feedDir: 'feed', signer: await loadSignerFor('keys', 'head-stable'), trust });
 */
export async function promoteRelease(options: PromoteOptions): Promise<Promoted> {
  const now = options.now ?? Date.now();
  await using bases = openFeedBases(options.feedDir, options.trust, options.signal);
  let bakedSince = now;
  let deltas: readonly FeedDelta[] = [];
  const published = await writeHead({ ...options, channel: 'stable', now }, async ({ newest, byKid }) => {
    const stable = newest?.head ?? null;
    const { edge, archive } = await readEdge(options, now);
    const source = sourceOf(edge, archive, options.version);
    const common = commonBody(source.head, edge.head, stable, options, now);
    for (const release of [common, ...(common.steps ?? [])])
      for (const bundle of namedBundles(release)) await requireRight(bundle, bases, options);

    const firsts = firstToName(archive, common);
    const bakeFor = (rank: number): HeadDocument => {
      const first = firsts[rank] ?? firsts.at(-1);
      if (first === undefined) throw new UpdateError('INTERNAL', 'expected an edge head, found none');
      return first;
    };
    const ranks = [options.signer, ...(options.olderSigners ?? [])].map((_, rank) => rank);
    const left = Math.max(...ranks.map((rank) => bakeLeft(bakeFor(rank), now)));
    bakedSince = bakeFor(0).head.iat * 1000;
    if (left > 0 && options.security === undefined) throw tooEarly(common.version, left, now);

    const more = await moreDeltas(common, stable?.version ?? null, bases, options);
    deltas = more.deltas;
    return (kid, rank) => ({
      ...common,
      targets: mergeTargets(common.targets, more.targets),
      bake: Buffer.from(bakeFor(rank).bytes).toString('latin1'),
      security: securityOf(options.security, common.version, byKid.get(kid)?.head ?? stable, now),
    });
  });
  return { ...published, bakedSince, deltas };
}

async function requireRight(bundle: NamedBundle, bases: FeedBases, options: PromoteOptions): Promise<void> {
  try {
    await checkNamedBundle(options.feedDir, bundle, 'stable', { ...options, bases });
  } catch (error) {
    // A delta was applied when it was published; that its base has left the feed since says nothing against it.
    if (UpdateError.from(error).code !== 'DELTA_BASE_MISSING') throw error;
  }
}

/** The edge head that is live, and all that were, it included. */
async function readEdge(
  { feedDir, trust }: PromoteOptions,
  now: number,
): Promise<{ edge: HeadDocument; archive: HeadDocument[] }> {
  const { main, byKid, newest } = await readChannel({ feedDir, channel: 'edge', trust, now });
  if (main === null || newest === null)
    throw refused(`expected a release on edge in ${feedDir}, found none: publish it there first`);
  const archived = await readArchive(feedDir, trust, newest.head, now);
  return { edge: main, archive: [...archived, main, ...byKid.values()] };
}

/** The newest edge head that names the version. */
function sourceOf(
  edge: HeadDocument,
  archive: readonly HeadDocument[],
  version: string | undefined,
): HeadDocument {
  if (version === undefined || version === edge.head.version) return edge;
  const source = archive.findLast(({ head }) => head.version === version);
  if (source === undefined)
    throw refused(`expected a version that was on edge, found ${version}: publish it there first`);
  return source;
}

/** What the heads for all keys say. */
function commonBody(
  source: Head,
  edge: Head,
  stable: Head | null,
  { minVersion, rollout }: PromoteOptions,
  now: number,
): HeadBody {
  const { version, targets, steps } = source;
  requireSuccessor(stable, version, targets);
  const floors = [stable?.min_version, source.min_version].filter((it) => it !== undefined);
  const floor = minVersion ?? floors.sort(semver.compare).at(-1);
  const blocked = sortedVersions([...(stable?.blocked ?? []), ...(edge.blocked ?? [])]);
  refuseOwnRules(version, floor, blocked, stable);
  const same = stable?.version === version ? stable : null;
  return {
    version,
    min_version: floor,
    blocked: some(blocked),
    // Deltas that stable has already are not lost when it is run again.
    targets: mergeTargets(same?.targets ?? [], targets),
    steps,
    rollout: rolloutAgain(rollout, same, now),
  };
}

/** The deltas that are named on stable beside those of edge. */
async function moreDeltas(
  release: HeadBody,
  previous: string | null,
  bases: FeedBases,
  options: PromoteOptions,
): Promise<{ deltas: readonly FeedDelta[]; targets: readonly HeadTarget[] }> {
  const signal = options.signal ?? new AbortController().signal;
  const place = { ...options, channel: 'stable', signal, bases } as const;
  const examined: ExaminedBundle[] = [];
  for (const path of options.deltas ?? []) {
    const bundle = await examineBundle(path, place);
    const { version, base } = bundle.manifest;
    if (version !== release.version || base === undefined)
      throw refused(
        `expected deltas to ${release.version}, found ${base === undefined ? 'a full bundle' : 'a delta'} of ${version}: ${path}`,
      );
    examined.push(bundle);
  }
  refuseLoneDeltas(examined, release.targets);
  const given: HeadTarget[] = [];
  for (const bundle of examined) given.push(targetOf(await placeBundle(bundle, place)));
  const made = await makeFeedDeltas(options.makeDeltas, { ...place, release, previous });
  return { deltas: made.deltas, targets: [...given, ...made.targets] };
}

/** The same exception keeps its date when it is run again. */
function securityOf(
  reason: string | undefined,
  version: string,
  before: Head | null,
  now: number,
): HeadBody['security'] {
  if (reason === undefined) return undefined;
  const same = before?.version === version && before.security?.reason === reason;
  return same ? before.security : { reason, at: Math.floor(now / 1000) };
}

function tooEarly(version: string, left: number, now: number): UpdateError {
  const until = new Date((Math.floor(now / 1000) + left) * 1000).toISOString();
  return refused(
    `expected ${version} to be on edge for 7 days before it goes to stable: ${timeLeft(left)} are left, until ${until}`,
  );
}

/** A length of time in its two largest units: `2 d 3 h`. */
function timeLeft(seconds: number): string {
  const units = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor((seconds % 86_400) / 3600), 'h'],
    [Math.floor((seconds % 3600) / 60), 'min'],
    [seconds % 60, 's'],
  ] as const;
  const first = units.findIndex(([count]) => count > 0);
  return units
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${String(count)} ${unit}`)
    .join(' ');
}

function refused(message: string): UpdateError {
  return new UpdateError('PUBLISH_REFUSED', message);
}
