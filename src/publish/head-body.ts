/** What a head says, its dates and its place apart. Pure. */
import semver from 'semver';
import type { Head, HeadRollout, HeadTarget, RolloutLine } from '../bundle/head.ts';
import { platformName } from './inspect.ts';

/** What a head says of its release and of others. */
export type HeadBody = Pick<
  Head,
  'version' | 'min_version' | 'blocked' | 'targets' | 'steps' | 'rollout' | 'bake' | 'security'
>;

/** The body of a head. */
export function bodyOf(head: Head): HeadBody {
  const { version, min_version, blocked, targets, steps, rollout, bake, security } = head;
  return { version, min_version, blocked, targets, steps, rollout, bake, security };
}

/** Whether two bodies say the same, whatever the order of what they list. */
export function sameOffer(a: HeadBody, b: HeadBody): boolean {
  return offer(a) === offer(b);
}

function offer(body: HeadBody): string {
  const { rollout, security } = body;
  return JSON.stringify([
    body.version,
    body.min_version,
    sortedVersions(body.blocked ?? []),
    mergeTargets(body.targets),
    (body.steps ?? []).map(({ version, targets }) => [version, mergeTargets(targets)]),
    rolloutText(rollout),
    body.bake,
    [security?.reason, security?.at],
  ]);
}

function rolloutText(rollout: HeadRollout | undefined): unknown[] {
  const line = (it: RolloutLine | undefined): unknown[] => [it?.start, it?.duration, it?.percent];
  const groups = Object.entries(rollout?.groups ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return [line(rollout), groups.map(([name, it]) => [name, line(it)])];
}

/**
 * A body as daemons read it that do not know groups: they refuse what they do not know, so it is there without them. Heads for older
 * keys are read by nobody else (`docs/decisions/0020-groups-in-a-rollout.md`).
 */
export function withoutGroups(body: HeadBody): HeadBody {
  if (body.rollout?.groups === undefined) return body;
  const { start, duration, percent } = body.rollout;
  return { ...body, rollout: { start, duration, percent } };
}

/**
 * The targets of all, sorted, so that order never matters. Where two name a platform: of one release, the bundles of both, the later
 * ones where they are from one base; of two releases, the later target.
 */
export function mergeTargets(...lists: readonly (readonly HeadTarget[])[]): HeadTarget[] {
  const byName = new Map<string, HeadTarget>();
  for (const target of lists.flat()) {
    const name = platformName(target);
    const before = byName.get(name);
    const same = before?.release_digest === target.release_digest ? before.bundles : [];
    byName.set(name, normal(target, [...same, ...target.bundles]));
  }
  return [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, target]) => target);
}

/** Versions, each once, in their order. */
export function sortedVersions(versions: readonly string[]): string[] {
  return [...new Set(versions)].sort(semver.compare);
}

/** One order of members, the full bundle first, so that equal targets are equal as text. */
function normal(
  { os, arch, libc, release_digest }: HeadTarget,
  bundles: readonly HeadTarget['bundles'][number][],
): HeadTarget {
  const byBase = new Map(bundles.map((bundle) => [bundle.base ?? '', bundle]));
  return {
    os,
    arch,
    ...(libc === undefined ? {} : { libc }),
    release_digest,
    bundles: [...byBase].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, bundle]) => ordered(bundle)),
  };
}

function ordered({ path, size, sha256, base }: HeadTarget['bundles'][number]): HeadTarget['bundles'][number] {
  return { path, size, sha256, ...(base === undefined ? {} : { base }) };
}
