import type { Manifest } from '../../bundle/manifest.ts';
import type { BaseFiles } from '../../bundle/random-access.ts';
import type { ErrorRecord } from '../../errors.ts';
import type { VersionRef } from '../../types.ts';

/** The mark that a committed version carries on disk (`versions/<v>/committed`). */
export interface CommittedMark {
  /** When it was committed, ms since 1970. */
  readonly at: number;
  /** What ran before it; where a crash loop goes back to. */
  readonly previous: VersionRef;
  /** True once its watch is over: from then on it counts for the version floor. */
  readonly watched: boolean;
  /**
   * The version of the baseline over which an operator applied it, as a bundle; absent when it came by itself. Where nothing is
   * updated by itself, only such a version runs instead of the baseline.
   */
  readonly appliedOver?: string | undefined;
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
  /** The daemon's file in a version, with its SHA-256; null when the version carries none. `VERSION_NOT_FOUND` if it is not there. */
  daemon(
    ref: Extract<VersionRef, { origin: 'store' }>,
  ): Promise<{ readonly path: string; readonly sha256: string; readonly workload: boolean } | null>;
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
  /** There for a daemon: then `digest` is the SHA-256 of its file. */
  readonly role?: 'daemon' | undefined;
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
