import type { ErrorCode } from '../../error-codes.ts';
import type { ErrorRecord } from '../../errors.ts';
import type { Attempt, Ended, OutcomeKind, Plan, StateName, Successor, Trigger } from '../../types.ts';

/** What is known of an attempt when it enters a state; grows as it goes. */
export interface AttemptFacts {
  readonly plan?: Plan | undefined;
  /** The release digest that it is about, once known. */
  readonly digest?: string | undefined;
  readonly version?: string | undefined;
  /** Why it goes back. */
  readonly error?: ErrorRecord | undefined;
  /** How often this release was interrupted, this time included. */
  readonly interruptions?: number | undefined;
  /** Releases of earlier attempts that are still to be quarantined; without their evidence. */
  readonly owed?:
    | readonly {
        readonly attempt: Attempt;
        readonly plan: Plan;
        readonly error: ErrorRecord;
        readonly interruptions: number;
        readonly successor?: Successor | undefined;
        readonly afterCommit?: boolean | undefined;
      }[]
    | undefined;
  /** The daemon in the release, where it is to take this one's place. */
  readonly successor?: Successor | undefined;
  readonly afterCommit?: boolean | undefined;
  /** What the history must say of it however it ends: a security override that was honoured. */
  readonly note?: string | undefined;
}

/** The attempt that was under way when the journal was last written. */
export interface InFlight {
  readonly attempt: Attempt;
  readonly state: StateName;
  readonly facts: AttemptFacts;
  /** True after an orderly stop of the daemon in `probing`. */
  readonly suspended: boolean;
}

/** One attempt in the history. A word that only a newer daemon knows is `unknown`. */
export interface AttemptRecord {
  readonly id: string;
  readonly trigger: Trigger | 'unknown';
  /** ms since 1970. */
  readonly startedAt: number;
  /** null while it is under way. */
  readonly endedAt: number | null;
  readonly outcome: OutcomeKind | 'unknown' | null;
  readonly reason: string;
  readonly error: ErrorRecord | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly digest: string | null;
  readonly steps: readonly { readonly state: StateName | 'unknown'; readonly at: number }[];
}

/** Bytes that were refused, and how often. */
export interface Refusal {
  readonly sha256: string;
  readonly code: ErrorCode;
  readonly count: number;
  /** When last, ms since 1970. */
  readonly at: number;
}

/**
 * The durable record of the attempt in flight, and the history. Every method that writes is durable when it resolves,
 * and rejects with `JOURNAL_WRITE_FAILED`. Losing it costs history, never safety.
 */
export interface Journal {
  /** Intent before effect: writes that `attempt` enters `state`, before anything of that state is done. */
  enter(attempt: Attempt, state: StateName, facts: AttemptFacts): Promise<void>;
  /**
   * Ends an attempt. Ended already or unknown: does nothing. `nothing` leaves no line in the history. A `note` among its facts
   * is put behind the reason.
   */
  close(ended: Ended): Promise<void>;
  inFlight(): Promise<InFlight | null>;
  /** Marks the attempt in flight as stopped in good order; the next `enter` takes the mark away. */
  suspend(): Promise<void>;
  /** Newest first. */
  history(limit: number): Promise<AttemptRecord[]>;
  /** How many attempts for this release ended because they were interrupted after the swap began, since it was last pardoned. */
  interruptions(digest: string): Promise<number>;
  /** Forgets the interruptions of a release so far; the history stays as it is. */
  pardon(digest: string): Promise<void>;
  /** Time spent so far on a budget that survives restarts (`probe:<attempt>`, `watch:<digest>`), ms; 0 if never. */
  spent(budget: string): Promise<number>;
  spend(budget: string, totalMs: number): Promise<void>;
  /** Records that the bundle with this SHA-256 was refused. */
  refuse(sha256: string, code: ErrorCode): Promise<void>;
  refusal(sha256: string): Promise<Refusal | null>;
  /**
   * When this host first saw the release with this digest, ms since 1970: recorded when first asked. Never later than now, so
   * that a clock that was wrong then holds nothing back for ever. Lost with the journal, it starts again.
   */
  seen(digest: string): Promise<number>;
  /**
   * Ended attempts that nobody has been told of yet, oldest first: the outbox, written together with the end of the attempt where the
   * journal was opened with one. Only those that say something about a release are among them: it is known, the attempt came past
   * `checking`, and it was not put off.
   */
  outbox(limit: number): Promise<AttemptRecord[]>;
  /** The fleet has the outcome of this attempt: takes it out of the outbox. Not there: does nothing. */
  delivered(id: string): Promise<void>;
  /** Closes the file and frees the one-daemon lock. */
  end(): void;
}
