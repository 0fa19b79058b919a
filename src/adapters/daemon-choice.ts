/**
 * Which daemon is started: the launcher's decision, as a pure function of the record. The table is in `docs/self-update.md`.
 *
 * Invariants:
 * - A daemon on trial is started three times at most before it is trusted.
 * - An installed program that is newer than what the record would run wins: a package or an image was put over it.
 * - What is passed over never comes back by itself.
 */
import semver from 'semver';
import type { Successor } from '../types.ts';
import type { DaemonRecord, Trial } from './daemon-record.ts';

/** Starts of a daemon on trial before the one before it runs again. */
export const STARTS_MAX = 3;

/** What is to be started. */
export interface Choice {
  /** A daemon of the version store; null: the installed one. */
  readonly run: Successor | null;
  /** What the record must say, durably, before it is started. */
  readonly record: DaemonRecord;
  /** For the log, where something other happened than last time; null when nothing did. */
  readonly why: string | null;
}

const newer = (a: string, b: string): boolean =>
  semver.valid(a) !== null && semver.gte(a, '0.0.0') && semver.gt(a, b);

/**
 * The record once the daemon on trial failed.
 *
 * @param why - in words that follow its name
 * @param code - whose doing it was: the daemon's, unless told
 */
export function failTrial(
  record: DaemonRecord,
  trial: Trial,
  why: string,
  code: 'DAEMON_FAILED' | 'HANDOVER_FAILED' = 'DAEMON_FAILED',
): DaemonRecord & { failed: NonNullable<DaemonRecord['failed']> } {
  const { attempt, successor, seen } = trial;
  return {
    ...record,
    trial: null,
    failed: {
      attempt,
      successor,
      error: { code, message: `the daemon of ${successor.ref.version} ${why}` },
      evidence: [...seen, why],
    },
  };
}

/** What is known of a daemon that is started once more: how its last start ended. */
export function seenOf({ starts, acknowledged, seen }: Trial): string[] {
  if (starts === 0) return seen;
  const how = acknowledged ? 'ended after it had acknowledged' : 'ended before it acknowledged';
  return [...seen, `start ${String(starts)} ${how}`];
}

/**
 * Chooses what is started now.
 *
 * @param record - as it is on disk
 * @param installed - the version of the installed program, which is the one that asks
 */
export function choose(record: DaemonRecord, installed: string): Choice {
  const { trial, current } = record;
  if (trial !== null) {
    const { version } = trial.successor.ref;
    if (newer(installed, version))
      return {
        run: null,
        record: { ...record, trial: null, current: null },
        why: `the installed ${installed} is newer than ${version}, which was on trial`,
      };
    const seen = seenOf(trial);
    if (trial.starts >= STARTS_MAX) {
      const why = `was started ${String(trial.starts)} times and did not stay up`;
      const failed = choose(failTrial(record, { ...trial, seen }, why), installed);
      return { ...failed, why: `the daemon of ${version} ${why}; the one before it runs again` };
    }
    return {
      run: trial.successor,
      // Each start acknowledges for itself: one that hangs now is not up because an earlier one was.
      record: { ...record, trial: { ...trial, starts: trial.starts + 1, acknowledged: false, seen } },
      why: `the daemon of ${version} is on trial, start ${String(trial.starts + 1)} of ${String(STARTS_MAX)}`,
    };
  }
  if (current === null) return { run: null, record, why: null };
  if (newer(installed, current.ref.version))
    return {
      run: null,
      record: { ...record, current: null },
      why: `the installed ${installed} is newer than ${current.ref.version}, which an update brought`,
    };
  return { run: current, record, why: null };
}

/**
 * The record once a chosen daemon cannot be started at all: its file is damaged or gone. On trial it failed; a trusted one gives way to
 * the installed program.
 *
 * @param why - what was found, in words that follow its name: `has a damaged file: …`
 * @param code - where it is not the daemon's doing
 */
export function passOver(
  record: DaemonRecord,
  { sha256 }: Successor,
  why: string,
  code?: 'HANDOVER_FAILED',
): DaemonRecord {
  const { trial, current } = record;
  if (trial?.successor.sha256 === sha256) return failTrial(record, trial, why, code);
  return { ...record, current: current?.sha256 === sha256 ? null : current };
}
