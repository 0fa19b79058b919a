/**
 * The journal on `node:sqlite`: the attempt in flight, the history, budgets, refusals, and when releases were first seen.
 *
 * Invariants:
 * - Every method that writes is one transaction, durable when it resolves.
 * - At most one attempt is in flight. Another that enters while one is in flight ends the first as `interrupted`.
 * - Rows of the first file say only what its oldest readers know (`first-words.ts`); what is really meant is kept beside it
 *   (`journal-meanings.ts`), in the same transaction.
 * - Where there is an outbox, the end of an attempt and its place in it are one transaction (`journal-outbox.ts`: which have one).
 * - Tables do not grow without end: 500 attempts (and up to 5,000 of which a fleet was not told yet), 500 budgets, 500 refusals, 500 seen releases are kept, the newest.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { z } from 'zod';
import type { ErrorCode } from '../error-codes.ts';
import { UpdateError, type ErrorRecord } from '../errors.ts';
import type { AttemptFacts, AttemptRecord, Clock, InFlight, Journal } from '../services/ports.ts';
import { firstCode, firstError, firstFlight, firstState, knownError } from './first-words.ts';
import { isCorruption, openJournalFile } from './journal-file.ts';
import { meaningsOf } from './journal-meanings.ts';
import { post } from './journal-outbox.ts';
import { attemptRow, inFlightRow, numberRow, refusalRow, stepRow, stepState } from './journal-schema.ts';

const KEEP = 500;
/** Attempts that are kept for a fleet that is away. */
const KEEP_UNSENT = 5_000;

const SPENT = 'SELECT spent_ms AS value FROM budgets WHERE name = ?';
const INTERRUPTED = `digest = ? AND ended_at IS NOT NULL AND outcome = 'rolledBack' AND error_code = 'ATTEMPT_INTERRUPTED'`;
/** Under this name stands the last attempt of a release whose interruption does not count any more. */
const pardonOf = (digest: string): string => `pardoned:${digest}`;

/** What {@link openJournal} needs. */
export interface JournalOptions {
  /** Absolute path of the file; its folder exists (`openStateDir`). */
  readonly path: string;
  readonly clock: Pick<Clock, 'now'>;
  /** Whether a daemon ran here before, so that a journal which is not there was lost; false unless told. */
  readonly expected?: boolean;
  /** Whether ended attempts are put into the outbox, for a fleet that is to be told of them; false unless told. */
  readonly outbox?: boolean;
}

/** What {@link openJournal} returns. */
export interface OpenedJournal {
  readonly journal: Journal;
  /** `JOURNAL_DAMAGED` when an unreadable journal was moved aside (its message names the file), or one was lost. */
  readonly damage: ErrorRecord | null;
}

/**
 * Opens the journal, and with it takes the one-daemon lock, until `end` or until the process is gone.
 *
 * @throws UpdateError `ALREADY_RUNNING` if another daemon holds it, `STATE_DIR_UNUSABLE`, `DISK_FULL`
 * @example
 * const { journal, damage } = openJournal({ path: paths.stateDb, clock });
 */
export function openJournal({
  path,
  clock,
  expected = false,
  outbox = false,
}: JournalOptions): OpenedJournal {
  const { db, damage: found } = openJournalFile(path, clock.now(), expected);
  const damage =
    found === null ? null : new UpdateError('JOURNAL_DAMAGED', `expected a readable journal, found ${found}`);
  return { journal: sqliteJournal(db, clock, outbox), damage: damage?.toRecord() ?? null };
}

function sqliteJournal(db: DatabaseSync, clock: Pick<Clock, 'now'>, outbox: boolean): Journal {
  let ended = false;
  const meanings = meaningsOf(db);

  const run = (sql: string, ...values: (string | number | null)[]): void => {
    db.prepare(sql).run(...values);
  };
  const rows = <T>(schema: z.ZodType<T>, sql: string, ...values: (string | number)[]): T[] =>
    db.prepare(sql).all(...values).map((row) => parseRow(schema, row)); // prettier-ignore
  const readInFlight = (): InFlight | null => {
    const row = db.prepare('SELECT attempt, state, facts, suspended FROM in_flight').get();
    if (row === undefined) return null;
    const shown = parseRow(inFlightRow, row);
    const meant = meanings.of(shown.attempt.id)('flight', flightText(row['state'], row['facts']));
    const [state, facts] = JSON.parse(meant) as [unknown, unknown];
    return parseRow(inFlightRow, { ...row, state, facts });
  };

  function write(what: string, work: () => void): Promise<void> {
    try {
      assertOpen(ended);
      db.exec('BEGIN IMMEDIATE');
      work();
      db.exec('COMMIT');
      return Promise.resolve();
    } catch (error) {
      try {
        if (db.isOpen && db.isTransaction) db.exec('ROLLBACK');
      } catch (second) {
        return Promise.reject(fault(second, 'JOURNAL_WRITE_FAILED', `could not undo: ${what}`));
      }
      return Promise.reject(fault(error, 'JOURNAL_WRITE_FAILED', `could not ${what}`));
    }
  }

  function read<T>(what: string, work: () => T): Promise<T> {
    try {
      assertOpen(ended);
      return Promise.resolve(work());
    } catch (error) {
      return Promise.reject(fault(error, 'JOURNAL_DAMAGED', `could not read ${what}`));
    }
  }

  const trim = (table: 'attempts' | 'budgets' | 'refusals' | 'seen', order: 'rowid' | 'at'): void => {
    // What the fleet does not know yet stays for much longer.
    const spared =
      table === 'attempts'
        ? ` AND id NOT IN (SELECT attempt FROM more.outbox ORDER BY rowid DESC LIMIT ${String(KEEP_UNSENT)})`
        : '';
    run(
      `DELETE FROM ${table} WHERE rowid NOT IN (SELECT rowid FROM ${table} ORDER BY ${order} DESC, rowid DESC LIMIT ${String(KEEP)})${spared}`,
    );
  };

  const tell = (id: string): void => {
    if (outbox) post(db, id, clock.now());
  };
  const toRecords = (found: readonly z.infer<typeof attemptRow>[]): AttemptRecord[] =>
    found.map((row) => {
      const meant = meanings.of(row.id);
      const steps = rows(
        stepRow,
        'SELECT rowid, state, at FROM steps WHERE attempt = ? ORDER BY rowid',
        row.id,
      ).map(({ rowid, state, at }) => ({
        state: stepState.parse(meant(`step:${String(rowid)}`, state)),
        at,
      }));
      return { ...toRecord(row), steps };
    });

  return {
    enter: (attempt, state, facts) =>
      write(`write that attempt ${attempt.id} enters ${state}`, () => {
        const now = clock.now();
        const before = readInFlight();
        if (before !== null && before.attempt.id !== attempt.id) {
          // One in `rolledBack` is over but for its quarantine, which the new attempt takes with it.
          const { error } = before.state === 'rolledBack' ? before.facts : {};
          const shown = error === undefined ? null : firstError(error);
          run(
            `UPDATE attempts SET ended_at = ?, outcome = ?, reason = ?, error_code = ?, error_message = ?
             WHERE id = ? AND ended_at IS NULL`,
            now,
            error === undefined ? 'interrupted' : 'rolledBack',
            error?.message ?? `attempt ${attempt.id} began`,
            shown?.code ?? null,
            shown?.message ?? null,
            before.attempt.id,
          );
          tell(before.attempt.id);
        }
        const known: AttemptFacts = {
          ...(before?.attempt.id === attempt.id ? before.facts : {}),
          ...Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)),
        };
        const { plan } = known;
        run(
          `INSERT INTO attempts (id, trigger, started_at, reason, from_version, to_version, digest)
           VALUES (?, ?, ?, '', ?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET ended_at = NULL, outcome = NULL, reason = '', error_code = NULL, error_message = NULL,
             from_version = COALESCE(excluded.from_version, from_version),
             to_version = COALESCE(excluded.to_version, to_version), digest = COALESCE(excluded.digest, digest)`,
          attempt.id,
          attempt.trigger,
          now,
          plan?.from.version ?? null,
          plan?.to.version ?? known.version ?? null,
          known.digest ?? (plan?.to.origin === 'store' ? plan.to.digest : null),
        );
        const shown = firstFlight({ state, facts: known });
        const step = db
          .prepare('INSERT INTO steps (attempt, state, at) VALUES (?, ?, ?)')
          .run(attempt.id, firstState(state), now);
        meanings.keep(attempt.id, `step:${String(step.lastInsertRowid)}`, firstState(state), state);
        const shownFacts = JSON.stringify(shown.facts);
        run(
          'INSERT OR REPLACE INTO in_flight (one, attempt, state, facts, suspended) VALUES (1, ?, ?, ?, 0)',
          JSON.stringify(attempt),
          shown.state,
          shownFacts,
        );
        meanings.keep(
          attempt.id,
          'flight',
          flightText(shown.state, shownFacts),
          flightText(state, JSON.stringify(known)),
        );
        trim('attempts', 'rowid');
      }),

    close: (end) =>
      write(`write that attempt ${end.attempt.id} ended`, () => {
        const { id } = end.attempt;
        const flying = readInFlight();
        const note = flying?.attempt.id === id ? flying.facts.note : undefined;
        if (flying?.attempt.id === id) run('DELETE FROM in_flight');
        if (end.outcome === 'nothing' || end.outcome === 'available') {
          run('DELETE FROM attempts WHERE id = ? AND ended_at IS NULL', id);
          return;
        }
        const shown = end.error === null ? null : firstError(end.error);
        run(
          `UPDATE attempts SET ended_at = ?, outcome = ?, reason = ?, error_code = ?, error_message = ?,
             from_version = COALESCE(?, from_version), to_version = COALESCE(?, to_version), digest = COALESCE(?, digest)
           WHERE id = ? AND ended_at IS NULL`,
          clock.now(),
          end.outcome,
          note === undefined ? end.reason : `${end.reason}; ${note}`,
          shown?.code ?? null,
          shown?.message ?? null,
          end.from?.version ?? null,
          end.to?.version ?? null,
          end.to?.origin === 'store' ? end.to.digest : null,
          id,
        );
        if (flying?.attempt.id === id) tell(id);
      }),

    outbox: (limit) =>
      read('the outbox', () =>
        toRecords(
          rows(
            attemptRow,
            `SELECT attempts.* FROM more.outbox AS waiting JOIN main.attempts ON attempts.id = waiting.attempt
             WHERE ended_at IS NOT NULL ORDER BY waiting.rowid LIMIT ?`,
            Math.max(0, Math.trunc(limit)),
          ),
        ),
      ),

    delivered: (id) =>
      write(`take attempt ${id} out of the outbox`, () => {
        run('DELETE FROM more.outbox WHERE attempt = ?', id);
      }),

    inFlight: () => read('the attempt in flight', readInFlight),

    suspend: () =>
      write('mark the attempt in flight as suspended', () => {
        run('UPDATE in_flight SET suspended = 1');
      }),

    history: (limit) =>
      read('the history', () =>
        toRecords(
          rows(
            attemptRow,
            'SELECT * FROM attempts ORDER BY rowid DESC LIMIT ?',
            Math.max(0, Math.trunc(limit)),
          ),
        ),
      ),

    interruptions: (digest) =>
      read('the interruptions', () => {
        const pardoned = rows(numberRow, SPENT, pardonOf(digest))[0]?.value ?? 0;
        const sql = `SELECT COUNT(*) AS value FROM attempts WHERE ${INTERRUPTED} AND rowid > ?`;
        return rows(numberRow, sql, digest, pardoned)[0]?.value ?? 0;
      }),

    pardon: (digest) =>
      write(`forget the interruptions of ${digest}`, () => {
        // Ended attempts are only ever deleted as the oldest, so no later one gets the number of one that counted.
        const sql = `SELECT COALESCE(MAX(rowid), 0) AS value FROM attempts WHERE ${INTERRUPTED}`;
        const last = rows(numberRow, sql, digest)[0]?.value ?? 0;
        run(
          'INSERT OR REPLACE INTO budgets (name, spent_ms, at) VALUES (?, ?, ?)',
          pardonOf(digest),
          last,
          clock.now(),
        );
        trim('budgets', 'at');
      }),

    spent: (budget) => read(`the budget ${budget}`, () => rows(numberRow, SPENT, budget)[0]?.value ?? 0),

    spend: (budget, totalMs) =>
      write(`write the budget ${budget}`, () => {
        run(
          'INSERT OR REPLACE INTO budgets (name, spent_ms, at) VALUES (?, ?, ?)',
          budget,
          totalMs,
          clock.now(),
        );
        trim('budgets', 'at');
      }),

    refuse: (sha256, code) =>
      write(`record the refusal of ${sha256}`, () => {
        run(
          `INSERT INTO refusals (sha256, code, count, at) VALUES (?, ?, 1, ?)
           ON CONFLICT (sha256) DO UPDATE SET code = excluded.code, count = count + 1, at = excluded.at`,
          sha256,
          firstCode(code),
          clock.now(),
        );
        meanings.keep(refusalOf(sha256), 'code', firstCode(code), code);
        trim('refusals', 'at');
      }),

    refusal: (sha256) =>
      read('a refusal', () => {
        const row = rows(
          refusalRow,
          'SELECT sha256, code, count, at FROM refusals WHERE sha256 = ?',
          sha256,
        )[0];
        if (row === undefined) return null;
        const code = meanings.of(refusalOf(sha256))('code', row.code);
        return { ...row, code: knownError({ code, message: '' }).code };
      }),

    seen: async (digest) => {
      const now = clock.now();
      const sql = 'SELECT at AS value FROM seen WHERE digest = ?';
      const first = (await read('when a release was first seen', () => rows(numberRow, sql, digest)))[0]
        ?.value;
      if (first !== undefined && first <= now) return first;
      await write(`record that ${digest} was seen`, () => {
        run('INSERT OR REPLACE INTO seen (digest, at) VALUES (?, ?)', digest, now);
        trim('seen', 'rowid');
      });
      return now;
    },

    end: () => {
      if (ended) return;
      ended = true;
      db.close();
    },
  };
}

function assertOpen(ended: boolean): void {
  if (ended) throw new Error('the journal is closed');
}

function parseRow<T>(schema: z.ZodType<T>, row: unknown): T {
  const parsed = schema.safeParse(row);
  if (parsed.success) return parsed.data;
  throw new UpdateError(
    'JOURNAL_DAMAGED',
    `expected a row of the agreed shape, found another: ${parsed.error.message}`,
  );
}

/** A fault while writing is always `JOURNAL_WRITE_FAILED`, whatever lies under it. */
function fault(error: unknown, code: ErrorCode, what: string): UpdateError {
  const base = UpdateError.from(error, code, isCorruption(error) ? `${what} (the file is damaged)` : what);
  return base.code === code ? base : new UpdateError(code, `${what}: ${base.message}`, { cause: error });
}

/** What an attempt in flight is compared by. */
const flightText = (state: unknown, facts: unknown): string => JSON.stringify([state, facts]);

/** Under this name stand the words of a refusal. */
const refusalOf = (sha256: string): string => `refusal:${sha256}`;

function toRecord(row: z.infer<typeof attemptRow>): Omit<AttemptRecord, 'steps'> {
  const { error_code: code } = row;
  return {
    id: row.id,
    trigger: row.trigger,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    outcome: row.outcome,
    reason: row.reason,
    error: code === null ? null : knownError({ code, message: row.error_message ?? '' }),
    from: row.from_version,
    to: row.to_version,
    digest: row.digest,
  };
}
