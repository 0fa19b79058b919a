/**
 * The project's words as types: what travels between states, services and ports. Data only, all of it JSON, so that
 * it can stand in the machine's context, in the journal and in the control API as it is.
 */
import type { Manifest } from './bundle/manifest.ts';
import type { ErrorRecord } from './errors.ts';

/** Where updates come from. `manual` makes no network request of its own. */
export type Channel = 'stable' | 'edge' | 'manual';

/** A channel that has a head in a feed. */
export type FeedChannel = Exclude<Channel, 'manual'>;

/** Whom a bundle is for. `airgap` bundles come from a file, the others by a feed. */
export type Audience = FeedChannel | 'airgap';

/** The platform that a bundle is built for; values as in `process.platform` and `process.arch`. */
export interface Platform {
  readonly os: string;
  readonly arch: string;
  /** `glibc` or `musl`; absent where the program does not care. */
  readonly libc?: 'glibc' | 'musl' | undefined;
}

/** One version of the program; `digest` is its release digest (64 hex digits). */
export interface Release {
  readonly version: string;
  readonly digest: string;
}

/** A version that can run here: one in the version store, or the program that was there before any update. */
export type VersionRef =
  | { readonly origin: 'store'; readonly version: string; readonly digest: string }
  | { readonly origin: 'baseline'; readonly version: string };

/** What the supervisor runs. */
export interface LaunchTarget {
  readonly ref: VersionRef;
  /** Absolute path of the entry file. */
  readonly entry: string;
}

/** The names of the update machine's states. */
export type StateName =
  | 'recovering'
  | 'idle'
  | 'checking'
  | 'downloading'
  | 'verifying'
  | 'staging'
  | 'waiting'
  | 'swapping'
  | 'overlapping'
  | 'draining'
  | 'probing'
  | 'committed'
  | 'handingOver'
  | 'rollingBack'
  | 'rolledBack'
  | 'failed';

/**
 * What set an attempt off. `check`, `update`, `bundle` and `rollback` are an operator's; `watch` is a crash loop after a
 * commit; `recovery` is a version that was found current at start-up though nothing says that it was ever healthy, or the program of the
 * image or package that took the place of an older one.
 */
export type Trigger = 'schedule' | 'check' | 'update' | 'bundle' | 'rollback' | 'watch' | 'recovery';

/** One walk from `checking` (or an explicit apply) to an end state. */
export interface Attempt {
  readonly id: string;
  readonly trigger: Trigger;
  /** `report` only says what would happen. */
  readonly mode: 'apply' | 'report';
}

/**
 * Where a bundle's bytes come from. `path` in a feed is relative to the feed's URL; `base` is there for a delta: the version here
 * that it is made from.
 */
export type BundleSource =
  | {
      readonly kind: 'feed';
      readonly path: string;
      readonly size: number;
      readonly sha256: string;
      readonly base?: Release | undefined;
    }
  | { readonly kind: 'file'; readonly path: string };

/** What an attempt is about to install. `release` is unknown for a local file until it is verified. */
export interface Offer {
  readonly source: BundleSource;
  readonly release: Release | null;
  /** The channel whose head named it; null for a local file. */
  readonly channel: FeedChannel | null;
  /** When `source` is a delta: the full bundle of the same release, for when the delta cannot be used. */
  readonly full?: Extract<BundleSource, { kind: 'feed' }> | undefined;
  /** What the history must say of it however it ends: a security override that was honoured, a delta that could not be used. */
  readonly note?: string | undefined;
}

/** A complete bundle in the private temporary folder. */
export interface Downloaded {
  /** Its name in `downloads/`. */
  readonly file: string;
  readonly size: number;
  /** SHA-256 of the bundle file, in hex; compared with the head only after the signature. */
  readonly sha256: string;
}

/** A bundle whose signature, manifest and checksums are right; its files lie unpacked in the temporary folder. */
export interface Verified {
  readonly release: Release;
  readonly manifest: Manifest;
  /** The `kid` that signed it. */
  readonly kid: string;
  /** What the history must say of it however it ends: a security override that was honoured for a bundle from a file. */
  readonly note?: string | undefined;
  /** The folder in `downloads/` that holds its files; null when this very release runs already and nothing was unpacked. */
  readonly unpacked: string | null;
}

/** What is about to be swapped. */
export interface Plan {
  readonly from: VersionRef;
  readonly to: VersionRef;
}

/** How a release comes to run: the workload is stopped and started, or runs beside the old one first; or only the daemon is replaced. */
export type Way = 'swap' | 'overlap' | 'handOver';

/** The daemon's program in a staged release, which is to take the running daemon's place. */
export interface Successor {
  /** The release that carries it; in the version store. */
  readonly ref: Extract<VersionRef, { origin: 'store' }>;
  /** SHA-256 of its file, in hex: what tells one daemon from another, and what is quarantined when it fails. */
  readonly sha256: string;
}

/** How a version was drained before it was stopped. */
export interface Drained {
  /** Milliseconds from the request to the end of it. */
  readonly tookMs: number;
  /** Connections that were still open when it was stopped; null when nobody could count them. */
  readonly connectionsLeft: number | null;
  /** Why it is not known that everybody was served: a deadline that passed, a hook that failed; null when all is well. */
  readonly fault: string | null;
}

/** What the probe saw. */
export interface ProbeEvidence {
  readonly polls: number;
  /** Milliseconds from the start of the new version to the verdict. */
  readonly tookMs: number;
  /** The last thing seen, for people: `HTTP 500`, `connection refused`. */
  readonly last: string;
}

/** A committed version that is still watched for a crash loop. */
export interface Watch {
  readonly version: VersionRef;
  readonly previous: VersionRef;
}

/** How an attempt ended. */
export type OutcomeKind =
  | 'committed'
  | 'rolledBack'
  | 'failed'
  | 'nothing'
  | 'available'
  | 'refused'
  | 'deferred'
  | 'error'
  | 'interrupted';

/** An attempt that ended, as the machine knows it; the journal adds the times. */
export interface Ended {
  readonly attempt: Attempt;
  readonly outcome: OutcomeKind;
  /** Why, for people; for `nothing` and `available` too. */
  readonly reason: string;
  readonly error: ErrorRecord | null;
  /** The state in which the attempt was decided. */
  readonly stage: StateName;
  readonly from: VersionRef | null;
  readonly to: VersionRef | null;
}
