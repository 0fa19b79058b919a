import type { ErrorRecord } from '../../errors.ts';
import type { Release } from '../../types.ts';

/** What a fleet's operators order; only what is signed by a key that this host was told of is obeyed. */
export interface Orders {
  /**
   * Why the rollout of a release is halted (`ROLLOUT_HALTED`); null when it is not. An order outlasts a restart and the loss of whatever
   * brought it. Never rejects: what cannot be read is told as a warning, and the last order that was read holds.
   */
  halted(release: Release): Promise<ErrorRecord | null>;
}

/** Hints that there may be something new; a host that gets none polls as ever. */
export interface Nudges {
  /** Resolves with a word for people at the next hint, now or later; rejects only by the signal. */
  next(signal: AbortSignal): Promise<string>;
}
