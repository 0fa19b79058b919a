import { editHead } from './edit-head.ts';
import { rolloutOf, type RolloutWish } from './head-body.ts';
import type { HeadOptions, Published } from './head-options.ts';

/** How the release that a channel names shall reach the fleet. */
export interface RolloutOptions extends HeadOptions {
  /** Null offers it to every host at once. */
  readonly rollout: RolloutWish | null;
}

/**
 * Changes the rollout of the release that a channel names. Safe to run again: unless a start is given, it stays what it was.
 *
 * @throws UpdateError `PUBLISH_REFUSED` for both of `duration` and `percent`, or none; what {@link editHead} throws
 * @example
 * await setRollout({ feedDir: 'feed', channel: 'stable', rollout: { percent: 10 }, signer, trust });
 */
export async function setRollout(options: RolloutOptions): Promise<Published> {
  const now = options.now ?? Date.now();
  return editHead({ ...options, now }, (body) => ({
    ...body,
    rollout: options.rollout === null ? undefined : rolloutOf(options.rollout, body.rollout, now),
  }));
}
