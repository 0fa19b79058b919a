/**
 * How a rollout changes. Pure.
 *
 * Invariant: by leaving something out, no host is offered a release that it was not, and none is not any more: a line that is to grow
 * goes on from the share that it has.
 */
import type { HeadRollout, RolloutLine } from '../bundle/head.ts';
import { rolloutLine, rolloutShare } from '../bundle/rollout.ts';
import { UpdateError } from '../errors.ts';

/** How a release shall reach a fleet: either `duration` or `percent`. */
export interface RolloutWish {
  /**
   * When the first host may take it, s since 1970. Unless told, what it was, and at first now; for another `duration`, so that the share
   * goes on from where it is.
   */
  readonly start?: number | undefined;
  /** Seconds over which the share of hosts grows from none to all. */
  readonly duration?: number | undefined;
  /** A fixed share of hosts, 0 to 100. */
  readonly percent?: number | undefined;
}

/** The start by which a line of this duration has the share that the one before has now; in whole seconds, and never less of it. */
function startToGoOn(duration: number, before: RolloutLine, now: number): number {
  const share = rolloutShare(before, now);
  // What is for all cannot grow: it begins anew, if that is meant.
  if (share >= 1) return Math.floor(now / 1000);
  let start = Math.floor(now / 1000 - share * duration);
  while (rolloutShare({ start, duration }, now) < share) start -= 1;
  return start;
}

/**
 * The rollout that a head gets.
 *
 * @param before - what the head before said of the same release, and of the same group
 * @param now - ms since 1970
 * @param holding - what holds for these hosts now, where that is not `before`: the line of all others
 * @returns the one before when nothing is wished
 * @throws UpdateError `PUBLISH_REFUSED` for both of `duration` and `percent`, or none
 */
export function rolloutOf(
  wish: RolloutWish | undefined,
  before: HeadRollout | undefined,
  now: number,
  holding: RolloutLine | undefined = before,
): HeadRollout | undefined {
  if (wish === undefined) return before;
  const { duration, percent } = wish;
  if ((duration === undefined) === (percent === undefined))
    throw new UpdateError('PUBLISH_REFUSED', 'expected either a duration or a percentage of a rollout');
  const isToCome = before !== undefined && before.start * 1000 > now;
  const goesOn = duration !== undefined && duration > 0 && duration !== before?.duration && !isToCome;
  const kept = goesOn && holding !== undefined ? startToGoOn(duration, holding, now) : before?.start;
  const start = wish.start ?? kept ?? Math.floor(now / 1000);
  const { groups } = before ?? {};
  return { start, duration, percent, ...(groups === undefined ? {} : { groups }) };
}

/**
 * Sees that no host that is offered a release now is not any more.
 *
 * @param how - how to say that it is meant
 * @throws UpdateError `PUBLISH_REFUSED`
 */
export function requireGrowth(
  before: HeadRollout | undefined,
  after: HeadRollout | undefined,
  now: number,
  how: string,
): void {
  const share = (rollout: HeadRollout | undefined, group: string | undefined): number =>
    rollout === undefined ? 1 : rolloutShare(rolloutLine(rollout, group), now);
  const groups = new Set([...Object.keys(before?.groups ?? {}), ...Object.keys(after?.groups ?? {})]);
  for (const group of [undefined, ...groups]) {
    const [had, has] = [share(before, group), share(after, group)];
    if (has < had)
      throw new UpdateError(
        'PUBLISH_REFUSED',
        `expected a share of at least ${percentText(had)}, which ${group === undefined ? 'the hosts' : `group ${group}`} are offered it by now; found ${percentText(has)}: say ${how} if that is meant, it takes nothing from hosts that have it`,
      );
  }
}

/**
 * The rollout of a release that is published or promoted, perhaps again: then it does not shrink.
 *
 * @param before - the head that names the same release; null where there is none
 * @throws UpdateError `PUBLISH_REFUSED`
 */
export function rolloutAgain(
  wish: RolloutWish | undefined,
  before: { readonly rollout?: HeadRollout | undefined } | null,
  now: number,
): HeadRollout | undefined {
  const rollout = rolloutOf(wish, before?.rollout, now);
  if (before !== null) requireGrowth(before.rollout, rollout, now, '`core feed rollout --shrink`');
  return rollout;
}

/** Rounded up, so that who wishes just that much is not refused. */
const percentText = (share: number): string => `${String(Math.ceil(share * 10_000) / 100)} %`;
