/**
 * The ports: everything that a service may ask of the world. One adapter implements each of them for real; every
 * other implementation (the fakes in `test/fakes/`) passes the same contract test (`test/adapters/contracts/`).
 *
 * All of them reject only with `UpdateError`. All times are milliseconds; all digests are lower-case hex.
 */
import type { TrustSet } from '../bundle/trust.ts';
import type { Manifest } from '../bundle/manifest.ts';
import type { BaseFiles, RandomAccess } from '../bundle/random-access.ts';
import type { ErrorCode } from '../error-codes.ts';
import type { ErrorRecord } from '../errors.ts';
import type {
  Attempt,
  Ended,
  FeedChannel,
  LaunchTarget,
  OutcomeKind,
  Plan,
  Platform,
  StateName,
  Trigger,
  VersionRef,
} from '../types.ts';

/** Time. `monotonic` never jumps and decides every deadline; `now` is only written down and compared with dates. */
export interface Clock {
  /** Milliseconds since 1970, by the host's clock. */
  now(): number;
  /** Milliseconds on a clock that never goes back. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with `CANCELLED` when the signal fires first. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** A uniform number in [0, 1), for jitter. */
  random(): number;
}

/** Makes ids of attempts: unique, and sorted by time. */
export interface Ids {
  next(): string;
}

/** How long a feed is worth asking again when a request fails by a fault that may pass. */
export interface RetryPolicy {
  /** How often it is asked again while nothing moves on; 0 for never. */
  readonly retries: number;
  /** The first wait is at most this, each further one at most twice the one before, ms. */
  readonly baseMs: number;
  /** No wait is longer, ms. */
  readonly capMs: number;
  /** The longest that a server's own wish (`Retry-After`) is followed, ms. */
  readonly retryAfterCapMs: number;
}

/** What is asked of a feed for a head. */
export interface HeadQuery {
  /** The key that must have signed it, for a program that does not know the newest; the channel's main head unless told. */
  readonly kid?: string | undefined;
  /** The entity tag of the bytes that are here already, as `HeadAnswer.etag` gave it. */
  readonly etag?: string | undefined;
}

/** What a feed answers to a request for a head. */
export interface HeadAnswer {
  /** null: the bytes with the tag that was given are still the newest. Never null when no tag was given. */
  readonly bytes: Uint8Array | null;
  /** The entity tag of the bytes, weak or strong; null where there is none. */
  readonly etag: string | null;
}

/** What a feed answers to a request for a bundle. */
export interface FeedBody {
  /** The offset at which the bytes start: the one asked for, or 0 when the server ignores ranges or has another file by now. */
  readonly offset: number;
  /** The strong entity tag of the file that the bytes are of; null where there is none. */
  readonly validator: string | null;
  /** The bytes, in order; never more than `maxBytes` in all. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/**
 * A tree of static files at an `https:`, `http:` or `file:` URL. Never follows a redirect, never leaves the URL. An error that may
 * pass carries a `retry`; a feed never asks twice by itself.
 */
export interface Feed {
  /** How long it is worth asking again; never unless it says so. */
  readonly retry?: RetryPolicy | undefined;
  /**
   * A channel's head: `<channel>.jws`, or with a `kid` the one for that key, `by-key/<kid>/<channel>.jws`. More than `maxBytes`
   * rejects with `JWS_TOO_LARGE`.
   */
  head(channel: FeedChannel, maxBytes: number, signal: AbortSignal, query?: HeadQuery): Promise<HeadAnswer>;
  /**
   * A bundle's bytes from `offset` on. `path` is relative to the feed's URL; one that leaves it rejects with
   * `FEED_PATH_INVALID`. Bytes past `maxBytes` (counted from the start of the file) end the stream with `DOWNLOAD_TOO_LARGE`.
   *
   * @param validator - what `FeedBody.validator` said of the bytes before `offset`: the answer starts at 0 where the file is another
   *   one by now. Without it the caller must find out by itself that the two parts do not fit.
   */
  bundle(
    path: string,
    offset: number,
    maxBytes: number,
    signal: AbortSignal,
    validator?: string | null,
  ): Promise<FeedBody>;
}

/** The entity tag of a head's bytes, as the feed gave it. */
export interface HeadTag {
  readonly etag: string;
  /** The key of whose head it is; null for the channel's main head. */
  readonly kid: string | null;
  /** SHA-256 of the bytes that it is the tag of: it counts only together with them. */
  readonly sha256: string;
}

/** The newest accepted head of each channel, as the bytes that arrived. They vouch for themselves: always re-verified. */
export interface HeadStore {
  read(channel: FeedChannel): Promise<Uint8Array | null>;
  /** Replaces the stored head durably and atomically. */
  write(channel: FeedChannel, bytes: Uint8Array): Promise<void>;
  /** The tag that was remembered beside the head; null for none, and where it cannot be read: it only saves an answer. */
  readTag(channel: FeedChannel): Promise<HeadTag | null>;
  /** Replaces the tag durably and atomically. */
  writeTag(channel: FeedChannel, tag: HeadTag): Promise<void>;
}

/** A private file that grows, for a bundle that is on its way. */
export interface PartialFile {
  /** Bytes that are there already, from an earlier try. */
  readonly size: number;
  /** The strong entity tag of the file that these bytes are of; null where it is not known. */
  readonly validator: string | null;
  /** Adds bytes at the end. They belong to the caller again when it resolves. */
  append(chunk: Uint8Array): Promise<void>;
  /**
   * Throws away what is there, so that it starts at 0 again with bytes of the file that `validator` stands for (none unless told).
   * That is durable when it resolves: no byte is ever kept with the tag of another file.
   */
  truncate(validator?: string | null): Promise<void>;
  /** Flushes to disk and closes. */
  close(): Promise<void>;
}

/** Receives the files of a bundle while they are decoded; each is checked by the caller before `close`. */
export interface UnpackTarget {
  open(
    path: string,
    mode: number,
  ): Promise<{
    write(chunk: Uint8Array): Promise<void>;
    close(): Promise<void>;
    /** Called instead of `close` when the file is refused: frees what is open. */
    discard?(): Promise<void>;
  }>;
}

/** `downloads/`: private (0700) and temporary. Names are plain file names. What is kept beside a file goes and stays with it. */
export interface Downloads {
  /** Opens or creates `name` for appending, mode 0600. */
  append(name: string): Promise<PartialFile>;
  /** Opens `name` for reading through one descriptor. */
  read(name: string): Promise<RandomAccess & { close(): Promise<void> }>;
  /** Makes an empty folder `name` (deleting what was there), and returns where files of a bundle are written to. */
  unpack(name: string): Promise<UnpackTarget>;
  /** Deletes a file or folder; no error if it is not there. */
  remove(name: string): Promise<void>;
  /** Deletes everything except the names in `keep`. */
  tidy(keep: readonly string[]): Promise<void>;
  /** Free bytes for this user on the disk that holds the state directory. */
  freeBytes(): Promise<number>;
  /** The bytes of a file that an operator names, anywhere on disk; `BUNDLE_NOT_FOUND` if it cannot be read. */
  openLocal(path: string): Promise<{ size: number; chunks: AsyncIterable<Uint8Array> }>;
}

/** The mark that a committed version carries on disk (`versions/<v>/committed`). */
export interface CommittedMark {
  /** When it was committed, ms since 1970. */
  readonly at: number;
  /** What ran before it; where a crash loop goes back to. */
  readonly previous: VersionRef;
  /** True once its watch is over: from then on it counts for the version floor. */
  readonly watched: boolean;
}

/** A complete version on disk. */
export interface StoredVersion {
  readonly ref: Extract<VersionRef, { origin: 'store' }>;
  readonly mark: CommittedMark | null;
  /** Sum of its files' sizes, bytes. */
  readonly size: number;
}

/** What a check of a version saw of its files, so that the next one can tell which of them changed. Opaque to services. */
export type VersionSeal = ReadonlyMap<string, string>;

/** The versions on disk and the pointer to the current one. A version is complete or absent, never in between. */
export interface VersionStore {
  /** The program that was there before any update. */
  readonly baseline: VersionRef;
  /** What `current` points to; the baseline when it points nowhere usable. */
  current(): Promise<VersionRef>;
  /** All complete versions, newest first. */
  list(): Promise<StoredVersion[]>;
  /** The absolute path of a version's entry file. `VERSION_NOT_FOUND` if it is not there. */
  entry(ref: VersionRef): Promise<string>;
  /** The files of a version, to be read as the base of a delta; by the paths of its manifest only. `VERSION_NOT_FOUND` if it is not there. */
  files(ref: Extract<VersionRef, { origin: 'store' }>): Promise<BaseFiles>;
  /**
   * Compares every file on disk with the stored manifest; `VERSION_DAMAGED` at the first difference. Nothing for the baseline.
   *
   * @param since - what an earlier check of the same version returned: a file that has not changed since is not read again
   */
  check(ref: VersionRef, signal: AbortSignal, since?: VersionSeal): Promise<VersionSeal>;
  /**
   * Makes a version out of an unpacked folder in `downloads/`: fsyncs everything, writes the manifest, renames once.
   * Done already with the same digest: does nothing. The same version with another digest and not current: replaced.
   * Files that are not the manifest's any more: `BUNDLE_CHANGED`.
   */
  stage(unpacked: string, manifest: Manifest, digest: string, signal: AbortSignal): Promise<void>;
  /** Points `current` at a version, durably; for the baseline removes the pointer. */
  activate(ref: VersionRef): Promise<void>;
  /** Writes or replaces the committed mark. Nothing for the baseline. */
  mark(ref: VersionRef, mark: CommittedMark): Promise<void>;
  /** Deletes versions other than those in `keep`, the current one, and the one that holds the version floor. Returns what went. */
  prune(keep: readonly VersionRef[]): Promise<VersionRef[]>;
  /** Removes what an interrupted stage or activate left behind. */
  tidy(): Promise<void>;
}

/** A release that failed here. */
export interface QuarantineEntry {
  readonly digest: string;
  readonly version: string;
  /** ms since 1970. */
  readonly at: number;
  readonly attempt: string;
  readonly reason: ErrorRecord;
  /** What was seen: probe results, exit code, last status; strings for people. */
  readonly evidence: readonly string[];
}

/** The releases that failed here, one file each. Never lost with the journal. */
export interface Quarantine {
  list(): Promise<QuarantineEntry[]>;
  get(digest: string): Promise<QuarantineEntry | null>;
  /** Durable when it resolves; again for the same digest: keeps the first. `QUARANTINE_FAILED` on any fault. */
  add(entry: QuarantineEntry): Promise<void>;
  /** True when there was one. */
  clear(digest: string): Promise<boolean>;
}

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
      }[]
    | undefined;
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

/** One attempt in the history. */
export interface AttemptRecord {
  readonly id: string;
  readonly trigger: Trigger;
  /** ms since 1970. */
  readonly startedAt: number;
  /** null while it is under way. */
  readonly endedAt: number | null;
  readonly outcome: OutcomeKind | null;
  readonly reason: string;
  readonly error: ErrorRecord | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly digest: string | null;
  readonly steps: readonly { readonly state: StateName; readonly at: number }[];
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
  /** Closes the file and frees the one-daemon lock. */
  end(): void;
}

/** How a process ended. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A process that was started, in a process group of its own. */
export interface LaunchedProcess {
  readonly pid: number;
  /** Resolves when the group's leader ended; never rejects. */
  readonly exited: Promise<ProcessExit>;
}

/** What is known of a process of an earlier daemon. */
export interface Survivor {
  readonly pid: number;
  readonly version: string;
}

/** Starts and ends processes. Only the supervisor uses it. */
export interface Processes {
  /** Starts `target` through the gate: its identity is on disk before its first instruction runs. */
  launch(target: LaunchTarget, signal: AbortSignal): Promise<LaunchedProcess>;
  /** SIGTERM to the leader; after `graceMs` SIGKILL to the whole group. Resolves when no process of the group is left. */
  terminate(process: LaunchedProcess, graceMs: number): Promise<void>;
  /** Ends whatever group an earlier daemon left, known by boot id, pid and start time; null if there was none. */
  endSurvivor(graceMs: number): Promise<Survivor | null>;
}

/** What the supervisor says of the workload. */
export interface WorkloadStatus {
  readonly state: 'stopped' | 'starting' | 'running' | 'stopping' | 'backingOff' | 'crashed';
  readonly ref: VersionRef | null;
  readonly pid: number | null;
  /** ms since 1970; null unless running. */
  readonly startedAt: number | null;
  /** Restarts after a crash since the version was started by an update or by the daemon. */
  readonly restarts: number;
  readonly lastExit: string | null;
}

/** The supervised program, as the update's services see it. The supervisor implements it. */
export interface Workload {
  /** Starts `target` and resolves with its pid once it is spawned; stops what runs before, if anything does. */
  start(target: LaunchTarget, signal: AbortSignal): Promise<{ pid: number }>;
  /** Stops it and its whole group, and keeps it stopped. Nothing runs: does nothing. */
  stop(signal: AbortSignal): Promise<void>;
  status(): WorkloadStatus;
  /** Resolves when the process with this pid has ended (at once if it has), never rejects except by the signal. */
  exit(pid: number, signal: AbortSignal): Promise<string>;
  /** Resolves, with a word on what was seen, once the workload crashed several times in a row; never rejects except by the signal. */
  crashLoop(signal: AbortSignal): Promise<string>;
  /** Ends what an earlier daemon left running. */
  endSurvivor(): Promise<Survivor | null>;
}

/** One look at the workload's health. */
export interface ProbeResult {
  readonly healthy: boolean;
  /** For people: `HTTP 200`, `HTTP 500`, `connection refused`. */
  readonly detail: string;
}

/** The health check. */
export interface HealthProbe {
  /** One look; never rejects except by the signal. */
  look(signal: AbortSignal): Promise<ProbeResult>;
  /** Whether anybody accepts connections at the probe's address. */
  answered(signal: AbortSignal): Promise<boolean>;
  /** The address, for messages. */
  readonly address: string;
}

/** What may hold an update between `staging` and `swapping`. */
export interface Gate {
  /** Resolves when the update may go on; rejects with `GATE_CLOSED` when it must be put off. */
  pass(attempt: Attempt, plan: Plan, signal: AbortSignal): Promise<void>;
  /** Gives back whatever `pass` took. Again: does nothing. */
  release(attempt: Attempt): Promise<void>;
}

/** A release that is not for this host yet. */
export interface HeldBack {
  readonly version: string;
  /** Why, for people; says until when where that is known. */
  readonly reason: string;
  /** ms since 1970; null when nobody knows: the host is not in the share that the publisher fixed. */
  readonly until: number | null;
}

/** What services tell whoever watches, while they work. Never fails, never waits. */
export type Progress =
  | { readonly kind: 'download'; readonly received: number; readonly total: number }
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
  | { readonly kind: 'warning'; readonly error: ErrorRecord };

/** The port for {@link Progress}. */
export interface Reporter {
  report(progress: Progress): void;
}

/** Facts of this host and program that do not change while it runs. */
export interface Host {
  readonly product: string;
  readonly platform: Platform;
  /** The version of this program. */
  readonly updaterVersion: string;
  /** Time of the commit that this program was built from, ms since 1970; 0 when it is not known. */
  readonly builtFrom: number;
  /** What tells this host from others, for the cohort of a rollout. Never leaves the host. */
  readonly machineId: string;
  readonly trust: TrustSet;
}

/** All ports together; each service picks what it needs. */
export interface Ports {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly feed: Feed | null;
  readonly heads: HeadStore;
  readonly downloads: Downloads;
  readonly store: VersionStore;
  readonly quarantine: Quarantine;
  readonly journal: Journal;
  readonly workload: Workload;
  readonly probe: HealthProbe;
  readonly gate: Gate;
  readonly reporter: Reporter;
  readonly host: Host;
}
