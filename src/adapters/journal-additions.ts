/**
 * What the journal has learned since its first layout: a second SQLite file beside the first, attached as `more`, so that what is
 * written into both is one transaction (sqlite.org/lang_attach.html, sqlite.org/atomiccommit.html §5: a super-journal).
 *
 * Invariants:
 * - Daemons of the first layout never look at this file, and the first file stays as they expect it.
 * - Losing it costs words of the history, never the history. One that cannot be read is set aside, and a new one made; where none can
 *   be made, what it would hold is kept in memory, and that is told.
 * - A word counts only as long as what was written for it still stands in the first file: an older daemon may have gone on meanwhile.
 */
import * as fs from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { hasErrno } from '../errors.ts';

/** The tables of the second file, by name; each is as it is here, or has more columns that may be left out. */
const TABLES: Readonly<Record<string, string>> = {
  // `attempt` did what is told at `place`; the first file says `shown`, and `meant` is what it stands for.
  words: `CREATE TABLE more.words (
    attempt TEXT NOT NULL, place TEXT NOT NULL, shown TEXT NOT NULL, meant TEXT NOT NULL, UNIQUE (attempt, place)
  ) STRICT`,
  // Ended attempts that the fleet has not been told of; they themselves are in the first file.
  outbox: `CREATE TABLE more.outbox (attempt TEXT NOT NULL UNIQUE, at INTEGER NOT NULL) STRICT`,
};

const MODE = 0o600;

/** Where the second file of a journal is. */
export const additionsPath = (path: string): string => `${path}-additions`;

/**
 * Attaches the second file of an open journal, whose lock is held; makes it where it is not there.
 *
 * @param db - the first file, open and locked
 * @param path - of the first file
 * @returns what was wrong with it, and what became of it; null if all was well
 */
export function attachAdditions(db: DatabaseSync, path: string): string | null {
  const place = additionsPath(path);
  try {
    attach(db, place);
    return null;
  } catch (error) {
    const why = messageOf(error);
    try {
      const aside = setAside(place);
      attach(db, place);
      return `${place}: ${why}; it is now ${aside}`;
    } catch (second) {
      // The daemon starts all the same: the workload is worth more than words.
      db.exec(`ATTACH DATABASE ':memory:' AS more`);
      createTables(db);
      return `${place}: ${why}; a new one could not be made (${messageOf(second)}), so it is kept in memory`;
    }
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function attach(db: DatabaseSync, place: string): void {
  makeFile(place);
  db.prepare('ATTACH DATABASE ? AS more').run(place);
  try {
    db.exec('PRAGMA more.locking_mode=EXCLUSIVE; PRAGMA more.synchronous=EXTRA');
    db.exec('BEGIN EXCLUSIVE; COMMIT');
    db.exec('PRAGMA more.journal_mode=DELETE');
    const integrity: unknown = Object.values(db.prepare('PRAGMA more.integrity_check').get() ?? {})[0];
    if (integrity !== 'ok') throw new Error(`expected an intact file, found ${String(integrity)}`);
    createTables(db);
    db.exec(`DELETE FROM more.words WHERE attempt NOT IN (SELECT id FROM main.attempts)
             AND attempt NOT IN (SELECT 'refusal:' || sha256 FROM main.refusals);
             DELETE FROM more.outbox WHERE attempt NOT IN (SELECT id FROM main.attempts)`);
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    db.exec('DETACH DATABASE more');
    throw error;
  }
}

/** All that are not there, or none. One that lacks a column is none of ours. */
function createTables(db: DatabaseSync): void {
  const missing = Object.entries(TABLES).filter(([name]) => columnsOf(db, name).length === 0);
  if (missing.length > 0) db.exec(`BEGIN IMMEDIATE; ${missing.map(([, sql]) => sql).join('; ')}; COMMIT`);
  for (const [name, sql] of Object.entries(TABLES)) {
    const there = columnsOf(db, name);
    const lost = [...sql.matchAll(/(\w+) (?:TEXT|INTEGER|REAL)/g)].find(
      ([, column]) => !there.includes(column),
    );
    if (lost !== undefined) throw new Error(`expected a column ${String(lost[1])} in ${name}, found none`);
  }
}

const columnsOf = (db: DatabaseSync, table: string): unknown[] =>
  db.prepare(`PRAGMA more.table_info(${table})`).all().map(({ name }) => name); // prettier-ignore

/** Makes an empty file with mode 0600 if there is nothing; SQLite would make 0644. */
function makeFile(place: string): void {
  try {
    fs.closeSync(fs.openSync(place, 'wx', MODE));
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error;
  }
}

/** Only the last one is kept: there is little in it. */
function setAside(place: string): string {
  const aside = `${place}.damaged`;
  fs.rmSync(aside, { recursive: true, force: true });
  fs.renameSync(place, aside);
  for (const suffix of ['-journal', '-wal', '-shm']) fs.rmSync(place + suffix, { force: true });
  return aside;
}
