/** What the next head of a channel says of a release: pure, so that every rule of publication can be read in one place. */
import semver from 'semver';
import type { Head, HeadStep, HeadTarget } from '../bundle/head.ts';
import type { Manifest } from '../bundle/manifest.ts';
import { UpdateError } from '../errors.ts';
import type { ExaminedBundle, PlacedBundle } from './feed-bundle.ts';
import { mergeTargets, type HeadBody } from './head-body.ts';
import { platformName } from './inspect.ts';
import { rolloutAgain, type RolloutWish } from './rollout-line.ts';

/** The publisher's wishes that end up in a head. */
export interface ClaimOptions {
  /** The security floor; never lower than before. Unless told, what the head before said. */
  readonly minVersion?: string | undefined;
  /** Replaces the list of blocked versions; unless told, what the head before said. */
  readonly blocked?: readonly string[] | undefined;
  /** How the release reaches a fleet. Unless told, what the head before said of the same version. */
  readonly rollout?: RolloutWish | undefined;
  /** Replaces the releases that an older updater must pass through; unless told, what the head before said. */
  readonly steps?: readonly HeadStep[] | undefined;
  /** Stable only: the edge head that first named the release. Unless told, what the head before said of the same version. */
  readonly bake?: string | undefined;
  /** Stable only: publishes before the bake is over. Unless told, what the head before said of the same version. */
  readonly security?: Head['security'] | undefined;
}

/**
 * Sees that a release may be published after what was published before.
 *
 * @param previous - the newest head that was published, null for the first
 * @param bundles - the bundles of the release
 * @throws UpdateError `PUBLISH_REFUSED` for mixed versions, two bundles for one platform and base, a delta without the full bundle of
 * its release, a version or floor that goes backwards, the same version with another release digest, a version that its own head
 * would forbid
 */
export function requirePublishable(
  previous: Head | null,
  bundles: readonly ExaminedBundle[],
  options: ClaimOptions,
): void {
  const { version } = single(bundles);
  refuseDuplicates(bundles);
  refuseLoneDeltas(bundles, previous?.version === version ? previous.targets : []);
  const targets = bundles.map(({ manifest, digest }) => ({ ...manifest.platform, release_digest: digest }));
  requireSuccessor(previous, version, targets);
  refuseOwnRules(version, floorAfter(previous, options), blockedAfter(previous, options), previous);
}

/**
 * Sees that a release may follow a head.
 *
 * @throws UpdateError `PUBLISH_REFUSED` for an older version, and for the same version with another release digest
 */
export function requireSuccessor(
  previous: Head | null,
  version: string,
  targets: readonly Omit<HeadTarget, 'bundles'>[],
): void {
  if (previous === null) return;
  if (semver.lt(version, previous.version))
    throw refused(`expected a version of at least ${previous.version}, found ${version}`);
  if (version !== previous.version) return;
  for (const target of targets) {
    const name = platformName(target);
    const before = previous.targets.find((it) => platformName(it) === name);
    if (before !== undefined && before.release_digest !== target.release_digest)
      throw refused(
        `${version} for ${name} is published with release digest ${before.release_digest}, found ${target.release_digest}`,
      );
  }
}

/**
 * What the next head says. What may be published at all, {@link requirePublishable} has judged.
 *
 * @param placed - the bundles of the release, as they lie in the feed
 * @param now - ms since 1970
 */
export function nextBody(
  previous: Head | null,
  placed: readonly PlacedBundle[],
  options: ClaimOptions,
  now: number,
): HeadBody {
  const { version } = single(placed);
  const same = version === previous?.version ? previous : null;
  return {
    version,
    min_version: floorAfter(previous, options),
    blocked: some(blockedAfter(previous, options)),
    targets: mergeTargets(same?.targets ?? [], placed.map(targetOf)),
    steps: some(options.steps ?? stillSteps(previous, version)),
    rollout: rolloutAgain(options.rollout, same, now),
    bake: options.bake ?? same?.bake,
    security: options.security ?? same?.security,
  };
}

/**
 * Sees that bundles may be steps on the way to a release.
 *
 * @throws UpdateError `PUBLISH_REFUSED` for a step that is not older than the release, for two bundles for one platform and base, and
 * for a delta without the full bundle of its release
 */
export function requireSteps(version: string, bundles: readonly ExaminedBundle[]): void {
  for (const [step, those] of Map.groupBy(bundles, ({ manifest }) => manifest.version)) {
    if (!semver.lt(step, version))
      throw refused(`expected steps that are older than ${version}, found ${step}`);
    refuseDuplicates(those);
    refuseLoneDeltas(those, []);
  }
}

/** The steps that bundles make: a step a version, lowest first. */
export function stepsOf(placed: readonly PlacedBundle[]): HeadStep[] {
  return [...Map.groupBy(placed, ({ manifest }) => manifest.version)]
    .map(([version, bundles]) => ({ version, targets: mergeTargets(bundles.map(targetOf)) }))
    .sort((a, b) => semver.compare(a.version, b.version));
}

/**
 * Sees that a head does not forbid its own release.
 *
 * @throws UpdateError `PUBLISH_REFUSED`
 */
export function refuseOwnRules(
  version: string,
  minVersion: string | undefined,
  blocked: readonly string[],
  previous: Head | null,
): void {
  for (const named of [...(minVersion === undefined ? [] : [minVersion]), ...blocked]) requireSemver(named);
  if (minVersion !== undefined && semver.lt(version, minVersion))
    throw refused(`expected a version of at least min_version ${minVersion}, found ${version}`);
  if (
    minVersion !== undefined &&
    previous?.min_version !== undefined &&
    semver.lt(minVersion, previous.min_version)
  )
    throw refused(`expected a min_version of at least ${previous.min_version}, found ${minVersion}`);
  if (blocked.includes(version)) throw refused(`expected a version that is not blocked, found ${version}`);
}

/**
 * Sees that a text is a version.
 *
 * @throws UpdateError `PUBLISH_REFUSED`
 */
export function requireSemver(text: string): void {
  if (semver.valid(text) !== text)
    throw refused(`expected a SemVer version such as 1.2.3, found ${JSON.stringify(text)}`);
}

/** A list, or nothing where it is empty. */
export function some<T>(items: readonly T[]): T[] | undefined {
  return items.length === 0 ? undefined : [...items];
}

function floorAfter(previous: Head | null, options: ClaimOptions): string | undefined {
  return options.minVersion ?? previous?.min_version;
}

function blockedAfter(previous: Head | null, options: ClaimOptions): readonly string[] {
  return options.blocked ?? previous?.blocked ?? [];
}

function stillSteps(previous: Head | null, version: string): readonly HeadStep[] {
  return (previous?.steps ?? []).filter((step) => semver.lt(step.version, version));
}

function single(bundles: readonly ExaminedBundle[]): Manifest {
  const [first] = bundles;
  if (first === undefined) throw refused('expected at least one bundle, found none');
  for (const { manifest } of bundles) {
    if (manifest.version !== first.manifest.version)
      throw refused(
        `expected bundles of one version, found ${first.manifest.version} and ${manifest.version}`,
      );
  }
  return first.manifest;
}

/** What a head says of one bundle. */
export function targetOf({ manifest, digest, path, size, sha256 }: PlacedBundle): HeadTarget {
  const base = manifest.base?.release_digest;
  const bundle = { path, size, sha256, ...(base === undefined ? {} : { base }) };
  return { ...manifest.platform, release_digest: digest, bundles: [bundle] };
}

/** `linux-x64`, or `linux-x64 from 1.0.0`. */
function wayOf({ platform, base }: Manifest): string {
  return `${platformName(platform)}${base === undefined ? '' : ` from ${base.version}`}`;
}

function refuseDuplicates(bundles: readonly ExaminedBundle[]): void {
  const seen = new Set<string>();
  for (const { manifest } of bundles) {
    const name = wayOf(manifest);
    if (seen.has(name)) throw refused(`expected one bundle a platform and base, found two for ${name}`);
    seen.add(name);
  }
}

/**
 * Sees that each delta stands beside the full bundle of its release: given with it, or published before.
 *
 * @throws UpdateError `PUBLISH_REFUSED`
 */
export function refuseLoneDeltas(bundles: readonly ExaminedBundle[], published: readonly HeadTarget[]): void {
  const digests = new Map(published.map((target) => [platformName(target), target.release_digest]));
  for (const { manifest, digest } of bundles)
    if (manifest.base === undefined) digests.set(platformName(manifest.platform), digest);
  for (const { manifest, digest } of bundles) {
    const full = digests.get(platformName(manifest.platform));
    if (full === digest) continue;
    const what = `the delta to ${manifest.version} for ${wayOf(manifest)}`;
    throw refused(
      full === undefined
        ? `expected the full bundle of ${manifest.version} beside ${what}, found none`
        : `expected ${what} to lead to release digest ${full}, found ${digest}`,
    );
  }
}

function refused(message: string): UpdateError {
  return new UpdateError('PUBLISH_REFUSED', message);
}
