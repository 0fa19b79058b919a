/**
 * What the control API is made of: the shapes that go over the socket, and what the daemon offers behind it. Field names are
 * snake_case, stable and documented in `docs/control-api.md`; times are ISO 8601 strings in UTC.
 */
import type { ErrorCode } from '../error-codes.ts';
import type { Channel, OutcomeKind, StateName, Trigger } from '../types.ts';

/** An error as a reader sees it: `next` says what to do about it. */
export interface ErrorView {
  readonly code: ErrorCode;
  readonly message: string;
  readonly next: string;
}

/** A version that can run. `digest` is null for the program that was there before any update. */
export interface VersionView {
  readonly version: string;
  readonly digest: string | null;
}

/** How far the current state is; null where there is nothing to measure. */
export type ProgressView =
  | { readonly kind: 'download'; readonly received_bytes: number; readonly total_bytes: number }
  | {
      readonly kind: 'probe';
      readonly last: string;
      readonly elapsed_ms: number;
      readonly deadline_ms: number;
    };

/** One attempt in the history. */
export interface AttemptView {
  readonly id: string;
  readonly trigger: Trigger;
  readonly started_at: string;
  /** null while it is under way. */
  readonly ended_at: string | null;
  readonly outcome: OutcomeKind | null;
  readonly reason: string;
  readonly error: ErrorView | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly digest: string | null;
  readonly steps: readonly { readonly state: StateName; readonly at: string }[];
}

/** `GET /v1/attempts/{id}`: where an attempt is, or how it ended. Ended attempts are remembered for a while. */
export interface AttemptProgress {
  readonly id: string;
  /** The machine's state while it is under way; the state in which it was decided once it ended. */
  readonly state: StateName;
  readonly from: string | null;
  readonly to: string | null;
  readonly progress: ProgressView | null;
  readonly ended: {
    readonly outcome: OutcomeKind;
    readonly reason: string;
    readonly error: ErrorView | null;
  } | null;
}

/** `GET /v1/status`. */
export interface Status {
  readonly state: StateName;
  /** Id of the attempt under way. */
  readonly attempt: string | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly progress: ProgressView | null;
  readonly channel: Channel;
  readonly feed_url: string | null;
  readonly next_check_at: string | null;
  /** How often checks come, or why none does. */
  readonly next_check_why: string;
  /** One sentence for the operator: what happens next, or what to do. */
  readonly next_action: string;
  readonly last_error: (ErrorView & { readonly at: string }) | null;
  /** A newer release that is not for this host yet (rollout, `update.min_age`). `until` is null when nobody knows. */
  readonly held_back: {
    readonly version: string;
    readonly reason: string;
    readonly until: string | null;
  } | null;
  /** Why automatic updates are paused. */
  readonly paused: ErrorView | null;
  /** Why the updater is switched off on this host. */
  readonly disabled: string | null;
  readonly current: VersionView;
  readonly versions: readonly (VersionView & {
    readonly committed_at: string | null;
    readonly current: boolean;
  })[];
  readonly version_floor: { readonly version: string; readonly because: string } | null;
  /** The committed version that is still watched for a crash loop. */
  readonly watching: { readonly version: string; readonly back_to: string } | null;
  readonly quarantine: readonly {
    readonly digest: string;
    readonly version: string;
    readonly at: string;
    readonly reason: ErrorView;
    readonly evidence: readonly string[];
  }[];
  readonly workload: {
    readonly state: string;
    readonly version: string | null;
    readonly pid: number | null;
    readonly started_at: string | null;
    readonly restarts: number;
    readonly last_exit: string | null;
    /** One look at its health, made for this status; null unless it runs. */
    readonly health: { readonly healthy: boolean; readonly detail: string } | null;
  };
  readonly last_attempt: AttemptView | null;
  readonly updater: {
    readonly version: string;
    readonly commit: string;
    readonly key_ids: readonly string[];
    /** True for a program that was built with throw-away keys. */
    readonly development_keys: boolean;
  };
  readonly warnings: readonly (ErrorView & { readonly at: string })[];
}

/** What the daemon offers; the server exposes it, and rejects nothing but `UpdateError`. */
export interface ControlApi {
  status(): Promise<Status>;
  /** Newest first. */
  history(limit: number): Promise<AttemptView[]>;
  attempt(id: string): Promise<AttemptProgress | null>;
  /** The ordinary check, now; on `manual` it only reports. Resolves with the attempt's id once it has begun. `BUSY`, `UPDATES_DISABLED`, … */
  check(): Promise<string>;
  /** Check and apply; on `manual` the configured `bundle_path`. With `dryRun` only says what would happen. */
  update(options: { readonly dryRun: boolean }): Promise<string>;
  /** Verify and apply a local bundle; `path` is absolute. */
  apply(path: string): Promise<string>;
  /** Back to `version`, or to the version that was committed before the current one. */
  rollback(version: string | null): Promise<string>;
  resume(): Promise<void>;
  retry(): Promise<void>;
  /** `digest` may be a unique prefix of at least 8 digits, or a version. Resolves with what was cleared; `VERSION_NOT_FOUND`. */
  clearQuarantine(digest: string): Promise<VersionView>;
}
