/**
 * The journal's file: created privately, locked at once, checked, and moved aside when it cannot be read.
 *
 * Invariants:
 * - Whoever holds the open file is the one daemon of this state directory. `locking_mode=EXCLUSIVE` alone takes no lock,
 *   so `BEGIN EXCLUSIVE; COMMIT` follows at once; the kernel frees it, however the process ends.
 * - Nothing else in the process opens a journal that is in use: closing any other descriptor of it would drop the lock
 *   (POSIX, fcntl).
 * - Each commit is durable: rollback journal, `synchronous=EXTRA`. Not WAL, so that all of it is one file that can be moved.
 */
import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { UpdateError, hasErrno } from '../errors.ts';
import { attachAdditions } from './journal-additions.ts';
import {
  JOURNAL_APPLICATION_ID,
  JOURNAL_VERSION,
  attemptRow,
  canRead,
  createTables,
  inFlightRow,
  stepRow,
} from './journal-schema.ts';

/** SQLite's primary result codes (sqlite.org/rescode.html). */
const SQLITE = {
  ERROR: 1,
  BUSY: 5,
  LOCKED: 6,
  READONLY: 8,
  CORRUPT: 11,
  FULL: 13,
  TOOBIG: 18,
  MISMATCH: 20,
  NOTADB: 26,
} as const;

/** What SQLite says of a file in which a bit was flipped, while it is opened and read; a fault of the disk is not among them. */
const UNREADABLE: readonly (number | null)[] = [
  SQLITE.ERROR,
  SQLITE.READONLY,
  SQLITE.CORRUPT,
  SQLITE.TOOBIG,
  SQLITE.MISMATCH,
  SQLITE.NOTADB,
];

/** So many journals that were set aside are kept, the newest. */
const KEEP_ASIDE = 5;

/** Why a journal cannot be used. */
class Unreadable extends Error {
  override readonly name = 'Unreadable';
}

function resultCode(error: unknown): number | null {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
    ? error.errcode & 0xff
    : null;
}

/** Whether an error says that the content of the file is damaged. */
export function isCorruption(error: unknown): boolean {
  const code = resultCode(error);
  return code === SQLITE.CORRUPT || code === SQLITE.NOTADB;
}

/** An open, locked and valid journal file. */
export interface JournalFile {
  readonly db: DatabaseSync;
  /** What was wrong with the journal that was there, and where it went; `null` if all was well. */
  readonly damage: string | null;
}

/** Both files of the journal: {@link openFirstFile}, with the second attached (`journal-additions.ts`). */
export function openJournalFile(path: string, now: number, expected = false): JournalFile {
  const { db, damage } = openFirstFile(path, now, expected);
  const lost = attachAdditions(db, path);
  return { db, damage: lost === null ? damage : [damage, lost].filter((it) => it !== null).join('; ') };
}

/**
 * Opens the journal's file, or makes it. One that cannot be read is renamed to `<path>.damaged-<time>` (with what SQLite
 * keeps beside it), and a new one is made; so is whatever else stands there instead of a file. The newest five of these are kept.
 * An empty file is filled where it is: another daemon, which starts at this very moment, may have made it.
 *
 * @param now - ms since 1970, for the name
 * @param expected - whether a journal must be there, so that its absence is damage too
 * @throws UpdateError `ALREADY_RUNNING`, `STATE_DIR_UNUSABLE`, `DISK_FULL`
 */
function openFirstFile(path: string, now: number, expected: boolean): JournalFile {
  try {
    const { identity, made, kind } = create(path);
    try {
      if (kind !== 'file') throw new Unreadable(`${kind} at ${path}`);
      const { db, wasEmpty } = openValid(path);
      const lost = made ? expected && `no file at ${path}` : wasEmpty && `an empty file at ${path}`;
      return { db, damage: lost === false ? null : lost };
    } catch (error) {
      if (!(error instanceof Unreadable) && !UNREADABLE.includes(resultCode(error))) throw error;
      const why = error instanceof Error ? error.message : String(error);
      const aside = moveAside(path, identity, now);
      const left = deleteOldest(path);
      create(path);
      return { db: openValid(path).db, damage: `${why}; it is now ${aside}${left}` };
    }
  } catch (error) {
    const code = resultCode(error);
    if (code === SQLITE.BUSY || code === SQLITE.LOCKED)
      throw new UpdateError(
        'ALREADY_RUNNING',
        `expected to be the only daemon on ${path}, found that another holds it`,
        {
          cause: error,
        },
      );
    const full = code === SQLITE.FULL || hasErrno(error, 'ENOSPC', 'EDQUOT');
    throw UpdateError.from(
      error,
      full ? 'DISK_FULL' : 'STATE_DIR_UNUSABLE',
      `could not open the journal ${path}`,
    );
  }
}

interface Created {
  /** Which file it is, by its inode. */
  readonly identity: bigint;
  /** Whether it was not there before. */
  readonly made: boolean;
  /** For messages: `file`, `a folder`, `something`. */
  readonly kind: string;
}

/** Makes an empty file with mode 0600 if there is nothing; SQLite would make 0644. */
function create(path: string): Created {
  let made = true;
  try {
    fs.closeSync(fs.openSync(path, 'wx', 0o600));
    syncFolder(path);
  } catch (error) {
    // Never opened when it is there: see the head of this file.
    if (!hasErrno(error, 'EEXIST')) throw error;
    made = false;
  }
  const stats = fs.lstatSync(path, { bigint: true });
  const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'a folder' : 'something that is no file';
  return { identity: stats.ino, made, kind };
}

function openValid(path: string): { db: DatabaseSync; wasEmpty: boolean } {
  // Busy at once: a daemon holds its lock for as long as it lives.
  const db = new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: true });
  try {
    db.exec('PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=EXTRA; PRAGMA trusted_schema=OFF');
    db.exec('BEGIN EXCLUSIVE; COMMIT');
    db.exec('PRAGMA journal_mode=DELETE');
    const wasEmpty = isEmpty(db);
    if (wasEmpty) createTables(db);
    validate(db);
    requireWritable(db);
    return { db, wasEmpty };
  } catch (error) {
    db.close();
    throw error;
  }
}

const pragma = (db: DatabaseSync, name: string): unknown =>
  Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];

function isEmpty(db: DatabaseSync): boolean {
  const tables = db.prepare('SELECT COUNT(*) AS count FROM sqlite_schema').get()?.['count'];
  return tables === 0 && pragma(db, 'user_version') === 0 && pragma(db, 'application_id') === 0;
}

/** What a file is made of: each table with its columns, and every other thing with its name and kind. */
interface Layout {
  readonly tables: ReadonlyMap<string, ReadonlySet<string>>;
  readonly indices: ReadonlySet<string>;
  /** Triggers and views: they would do or show what this program does not know. */
  readonly odd: readonly string[];
}

function layoutOf(db: DatabaseSync): Layout {
  const all = db.prepare('SELECT type, name FROM sqlite_schema').all();
  const named = (type: string): string[] =>
    all.filter((it) => it['type'] === type).map(({ name }) => String(name));
  const columns = db.prepare('SELECT name, type, "notnull", pk FROM pragma_table_info(?)');
  return {
    tables: new Map(
      named('table').map((table) => [
        table,
        new Set(columns.all(table).map((it) => Object.values(it).map(String).join(' '))),
      ]),
    ),
    indices: new Set(named('index')),
    odd: all.flatMap(({ type, name }) =>
      type === 'table' || type === 'index' ? [] : [`a ${String(type)} ${String(name)}`],
    ),
  };
}

function expectedLayout(): Layout {
  const db = new DatabaseSync(':memory:');
  try {
    createTables(db);
    return layoutOf(db);
  } finally {
    db.close();
  }
}

/** Where a file lacks something of the layout, or has what may not be there; more tables and columns are a newer daemon's. */
function misfitOf(layout: Layout): string | null {
  const expected = expectedLayout();
  for (const [table, columns] of expected.tables) {
    const there = layout.tables.get(table);
    if (there === undefined) return `no table ${table}`;
    const missing = [...columns].find((column) => !there.has(column));
    if (missing !== undefined) return `no column "${missing}" in ${table}`;
  }
  const index = [...expected.indices].find((name) => !layout.indices.has(name));
  return index === undefined ? (layout.odd[0] ?? null) : `no index ${index}`;
}

/** Layout, structure, and every row. Small enough (500 attempts) to be read whole. */
function validate(db: DatabaseSync): void {
  const application = pragma(db, 'application_id');
  const version = pragma(db, 'user_version');
  if (application !== JOURNAL_APPLICATION_ID || !canRead(version))
    throw new Unreadable(
      `expected a journal of layout ${String(JOURNAL_VERSION)}, or one that its readers can read, found application ${String(application)}, layout ${String(version)}`,
    );
  const integrity = pragma(db, 'integrity_check');
  if (integrity !== 'ok') throw new Unreadable(`expected an intact file, found ${String(integrity)}`);
  const misfit = misfitOf(layoutOf(db));
  if (misfit !== null)
    throw new Unreadable(`expected the tables of layout ${String(JOURNAL_VERSION)}, found ${misfit}`);
  const tables = [
    ['in_flight', 'SELECT attempt, state, facts, suspended FROM in_flight', inFlightRow],
    ['attempts', 'SELECT * FROM attempts', attemptRow],
    ['steps', 'SELECT rowid, state, at FROM steps', stepRow],
  ] as const;
  for (const [table, sql, schema] of tables) {
    for (const row of db.prepare(sql).all()) {
      const issue = schema.safeParse(row).error?.issues[0];
      if (issue !== undefined)
        throw new Unreadable(`a row of ${table}: ${issue.path.join('.')}: ${issue.message}`);
    }
  }
}

/**
 * One flipped bit in the file's header (the "write version", sqlite.org/fileformat2.html) makes SQLite take it for a file that may
 * only be read, for good: then every update would fail.
 */
function requireWritable(db: DatabaseSync): void {
  try {
    db.exec(`BEGIN IMMEDIATE; PRAGMA user_version = ${String(pragma(db, 'user_version'))}`);
  } catch (error) {
    if (resultCode(error) === SQLITE.READONLY)
      throw new Unreadable('expected a file that can be written, found that SQLite only reads it');
    // A disk that is full, say: the daemon starts all the same, and the next write tells of it.
  } finally {
    if (db.isTransaction) db.exec('ROLLBACK');
  }
}

/** Renames the file, if it is still the one that was found unreadable: another daemon may have been faster. */
function moveAside(path: string, identity: bigint, now: number): string {
  if (fs.lstatSync(path, { bigint: true }).ino !== identity)
    throw new UpdateError(
      'ALREADY_RUNNING',
      `expected to be the only daemon on ${path}, found that another replaced it`,
    );
  const stamp = new Date(now).toISOString().replaceAll(/[-:]/g, '');
  let aside = `${path}.damaged-${stamp}`;
  for (let count = 2; isThere(aside); count += 1) aside = `${path}.damaged-${stamp}-${String(count)}`;
  // What lies beside it goes first: a journal left beside a new file would be played into it.
  for (const suffix of ['-journal', '-wal', '-shm', ''])
    if (isThere(path + suffix)) fs.renameSync(path + suffix, aside + suffix);
  syncFolder(path);
  return aside;
}

/** Whether anything has this name, be it a link to nowhere. */
const isThere = (path: string): boolean => fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined;

/** Deletes what was set aside long ago. Returns, for the message, what could not be deleted: the daemon starts all the same. */
function deleteOldest(path: string): string {
  const folder = dirname(path);
  const prefix = `${basename(path)}.damaged-`;
  const asides = fs.readdirSync(folder).filter((name) => name.startsWith(prefix));
  const stem = (name: string): string => name.replace(/-(journal|wal|shm)$/, '');
  // The time in the name sorts; what lies beside a file goes with it.
  const old = [...new Set(asides.map(stem))].sort().slice(0, -KEEP_ASIDE);
  const left: string[] = [];
  for (const name of asides.filter((each) => old.includes(stem(each)))) {
    try {
      fs.rmSync(join(folder, name), { recursive: true });
    } catch (error) {
      left.push(error instanceof Error ? error.message : String(error));
    }
  }
  return left.length === 0 ? '' : `; older ones could not be deleted: ${left.join(', ')}`;
}

function syncFolder(path: string): void {
  const folder = fs.openSync(dirname(path), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    fs.fsyncSync(folder);
  } finally {
    fs.closeSync(folder);
  }
}
