/**
 * The invariants of the updater, judged from what can be seen from outside: the state directory (`state-view.ts`), what runs, and
 * the history. Each function returns the violations as lines for people; none when all is well.
 *
 * - Exactly one complete and verified version is current and runs; it is one of those that may be.
 * - What is on disk is complete or absent; after a start nothing half-done is left.
 * - The version floor never falls, heads never go back, a release leaves the quarantine only when somebody clears it.
 * - A release that failed by its own doing is in quarantine, or its quarantine is owed; an interruption alone puts none there, two do.
 * - No attempt is forgotten: whatever the journal knew of has an outcome.
 */
import semver from 'semver';
import { ERROR_CODES } from '../../../src/error-codes.ts';
import type { AttemptRecord, InFlight } from '../../../src/services/ports.ts';
import type { VersionRef } from '../../../src/types.ts';
import type { StateView } from './state-view.ts';

const name = (ref: VersionRef): string =>
  ref.origin === 'store' ? `${ref.version} (${ref.digest.slice(0, 8)})` : `the baseline ${ref.version}`;

const same = (a: VersionRef, b: VersionRef): boolean =>
  a.origin === 'store' ? b.origin === 'store' && a.digest === b.digest : b.origin === 'baseline';

/** A state directory by itself, after a start or an attempt has come to its end. */
export function settledViolations(view: StateView): string[] {
  const found: string[] = [];
  const { current, pointer } = view;
  const expected = current.origin === 'store' ? `versions/${current.version}` : null;
  if (pointer !== expected)
    found.push(`current: expected ${expected ?? 'no link'}, found ${pointer ?? 'no link'}`);
  for (const { ref, mark, problem } of view.versions) {
    if (problem !== null) found.push(`${name(ref)} is not complete: ${problem}`);
    // What the store takes a mark for that is there and says nothing.
    if (mark?.at === 0 && mark.watched) found.push(`the mark of ${name(ref)} cannot be read`);
  }
  if (view.broken.length > 0) found.push(`no version in versions/${view.broken.join(', ')}`);
  if (view.brokenHeads.length > 0) found.push(`unreadable heads: ${view.brokenHeads.join(', ')}`);
  if (view.leftovers.length > 0) found.push(`left behind: ${view.leftovers.join(', ')}`);
  return found;
}

/** Whether the current version is one of those that may be: the old one and the new one. */
export function currentViolations(view: StateView, allowed: readonly VersionRef[]): string[] {
  if (allowed.some((ref) => same(ref, view.current))) return [];
  return [`current is ${name(view.current)}, expected ${[...new Set(allowed.map(name))].join(' or ')}`];
}

/**
 * Whether the current version was committed. Not so only while it is still probed, or when its commit could not be written.
 */
export function committedViolations(view: StateView): string[] {
  const { current } = view;
  if (current.origin === 'baseline') return [];
  const mark = view.versions.find(({ ref }) => same(ref, current))?.mark ?? null;
  return mark === null ? [`current is ${name(current)}, which was never committed`] : [];
}

/** What must not go back between two looks. */
export function progressViolations(
  before: StateView,
  after: StateView,
  options: { readonly cleared?: readonly string[] } = {},
): string[] {
  const found: string[] = [];
  if (before.floor !== null && (after.floor === null || semver.lt(after.floor, before.floor)))
    found.push(`the version floor fell from ${before.floor} to ${after.floor ?? 'nothing'}`);
  for (const channel of ['stable', 'edge'] as const) {
    const [was, is] = [before.heads[channel], after.heads[channel]];
    if (was === undefined) continue;
    const wasAt = `epoch ${String(was.epoch)} seq ${String(was.seq)}`;
    if (is === undefined) found.push(`the ${channel} head of ${wasAt} is gone`);
    else if (is.epoch < was.epoch || (is.epoch === was.epoch && is.seq < was.seq))
      found.push(
        `the ${channel} head went back from ${wasAt} to epoch ${String(is.epoch)} seq ${String(is.seq)}`,
      );
  }
  for (const digest of before.quarantined)
    if (!after.quarantined.includes(digest) && options.cleared?.includes(digest) !== true)
      found.push(`release ${digest.slice(0, 8)} left the quarantine by itself`);
  return found;
}

/** A workload that runs. */
export interface RunningWorkload {
  readonly pid: number;
  /** As in `VersionRef.version`. */
  readonly version: string;
}

/**
 * What runs: the current version, once, and nothing else; and the record on disk names it.
 *
 * @param running - every workload process that is past its gate, orphans of earlier daemons included
 */
export function runningViolations(view: StateView, running: readonly RunningWorkload[]): string[] {
  const [only] = running;
  if (only === undefined || running.length > 1) {
    const seen = running.map(({ pid, version }) => `${version} as ${String(pid)}`).join(', ');
    return [`expected one workload that runs, found ${seen === '' ? 'none' : seen}`];
  }
  const found: string[] = [];
  if (only.version !== view.current.version)
    found.push(`${only.version} runs, but current is ${name(view.current)}`);
  if (view.record?.pid !== only.pid)
    found.push(
      `pid ${String(only.pid)} runs, but the record on disk names ${String(view.record?.pid ?? null)}`,
    );
  return found;
}

/** What is known of attempts after a start or an attempt has come to its end. */
export interface AttemptsView {
  readonly history: readonly AttemptRecord[];
  readonly inFlight: InFlight | null;
  /** The code for which automatic updates are paused, if they are. */
  readonly pausedBy: string | null;
}

/** What an operator's rollback or the release's own doing ended. */
function failedByItself({ outcome, error }: AttemptRecord): boolean {
  if (outcome !== 'rolledBack' || error === null) return false;
  return ERROR_CODES[error.code].blames === 'release' || error.code === 'ROLLED_BACK_BY_OPERATOR';
}

const interrupted = ({ outcome, error }: AttemptRecord): boolean =>
  outcome === 'rolledBack' && error?.code === 'ATTEMPT_INTERRUPTED';

/**
 * History and quarantine: every attempt has an outcome, every release that deserves it is in quarantine, and no other.
 *
 * @param cleared - digests that somebody took out of quarantine
 */
export function attemptViolations(
  view: StateView,
  { history, inFlight, pausedBy }: AttemptsView,
  options: { readonly cleared?: readonly string[] } = {},
): string[] {
  const owed = pausedBy === 'QUARANTINE_FAILED';
  const found: string[] = [];
  for (const { id, outcome } of history)
    if (outcome === null && !(owed && inFlight?.attempt.id === id))
      found.push(`attempt ${id} has no outcome`);
  if (inFlight !== null && !owed) found.push(`attempt ${inFlight.attempt.id} is still in flight`);

  const digests = new Set(history.flatMap(({ digest }) => digest ?? []));
  for (const digest of digests) {
    if (options.cleared?.includes(digest) === true) continue;
    const about = history.filter((record) => record.digest === digest);
    const times = about.filter(interrupted).length;
    const deserved = about.some(failedByItself) || times >= 2;
    const held = view.quarantined.includes(digest);
    const what = `release ${digest.slice(0, 8)} (${about[0]?.to ?? '?'})`;
    if (deserved && !held && !owed) found.push(`${what} failed here, but is not in quarantine`);
    if (held && !deserved && !owed && about.every(({ outcome }) => outcome !== null))
      found.push(
        `${what} is in quarantine, but failed by nothing of its own (interrupted ${String(times)} times)`,
      );
  }
  return found;
}

/**
 * Whether any attempt that was known before is forgotten now. Attempts that came to nothing leave no line, by design.
 *
 * @param before - ids of all attempts that the journal knew of, but for those that were still `checking`
 */
export function forgottenViolations(
  before: readonly string[],
  { history }: Pick<AttemptsView, 'history'>,
): string[] {
  const known = new Set(history.map(({ id }) => id));
  return before.filter((id) => !known.has(id)).map((id) => `attempt ${id} is forgotten`);
}
