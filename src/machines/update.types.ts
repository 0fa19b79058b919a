import type { ErrorRecord } from '../errors.ts';
import type { Owed, Verdict } from '../steps.ts';
import type {
  Attempt,
  Downloaded,
  Ended,
  Offer,
  Plan,
  ProbeEvidence,
  Release,
  Successor,
  Verified,
  Watch,
} from '../types.ts';

/** What the update machine remembers; JSON throughout. */
export interface UpdateContext {
  readonly attempt: Attempt | null;
  readonly offer: Offer | null;
  readonly downloaded: Downloaded | null;
  readonly verified: Verified | null;
  /** The release that the attempt is about, once known. */
  readonly release: Release | null;
  readonly plan: Plan | null;
  /** The process that is being probed. */
  readonly pid: number | null;
  readonly evidence: ProbeEvidence | null;
  /** The daemon that is to take this one's place, once the workload is committed; null for none. */
  readonly successor: Successor | null;
  /** Whether this attempt's workload is committed, and only the daemon still at stake. */
  readonly afterCommit: boolean;
  /** Whether it is the successor that failed, and not the workload. */
  readonly daemonFailed: boolean;
  /** Why this attempt goes back. */
  readonly verdict: Verdict | null;
  /** Releases of earlier attempts that are to be quarantined with this one's. */
  readonly owed: readonly Owed[];
  /** The attempt that ended last; closed in the journal on the way into `idle`. */
  readonly ended: Ended | null;
  /** The committed version that is still watched for a crash loop. */
  readonly watch: Watch | null;
  /** Why automatic updates are paused; null when they are not. A fault that pauses them is told before an operator's pause. */
  readonly paused: ErrorRecord | null;
  /**
   * An operator's pause, which outlasts whatever else pauses; null for none. `unread` until somebody says so: then what start-up
   * finds counts.
   */
  readonly held: ErrorRecord | 'unread' | null;
}

/** What the outside may tell the update machine. Ignored in every state that does not name it. */
export type UpdateEvent =
  /** Look for a release now; `mode: 'report'` only says what would happen. */
  | { readonly type: 'CHECK'; readonly attempt: Attempt }
  /** Verify and install a local bundle. */
  | { readonly type: 'APPLY'; readonly attempt: Attempt; readonly path: string }
  /** Go back to a version that was committed here before. */
  | { readonly type: 'ROLLBACK'; readonly attempt: Attempt; readonly plan: Plan; readonly verdict: Verdict }
  /** Nothing by itself until `RESUME`; what has not touched the workload yet is put off. */
  | { readonly type: 'PAUSE'; readonly error: ErrorRecord }
  /** Let automatic updates go on after a pause. */
  | { readonly type: 'RESUME' }
  /** Run a failed rollback again. */
  | { readonly type: 'RETRY' };
