import type { ErrorRecord } from '../../errors.ts';
import type { Attempt, OutcomeKind, Plan } from '../../types.ts';

/** What may hold an update between `staging` and `swapping`: a window, an approval, a lease of the fleet. */
export interface Gate {
  /**
   * Resolves when the update may go on; rejects with `GATE_CLOSED` when it must be put off. While it waits it says for what, through
   * the reporter (`waiting`). What an operator asked for by name (`update`, a bundle) waits for no window and no approval, but for a
   * lease, which protects the other hosts.
   */
  pass(attempt: Attempt, plan: Plan, signal: AbortSignal): Promise<void>;
  /** Gives back whatever `pass` took, sooner or later, without waiting for it; never rejects. Again: does nothing. */
  release(attempt: Attempt): Promise<void>;
  /** Why what `pass` took is not held any more (`LEASE_HELD`); null while it is. Only where it can be lost. */
  lost?(attempt: Attempt): ErrorRecord | null;
  /** No attempt is under way: gives back whatever any of them still holds, from before a restart too; never rejects. */
  settle?(): Promise<void>;
}

/** A release that a person approved. */
export interface Approval {
  readonly digest: string;
  readonly version: string;
  /** ms since 1970. */
  readonly at: number;
}

/** The releases that were approved on this host; never lost with the journal. */
export interface Approvals {
  get(digest: string): Promise<Approval | null>;
  /** Durable when it resolves; again: keeps the first. Whoever waits by `approved` hears of it. */
  add(approval: Approval): Promise<void>;
  /** Resolves once the release is approved, at once if it is; rejects only by the signal. */
  approved(digest: string, signal: AbortSignal): Promise<void>;
}

/** An operator's wish that nothing is updated by itself, kept over restarts. */
export interface Pauses {
  /** Why updates are paused; null when no operator paused them. */
  read(): Promise<ErrorRecord | null>;
  /** Durable when it resolves. */
  write(reason: ErrorRecord): Promise<void>;
  /** Durable when it resolves; not paused: does nothing. */
  clear(): Promise<void>;
}

/** When a program of the operator's is run. */
export type HookName = 'pre_swap' | 'drain' | 'post_commit' | 'post_rollback';

/** What a hook is told, as environment variables. */
export interface HookFacts {
  readonly attempt: Attempt;
  readonly plan: Plan;
  readonly outcome: Extract<OutcomeKind, 'committed' | 'rolledBack'> | null;
  readonly error: ErrorRecord | null;
}

/** The operator's programs around a swap. */
export interface Hooks {
  /**
   * Runs a hook to its end; not configured: does nothing. It may be run again for the same attempt after a power cut.
   * `HOOK_DEFERRED` when it ends with 75 (EX_TEMPFAIL, sysexits.h), `HOOK_FAILED` when it ends otherwise but with 0, or takes too long.
   */
  run(hook: HookName, facts: HookFacts, signal: AbortSignal): Promise<void>;
}
