/**
 * The journal's tables, and the shape of its rows (docs/decisions/0017).
 *
 * Invariants:
 * - What is written here is what the first layout's readers read: its tables, its columns, its words. They take anything else for damage.
 *   What is new goes into the second file (`journal-additions.ts`).
 * - What is read may be a newer daemon's: tables, columns, members and words that are not known are left where they are. A word that is
 *   not known is `unknown` in the history; in flight it is an interruption.
 */
import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import type { ErrorRecord } from '../errors.ts';
import type { AttemptFacts, InFlight } from '../services/ports.ts';
import { knownError } from './first-words.ts';
import type { Attempt, OutcomeKind, StateName, Trigger, VersionRef } from '../types.ts';

/** The layout that is written. */
export const JOURNAL_VERSION = 1;
/** The readers that this program is of: those of the first layout were 1. */
const READER = 2;
/** `PRAGMA application_id`: the letters CSDK. */
export const JOURNAL_APPLICATION_ID = 0x4353_444b;

const TABLES = `
  CREATE TABLE attempts (
    id TEXT NOT NULL UNIQUE, trigger TEXT NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER, outcome TEXT,
    reason TEXT NOT NULL, error_code TEXT, error_message TEXT, from_version TEXT, to_version TEXT, digest TEXT
  ) STRICT;
  CREATE INDEX attempts_by_digest ON attempts (digest);
  CREATE TABLE steps (
    attempt TEXT NOT NULL REFERENCES attempts (id) ON DELETE CASCADE, state TEXT NOT NULL, at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX steps_by_attempt ON steps (attempt);
  CREATE TABLE in_flight (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    attempt TEXT NOT NULL, state TEXT NOT NULL, facts TEXT NOT NULL, suspended INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE budgets (name TEXT NOT NULL UNIQUE, spent_ms REAL NOT NULL, at INTEGER NOT NULL) STRICT;
  CREATE TABLE refusals (sha256 TEXT NOT NULL UNIQUE, code TEXT NOT NULL, count INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
  CREATE TABLE seen (digest TEXT NOT NULL UNIQUE, at INTEGER NOT NULL) STRICT;
`;

/**
 * Whether a file with this `user_version` can be read: `layout + 1000 × the oldest readers that can read it`, or 1.
 *
 * @example
 * canRead(2003); // true: layout 3, which readers 2 and later can read
 */
export function canRead(version: unknown): boolean {
  if (typeof version !== 'number') return false;
  const oldest = Math.trunc(version / 1000);
  return version === JOURNAL_VERSION || (oldest >= 1 && oldest <= READER);
}

/** Makes the tables in an empty file, all or none. */
export function createTables(db: DatabaseSync): void {
  db.exec(`BEGIN IMMEDIATE; ${TABLES}
    PRAGMA application_id = ${String(JOURNAL_APPLICATION_ID)};
    PRAGMA user_version = ${String(JOURNAL_VERSION)};
    COMMIT`);
}

const STATES = [
  'recovering', 'idle', 'checking', 'downloading', 'verifying', 'staging', 'waiting', 'swapping', 'overlapping', 'draining', 'probing',
  'committed', 'handingOver', 'rollingBack', 'rolledBack', 'failed',
] as const satisfies readonly StateName[]; // prettier-ignore
const TRIGGERS = [
  'schedule',
  'check',
  'update',
  'bundle',
  'rollback',
  'watch',
  'recovery',
] as const satisfies readonly Trigger[];
const OUTCOMES = [
  'committed', 'rolledBack', 'failed', 'nothing', 'available', 'refused', 'deferred', 'error', 'interrupted',
] as const satisfies readonly OutcomeKind[]; // prettier-ignore

const digest = z.string().regex(/^[0-9a-f]{64}$/);
/** For lists of words that a newer daemon may have made longer. */
const word = <const Words extends readonly [string, ...string[]]>(
  words: Words,
): z.ZodType<Words[number] | 'unknown'> =>
  z.string().transform((value) => words.find((it) => it === value) ?? 'unknown');

/** An error as it is kept. */
export const errorRecord: z.ZodType<ErrorRecord> = z
  .object({ code: z.string(), message: z.string() })
  .transform(knownError);

/** What set it off does not matter for what is done with it now. */
const attempt: z.ZodType<Attempt> = z.object({
  id: z.string().min(1),
  trigger: z.enum(TRIGGERS).catch('recovery'),
  mode: z.enum(['apply', 'report']).catch('apply'),
});
const storeRef = z.object({ origin: z.literal('store'), version: z.string(), digest });
const ref: z.ZodType<VersionRef> = z.discriminatedUnion('origin', [
  storeRef,
  z.object({ origin: z.literal('baseline'), version: z.string() }),
]);
const plan = z.object({ from: ref, to: ref });
const interruptions = z.int().min(0);
/** A member of another shape is one that is not known. */
const known = <T>(schema: z.ZodType<T>): z.ZodType<T | undefined> => schema.optional().catch(undefined);
const successor = known(z.object({ ref: storeRef, sha256: digest }));
const afterCommit = known(z.boolean());
const facts: z.ZodType<AttemptFacts> = z.object({
  plan: known(plan),
  digest: known(digest),
  version: known(z.string()),
  error: known(errorRecord),
  interruptions: known(interruptions),
  owed: known(
    z.array(z.object({ attempt, plan, error: errorRecord, interruptions, successor, afterCommit })),
  ),
  successor,
  afterCommit,
  note: known(z.string()),
});

/** A column that holds JSON. */
const json = <T>(schema: z.ZodType<T>): z.ZodType<T, string> =>
  z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text) as unknown;
      } catch {
        context.addIssue({ code: 'custom', message: 'expected JSON' });
        return z.NEVER;
      }
    })
    .pipe(schema);

/** The row of `in_flight`. What a newer daemon was doing is taken for a swap that was interrupted: that is gone back from. */
export const inFlightRow: z.ZodType<InFlight> = z
  .object({
    attempt: json(attempt),
    state: z.enum(STATES).catch('swapping'),
    facts: json(facts),
    suspended: z.literal([0, 1]),
  })
  .transform((row) => ({
    attempt: row.attempt,
    state: row.state,
    facts: row.facts,
    suspended: row.suspended === 1,
  }));

/** A row of `attempts`. */
export const attemptRow = z.object({
  id: z.string().min(1),
  trigger: word(TRIGGERS),
  started_at: z.number(),
  ended_at: z.number().nullable(),
  outcome: word(OUTCOMES).nullable(),
  reason: z.string(),
  error_code: z.string().nullable(),
  error_message: z.string().nullable(),
  from_version: z.string().nullable(),
  to_version: z.string().nullable(),
  digest: z.string().nullable(),
});

/** A row of `steps`. */
export const stepRow = z.object({ rowid: z.int(), state: z.string(), at: z.number() });

/** The state of a step. */
export const stepState = word(STATES);

/** A row of `refusals`. */
export const refusalRow = z.object({
  sha256: digest,
  code: z.string(),
  count: z.int().min(1),
  at: z.number(),
});

/** A row that holds one number. */
export const numberRow = z.object({ value: z.number() });
