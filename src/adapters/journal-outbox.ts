/**
 * Which ended attempts a fleet is told of, and where they wait until it has been: in the journal's second file
 * (`journal-additions.ts`).
 *
 * Invariants:
 * - Only what says something about a release is told: the release is known, and the attempt came past `checking`. A check that failed,
 *   whatever its error, says nothing about one, and comes again at every interval on every host: told, it would flood what all share.
 * - What was put off (`deferred`) is no outcome either: it comes again at every check until it goes through, and that is told.
 * - What was decided stays: an attempt is put in at its end or never.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { OutcomeKind, StateName } from '../types.ts';

/** An attempt that only ever was in these has done nothing with a release. */
const BEFORE_A_RELEASE: readonly StateName[] = ['recovering', 'idle', 'checking', 'waiting'];

/** Ends that say nothing about a release. */
const SILENT: readonly OutcomeKind[] = ['nothing', 'available', 'deferred'];

const list = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(', ');

const POST = `INSERT OR IGNORE INTO more.outbox (attempt, at)
  SELECT id, ? FROM main.attempts
  WHERE id = ? AND ended_at IS NOT NULL AND outcome NOT IN (${list(SILENT)})
    AND (to_version IS NOT NULL OR digest IS NOT NULL)
    AND EXISTS (SELECT 1 FROM main.steps WHERE attempt = id AND state NOT IN (${list(BEFORE_A_RELEASE)}))`;

/**
 * Puts an attempt that has just ended into the outbox, if the fleet is to be told of it; within the transaction of the caller.
 *
 * @param db - the journal's file, with its second one attached
 * @param now - ms since 1970
 */
export function post(db: DatabaseSync, id: string, now: number): void {
  db.prepare(POST).run(now, id);
}
