import type { ErrorRecord } from '../../errors.ts';
import type { Drained } from '../../types.ts';
import type { ProbeResult } from './workload.ts';

/** A release that is not for this host yet. */
export interface HeldBack {
  readonly version: string;
  /** Why, for people; says until when where that is known. */
  readonly reason: string;
  /** ms since 1970; null when nobody knows: the host is not in the share that the publisher fixed. */
  readonly until: number | null;
}

/** What an update waits for in `waiting`. */
export interface Waiting {
  readonly for: 'window' | 'approval' | 'lease';
  /** Why, for people. */
  readonly reason: string;
  /** When the window opens, or the lease is asked for again, ms since 1970; null when nobody knows: a person has to approve it. */
  readonly until: number | null;
}

/** What services tell whoever watches, while they work. Never fails, never waits. */
export type Progress =
  /** `resumed`: so much was there already, from an earlier try. */
  | {
      readonly kind: 'download';
      readonly received: number;
      readonly total: number;
      readonly resumed?: true;
    }
  /** A request failed and is made again after `waitMs`; the `failures`th in a row of at most `retries`. */
  | {
      readonly kind: 'retry';
      readonly error: ErrorRecord;
      readonly waitMs: number;
      readonly failures: number;
      readonly retries: number;
    }
  | {
      readonly kind: 'probe';
      readonly result: ProbeResult;
      readonly elapsedMs: number;
      readonly deadlineMs: number;
    }
  | { readonly kind: 'nextCheck'; readonly at: number | null; readonly why: string }
  /** What the last check held back; null when it held nothing back. */
  | { readonly kind: 'heldBack'; readonly held: HeldBack | null }
  /** What the update waits for now; null when it waits no longer. */
  | { readonly kind: 'waiting'; readonly waiting: Waiting | null }
  /** The old version was drained, before it is stopped. */
  | { readonly kind: 'drained'; readonly version: string; readonly drained: Drained }
  | { readonly kind: 'warning'; readonly error: ErrorRecord };

/** The port for {@link Progress}. */
export interface Reporter {
  report(progress: Progress): void;
}
