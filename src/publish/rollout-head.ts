import type { HeadRollout, RolloutLine } from '../bundle/head.ts';
import { rolloutLine } from '../bundle/rollout.ts';
import { UpdateError } from '../errors.ts';
import { editHead } from './edit-head.ts';
import type { HeadOptions, Published } from './head-options.ts';
import { requireGrowth, rolloutOf, type RolloutWish } from './rollout-line.ts';

/** A change of a rollout. */
export type RolloutChange =
  /** How the release shall reach the hosts of a group, or those of none that has a line of its own. */
  | { readonly kind: 'line'; readonly group?: string | undefined; readonly wish: RolloutWish }
  /** The group has no line of its own any more. */
  | { readonly kind: 'ungroup'; readonly group: string }
  /** Every host is offered it at once. */
  | { readonly kind: 'all' }
  /** No host is offered it any more; the groups' lines are gone, so that every daemon can read that. */
  | { readonly kind: 'stop' };

/** How the release that a channel names shall reach the fleet. */
export interface RolloutOptions extends HeadOptions {
  readonly change: RolloutChange;
  /** Whether fewer hosts than now may be offered it; nothing is taken from those that have it. Not unless told, but for a stop. */
  readonly shrink?: boolean | undefined;
}

/** A rollout that says what no rollout says. */
const everybody = (now: number): HeadRollout => ({ start: Math.floor(now / 1000), percent: 100 });

const lineOf = ({ start, duration, percent }: RolloutLine): RolloutLine => ({ start, duration, percent });

function withGroups(rollout: HeadRollout, groups: Readonly<Record<string, RolloutLine>>): HeadRollout {
  return { ...lineOf(rollout), ...(Object.keys(groups).length === 0 ? {} : { groups }) };
}

/** The rollout after a change. */
function changed(
  before: HeadRollout | undefined,
  change: RolloutChange,
  now: number,
): HeadRollout | undefined {
  switch (change.kind) {
    case 'all':
      return undefined;
    case 'stop':
      return { start: before?.start ?? Math.floor(now / 1000), percent: 0 };
    case 'ungroup': {
      const { [change.group]: dropped, ...groups } = before?.groups ?? {};
      if (before === undefined || dropped === undefined)
        throw refused(
          `expected a line of group ${change.group} in the rollout, found ${namesIn(before?.groups)}`,
        );
      return withGroups(before, groups);
    }
    case 'line': {
      const { group, wish } = change;
      if (group === undefined) return rolloutOf(wish, before, now);
      const whole = before ?? everybody(now);
      const own = whole.groups?.[group];
      const holding = before === undefined ? undefined : rolloutLine(whole, group);
      // One that is like all others begins when it is told, though theirs is to come.
      const line = rolloutOf(wish, own, now, holding);
      return line === undefined ? whole : withGroups(whole, { ...whole.groups, [group]: lineOf(line) });
    }
  }
}

const namesIn = (groups: object | undefined): string => Object.keys(groups ?? {}).join(', ') || 'none';

/**
 * Changes the rollout of the release that a channel names. Safe to run again: unless a start is given, it stays what it was.
 *
 * @throws UpdateError `PUBLISH_REFUSED` for both of `duration` and `percent`, or none; for a group that is not there; where it would
 * shrink, unless that is meant; what {@link editHead} throws
 * @example
 * const change = { kind: 'line', wish: { percent: 10 } } as const;
 * await setRollout({ feedDir: 'feed', channel: 'stable', change, signer, trust });
 */
export async function setRollout(options: RolloutOptions): Promise<Published> {
  const now = options.now ?? Date.now();
  const { change, shrink = change.kind === 'stop' } = options;
  return editHead({ ...options, now }, (body) => {
    const rollout = changed(body.rollout, change, now);
    if (!shrink) requireGrowth(body.rollout, rollout, now, '--shrink');
    return { ...body, rollout };
  });
}

function refused(message: string): UpdateError {
  return new UpdateError('PUBLISH_REFUSED', message);
}
