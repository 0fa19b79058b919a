/**
 * The rollout: how a release reaches a fleet bit by bit, decided on each host for itself, with no server.
 *
 * Invariants:
 * - A host's cohort depends on nothing but itself, the product and the release, so it is the same at every check, and another
 *   one for the next release: no host is always first.
 * - Whoever is in, stays in: a host's turn is one instant, and the share of hosts only grows.
 * - Groups change when a host's turn comes, never its cohort; a group that the rollout does not name is like none.
 * - It fails closed: numbers that make no sense let nobody in.
 */
import { createHash } from 'node:crypto';
import type { HeadRollout, RolloutLine } from './head.ts';

/**
 * A host's place in the queue for a release: the first eight bytes of SHA-256(machine id NUL product NUL release digest), as a
 * share of 2^64 (of which a number holds the first 53 bits).
 *
 * @returns a number in [0, 1), uniform over hosts
 */
export function cohort(machineId: string, product: string, releaseDigest: string): number {
  const hash = createHash('sha256').update(`${machineId}\0${product}\0${releaseDigest}`).digest();
  return Number(hash.readBigUInt64BE() >> 11n) / 2 ** 53;
}

/**
 * The part of a rollout that holds for a host: that of its group, or the rollout's own where the group is not named.
 *
 * @param group - the host's `fleet.group`; undefined for none
 * @example
 * const turn = rolloutTurn(rolloutLine(head.rollout, 'canary'), cohort(machineId, product, digest));
 */
export function rolloutLine(rollout: HeadRollout, group: string | undefined): RolloutLine {
  const { groups = {} } = rollout;
  // Own members only: a group may have any name, `constructor` too.
  return (group !== undefined && Object.hasOwn(groups, group) ? groups[group] : undefined) ?? rollout;
}

/** The length of a growing rollout, ms, or the fixed share of the other kind; null when the numbers make no sense. */
function shape({ start, duration, percent }: RolloutLine): { ms: number } | { share: number } | null {
  if (!Number.isFinite(start) || (duration === undefined) === (percent === undefined)) return null;
  if (duration !== undefined) return duration > 0 && duration < Infinity ? { ms: duration * 1000 } : null;
  return percent !== undefined && percent >= 0 && percent <= 100 ? { share: percent / 100 } : null;
}

/**
 * The share of hosts that have a release now.
 *
 * @param now - ms since 1970
 * @returns 0 before `start`; then `percent`, or what has passed of `duration`; 0 to 1
 */
export function rolloutShare(rollout: RolloutLine, now: number): number {
  const kind = shape(rollout);
  const passed = now - rollout.start * 1000;
  if (kind === null || !(passed >= 0)) return 0;
  return 'share' in kind ? kind.share : Math.min(passed / kind.ms, 1);
}

/**
 * The instant at which a host's turn comes: from then on its cohort is below {@link rolloutShare}.
 *
 * @param place - the host's {@link cohort}
 * @returns ms since 1970, whole; null when it is not among the `percent`, or the numbers make no sense
 */
export function rolloutTurn(rollout: RolloutLine, place: number): number | null {
  const kind = shape(rollout);
  if (kind === null || !(place >= 0 && place < 1)) return null;
  const start = rollout.start * 1000;
  if ('share' in kind) return place < kind.share ? start : null;
  return start + Math.min(Math.floor(place * kind.ms) + 1, kind.ms);
}
