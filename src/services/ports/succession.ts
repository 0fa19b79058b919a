import type { ErrorRecord } from '../../errors.ts';
import type { Successor } from '../../types.ts';

/** The daemon that runs. */
export interface RunningDaemon {
  readonly version: string;
  /** SHA-256 of its file, in hex; null where it cannot replace itself (from source, on Kubernetes). */
  readonly sha256: string | null;
  /** The release that it came from; null for the one that is installed. */
  readonly ref: Successor['ref'] | null;
}

/** How a hand-over stands, as it is on disk; it outlasts whichever daemon runs. */
export type SuccessionState =
  | { readonly kind: 'none' }
  /** The new daemon is starting, or on probation: it has acknowledged, and is not trusted yet. */
  | {
      readonly kind: 'trial';
      readonly attempt: string;
      readonly successor: Successor;
      readonly starts: number;
      readonly acknowledged: boolean;
    }
  /** The new daemon failed, and the one before it runs again; stays until somebody has heard of it (`settle`). */
  | {
      readonly kind: 'failed';
      readonly attempt: string;
      readonly successor: Successor;
      readonly error: ErrorRecord;
      readonly evidence: readonly string[];
    };

/** The daemon's own update: which daemon runs, which is to run, and the way from one to the other. */
export interface Succession {
  running(): Promise<RunningDaemon>;
  /** The release that the running daemon came from, as in {@link RunningDaemon}; cheap, where `running` may read a whole program. */
  origin(): Promise<RunningDaemon['ref']>;
  state(): Promise<SuccessionState>;
  /** Runs the self-test of the daemon in a release with the configuration of this host. `DAEMON_SELF_TEST_FAILED`, `HANDOVER_FAILED` */
  selfTest(successor: Successor, signal: AbortSignal): Promise<void>;
  /**
   * Writes durably that the successor is on trial, and becomes it: this program ends, the workload does not. Never resolves; rejects
   * with `HANDOVER_FAILED` (`DISK_FULL`, `STATE_DIR_UNUSABLE`) while this daemon can go on.
   */
  become(attempt: string, successor: Successor, signal: AbortSignal): Promise<never>;
  /** The new daemon says that it is up. Durable when it resolves; again: does nothing. */
  acknowledge(): Promise<void>;
  /**
   * A failed hand-over was heard of, and its daemon is in quarantine: forgets it, and a trial of a daemon that does not run. Nothing
   * failed: does nothing.
   */
  settle(): Promise<void>;
}
