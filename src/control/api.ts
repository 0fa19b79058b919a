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
  | {
      readonly kind: 'download';
      readonly received_bytes: number;
      readonly total_bytes: number;
      /** Over the last seconds; null while too little is known. */
      readonly bytes_per_second: number | null;
      readonly seconds_left: number | null;
    }
  | {
      readonly kind: 'probe';
      readonly last: string;
      readonly elapsed_ms: number;
      readonly deadline_ms: number;
    };

/** What an update waits for in `waiting`. */
export interface WaitingView {
  readonly for: 'window' | 'approval' | 'lease';
  readonly reason: string;
  /** When the window opens, or a place in the fleet is asked for again; null when a person has to approve it, or nobody knows. */
  readonly until: string | null;
}

/** A version on disk. */
export interface StoredVersionView extends VersionView {
  readonly committed_at: string | null;
  readonly current: boolean;
  /** Sum of its files, bytes. */
  readonly size_bytes: number;
}

/** A release that failed here. */
export interface QuarantineView {
  readonly digest: string;
  /** What failed; of a daemon `digest` is the SHA-256 of its file. */
  readonly role: 'release' | 'daemon';
  readonly version: string;
  readonly at: string;
  readonly reason: ErrorView;
  readonly evidence: readonly string[];
}

/** The workload, as the supervisor sees it. */
export interface WorkloadView {
  readonly state: string;
  readonly version: string | null;
  readonly pid: number | null;
  readonly started_at: string | null;
  readonly restarts: number;
  readonly last_exit: string | null;
}

/** One attempt in the history. */
export interface AttemptView {
  readonly id: string;
  readonly trigger: Trigger | 'unknown';
  readonly started_at: string;
  /** null while it is under way. */
  readonly ended_at: string | null;
  readonly outcome: OutcomeKind | 'unknown' | null;
  readonly reason: string;
  readonly error: ErrorView | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly digest: string | null;
  readonly steps: readonly { readonly state: StateName | 'unknown'; readonly at: string }[];
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

/** A mirror of the feed. */
export interface MirrorView {
  readonly url: string;
  /** Faults in a row. */
  readonly failures: number;
  /** Until when others are asked first; null while it is asked in its order. */
  readonly put_back_until: string | null;
  readonly fault: ErrorView | null;
}

/** This host's part in a fleet. */
export interface HostFleetView {
  readonly group: string;
  /** The name of this host in it. */
  readonly host: string;
  /** The connection to NATS; null where none is configured. */
  readonly link: {
    readonly connected: boolean;
    readonly server: string | null;
    readonly since: string;
    /** Why there is none. */
    readonly fault: string | null;
  } | null;
  /** Outcomes that wait to be sent; counted up to 1000. */
  readonly outbox: number;
  /** Releases whose rollout was halted, the newest order first. */
  readonly halts: readonly {
    readonly version: string;
    readonly by: string;
    readonly at: string;
    readonly reason: string;
  }[];
}

/** `GET /v1/status`. */
export interface Status {
  readonly state: StateName;
  /** When it entered this state; absent where an older daemon answers. */
  readonly state_since?: string;
  /** Id of the attempt under way. */
  readonly attempt: string | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly progress: ProgressView | null;
  readonly channel: Channel;
  readonly feed_url: string | null;
  /** How each mirror of the feed is doing, in their order; absent where there is only the feed. */
  readonly mirrors?: readonly MirrorView[];
  readonly next_check_at: string | null;
  /** How often checks come, or why none does. */
  readonly next_check_why: string;
  /** One sentence for the operator: what happens next, or what to do. */
  readonly next_action: string;
  readonly last_error: (ErrorView & { readonly at: string }) | null;
  /** This host's part in a fleet; null where none is configured. */
  readonly fleet: HostFleetView | null;
  /** A newer release that is not for this host yet (rollout, `update.min_age`). `until` is null when nobody knows. */
  readonly held_back: {
    readonly version: string;
    readonly reason: string;
    readonly until: string | null;
  } | null;
  /** What the update in `waiting` waits for. */
  readonly waiting: WaitingView | null;
  /** When the next window opens, or that one is open now; null without windows. */
  readonly window: {
    readonly open: boolean;
    readonly opens_at: string | null;
    readonly closes_at: string | null;
  } | null;
  /** Why automatic updates are paused. */
  readonly paused: ErrorView | null;
  /** Why the updater is switched off on this host. */
  readonly disabled: string | null;
  readonly current: VersionView;
  readonly versions: readonly StoredVersionView[];
  readonly version_floor: { readonly version: string; readonly because: string } | null;
  /** The committed version that is still watched for a crash loop. */
  readonly watching: { readonly version: string; readonly back_to: string } | null;
  readonly quarantine: readonly QuarantineView[];
  readonly workload: WorkloadView & {
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
    /** The release that this daemon came with; null for the installed one. */
    readonly from: string | null;
    /** A daemon that took over and is not trusted yet; null when none is. */
    readonly trial: {
      readonly version: string;
      readonly starts: number;
      /** Whether it said that it is up; then it is on probation. */
      readonly acknowledged: boolean;
    } | null;
    /** The daemon that failed last, while it is in quarantine. */
    readonly failed: (ErrorView & { readonly version: string; readonly at: string }) | null;
  };
  readonly warnings: readonly (ErrorView & { readonly at: string })[];
}

/** A line of the log, as `GET /v1/logs` and the events tell it. */
export interface LogView {
  readonly at: string;
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  readonly message: string;
  readonly attempt: string | null;
  readonly code: ErrorCode | null;
}

/**
 * What happens, as it happens. `GET /v1/events` sends each as one server-sent event: `event` is `kind`, `id` is `id`, `data` is the
 * whole as JSON.
 */
export type ControlEvent = { readonly id: number; readonly at: string } & (
  | {
      /** The update machine entered a state. */
      readonly kind: 'state';
      readonly state: StateName;
      /** The state before; null for the first. */
      readonly before: StateName | null;
      readonly attempt: string | null;
      readonly from: string | null;
      readonly to: string | null;
    }
  | {
      readonly kind: 'progress';
      readonly state: StateName;
      readonly attempt: string | null;
      readonly progress: ProgressView;
    }
  /** A look at the health while a version is probed. */
  | {
      readonly kind: 'probe';
      readonly attempt: string | null;
      readonly healthy: boolean;
      readonly detail: string;
      readonly elapsed_ms: number;
      readonly deadline_ms: number;
    }
  | { readonly kind: 'waiting'; readonly attempt: string | null; readonly waiting: WaitingView | null }
  | { readonly kind: 'ended'; readonly attempt: AttemptProgress }
  | { readonly kind: 'workload'; readonly workload: WorkloadView }
  | { readonly kind: 'log'; readonly line: LogView }
);

/** One key of the configuration as it is in force. */
export interface ConfigEntry {
  /** Dotted: `update.channel`. */
  readonly key: string;
  /** A secret is `"(hidden)"`. */
  readonly value: unknown;
  /** `default`, `file PATH:LINE` or `env NAME`. */
  readonly from: string;
}

/** One thing that the doctor looked at. */
export interface CheckView {
  /** Stable: `state_dir.write`, `feed.answers`, … */
  readonly name: string;
  readonly result: 'pass' | 'warn' | 'fail' | 'skip';
  /** What was found, for people. */
  readonly message: string;
  /** What to do; empty when it passed. */
  readonly next: string;
}

/** `POST /v1/doctor`. */
export interface DoctorReport {
  /** Where it looked from: inside the daemon's sandbox, or as whoever asked. */
  readonly inside: 'daemon' | 'caller';
  /** `fail` when the next update would fail. */
  readonly result: 'pass' | 'warn' | 'fail';
  /** One sentence: `the next update would fail because …`. */
  readonly summary: string;
  readonly checks: readonly CheckView[];
}

/** A host of the fleet. */
export interface FleetHostView {
  readonly host: string;
  readonly group: string;
  readonly version: string;
  readonly digest: string | null;
  /** The state of its update machine, or `stopped`; `lost` where it has been silent for much too long. */
  readonly state: string;
  /** The version that an update is about to bring; null where none is under way. */
  readonly target: string | null;
  readonly paused: boolean;
  /** Outcomes that wait on the host to be sent. */
  readonly outbox: number;
  readonly daemon: string;
  readonly seen_at: string;
}

/** A signed order for a release. */
export interface FleetOrderView {
  readonly action: 'halt' | 'resume';
  readonly version: string;
  readonly digest: string;
  readonly reason: string;
  /** Who ordered it, for people. */
  readonly by: string;
  readonly at: string;
  /** When it ends by itself; null: not. */
  readonly until: string | null;
}

/** How far a release is in one group. Each host is counted once. */
export interface FleetGroupView {
  readonly group: string;
  /** Hosts that committed it, and did not go back from it. */
  readonly committed: number;
  /** Hosts that went back from it. */
  readonly failed: number;
  /** Hosts that are on their way to it now. */
  readonly updating: number;
  /** Hosts that are there, run an older version, and have not tried it. */
  readonly pending: number;
}

/** How far a release is. */
export interface FleetRolloutView {
  readonly version: string;
  /** One for each platform that hosts spoke of. */
  readonly digests: readonly string[];
  /** The order that holds it; null where none does. */
  readonly halted: FleetOrderView | null;
  readonly groups: readonly FleetGroupView[];
}

/** How an attempt ended somewhere in the fleet. */
export interface FleetOutcomeView {
  readonly host: string;
  readonly group: string;
  readonly outcome: string;
  readonly from: string | null;
  readonly to: string | null;
  /** Why, as a code of the host's daemon; null where all is well. */
  readonly code: string | null;
  readonly reason: string;
  readonly at: string;
}

/** `GET /v1/fleet`: the fleet at a glance. */
export interface FleetView {
  readonly at: string;
  readonly product: string;
  readonly hosts: {
    readonly present: number;
    /** Silent for much too long. */
    readonly lost: number;
    /** Their daemons were stopped in good order. */
    readonly stopped: number;
  };
  /** What runs where, of the hosts that are not lost. */
  readonly running: readonly { readonly version: string; readonly group: string; readonly hosts: number }[];
  /** Newest version first. */
  readonly rollouts: readonly FleetRolloutView[];
  /** Newest first; a few. */
  readonly outcomes: readonly FleetOutcomeView[];
}

/** What the daemon offers; the server exposes it, and rejects nothing but `UpdateError`. */
export interface ControlApi {
  status(): Promise<Status>;
  /** The fleet at a glance, as far as this host may read it; up to ten seconds old. `FLEET_NOT_CONFIGURED`, `FLEET_UNREACHABLE` */
  fleet(): Promise<FleetView>;
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
  /** All complete versions on disk, newest first. */
  versions(): Promise<readonly StoredVersionView[]>;
  /** Newest first. */
  quarantine(): Promise<readonly QuarantineView[]>;
  /** The newest lines of the log that are remembered, oldest first. */
  logs(limit: number): Promise<readonly LogView[]>;
  /** The configuration in force. */
  config(): Promise<readonly ConfigEntry[]>;
  /** Whether the next update would go through, as seen from inside the daemon's sandbox. */
  doctor(): Promise<DoctorReport>;
  /**
   * Hears of what happens from now on; with `after`, first of what is remembered since the event with that id.
   *
   * @returns ends it
   */
  events(listener: (event: ControlEvent) => void, after?: number): () => void;
  /** Nothing is updated by itself until `resume`, not even after a restart; an update that has not touched the workload is put off. */
  pause(reason: string | null): Promise<void>;
  /** Approves a release, by version or digest prefix; null: the one that waits. Resolves with what was approved. `NOTHING_TO_APPROVE` */
  approve(release: string | null): Promise<VersionView>;
  resume(): Promise<void>;
  retry(): Promise<void>;
  /** `digest` may be a unique prefix of at least 8 digits, or a version. Resolves with what was cleared; `VERSION_NOT_FOUND`. */
  clearQuarantine(digest: string): Promise<VersionView>;
}
