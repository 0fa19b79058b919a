/** What the next head of a channel says: pure, so that every rule of publication can be read and tested in one place. */
import { randomUUID } from 'node:crypto';
import semver from 'semver';
import type { Head, HeadTarget } from '../bundle/head.ts';
import type { Manifest } from '../bundle/manifest.ts';
import { UpdateError } from '../errors.ts';
import type { FeedChannel } from '../types.ts';
import type { ExaminedBundle, PlacedBundle } from './feed-bundle.ts';
import { platformName } from './inspect.ts';

const DAY_S = 24 * 3600;

/** Days that a head lives unless told. */
export const DEFAULT_EXP_DAYS = 7;

/** The publisher's wishes that end up in a head. */
export interface ClaimOptions {
  readonly channel: FeedChannel;
  readonly expDays?: number | undefined;
  readonly minVersion?: string | undefined;
  readonly blocked?: readonly string[] | undefined;
  readonly issuer?: string | undefined;
}

/**
 * Sees that a release may be published after what was published before.
 *
 * @param previous - the newest head that was published, null for the first
 * @param bundles - the bundles of the release
 * @throws UpdateError `PUBLISH_REFUSED` for mixed versions, two bundles for one platform, a version or floor that goes
 * backwards, the same version with another release digest, a version that its own head would forbid
 */
export function requirePublishable(
  previous: Head | null,
  bundles: readonly ExaminedBundle[],
  options: ClaimOptions,
): void {
  const { version } = single(bundles);
  refuseDuplicates(bundles);
  if (previous !== null) {
    if (semver.lt(version, previous.version))
      throw refused(`expected a version of at least ${previous.version}, found ${version}`);
    if (version === previous.version) refuseOtherDigest(previous, bundles);
  }
  refuseOwnRules(version, floorAfter(previous, options), blockedAfter(previous, options), previous);
  const days = options.expDays ?? DEFAULT_EXP_DAYS;
  if (!(days >= 1 && days <= 14)) throw refused(`expected a life of 1 to 14 days, found ${String(days)}`);
}

/**
 * The claims of the next head. What may be published at all, {@link requirePublishable} has judged.
 *
 * @param placed - the bundles of the release, as they lie in the feed
 * @param now - ms since 1970
 */
export function nextClaims(
  previous: Head | null,
  placed: readonly PlacedBundle[],
  options: ClaimOptions,
  now: number,
): Head {
  const { product, version } = single(placed);
  const minVersion = floorAfter(previous, options);
  const blocked = blockedAfter(previous, options);
  const iat = Math.floor(now / 1000);
  return {
    iss: options.issuer ?? previous?.iss ?? product,
    aud: product,
    sub: options.channel,
    iat,
    nbf: iat,
    exp: iat + Math.floor((options.expDays ?? DEFAULT_EXP_DAYS) * DAY_S),
    jti: randomUUID(),
    epoch: previous?.epoch ?? 0,
    seq: previous === null ? 1 : previous.seq + 1,
    version,
    ...(minVersion === undefined ? {} : { min_version: minVersion }),
    ...(blocked.length === 0 ? {} : { blocked: [...blocked] }),
    targets: merged(version === previous?.version ? previous.targets : [], placed.map(targetOf)),
  };
}

function floorAfter(previous: Head | null, options: ClaimOptions): string | undefined {
  return options.minVersion ?? previous?.min_version;
}

function blockedAfter(previous: Head | null, options: ClaimOptions): readonly string[] {
  return options.blocked ?? previous?.blocked ?? [];
}

/** Whether two heads offer the same, whatever their dates and places. */
export function sameOffer(a: Head, b: Head): boolean {
  const offer = (head: Head): string =>
    JSON.stringify([
      head.iss,
      head.aud,
      head.sub,
      head.version,
      head.min_version,
      [...(head.blocked ?? [])].sort(),
      merged([], head.targets),
    ]);
  return offer(a) === offer(b);
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

function targetOf({ manifest, digest, path, size, sha256 }: PlacedBundle): HeadTarget {
  return { ...manifest.platform, release_digest: digest, bundles: [{ path, size, sha256 }] };
}

function refuseDuplicates(bundles: readonly ExaminedBundle[]): void {
  const seen = new Set<string>();
  for (const { manifest } of bundles) {
    const name = platformName(manifest.platform);
    if (seen.has(name)) throw refused(`expected one bundle a platform, found two for ${name}`);
    seen.add(name);
  }
}

function refuseOtherDigest(previous: Head, bundles: readonly ExaminedBundle[]): void {
  for (const { manifest, digest } of bundles) {
    const name = platformName(manifest.platform);
    const before = previous.targets.find((target) => platformName(target) === name);
    if (before !== undefined && before.release_digest !== digest)
      throw refused(
        `${previous.version} for ${name} is published with release digest ${before.release_digest}, found ${digest}`,
      );
  }
}

function refuseOwnRules(
  version: string,
  minVersion: string | undefined,
  blocked: readonly string[],
  previous: Head | null,
): void {
  for (const named of [...(minVersion === undefined ? [] : [minVersion]), ...blocked])
    if (semver.valid(named) !== named)
      throw refused(`expected a SemVer version such as 1.2.3, found ${JSON.stringify(named)}`);
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

/** The targets of both, those of `after` first where both name a platform; sorted, so that order never matters. */
function merged(before: readonly HeadTarget[], after: readonly HeadTarget[]): HeadTarget[] {
  const byName = new Map([...before, ...after].map((target) => [platformName(target), normal(target)]));
  return [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, target]) => target);
}

/** One order of members, so that equal targets are equal as text. */
function normal({ os, arch, libc, release_digest, bundles }: HeadTarget): HeadTarget {
  return { os, arch, ...(libc === undefined ? {} : { libc }), release_digest, bundles };
}

function refused(message: string): UpdateError {
  return new UpdateError('PUBLISH_REFUSED', message);
}
