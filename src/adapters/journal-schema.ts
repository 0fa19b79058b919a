/**
 * The journal's tables, and the shape of its rows.
 *
 * Invariant: `user_version` names the layout. A layout is never changed in place: a new one gets the next number and a
 * migration; a number that this program does not know is not read at all.
 */
import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { ERROR_CODES, type ErrorCode } from '../error-codes.ts';
import type { ErrorRecord } from '../errors.ts';
import type { AttemptFacts, InFlight } from '../services/ports.ts';
import type { Attempt, OutcomeKind, StateName, Trigger, VersionRef } from '../types.ts';

/** The layout that this program reads and writes. */
export const JOURNAL_VERSION = 1;
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

const state = z.enum(STATES);
const trigger = z.enum(TRIGGERS);
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const code = z.custom<ErrorCode>(
  (value) => typeof value === 'string' && value in ERROR_CODES,
  'unknown error code',
);

const attempt: z.ZodType<Attempt> = z.strictObject({
  id: z.string().min(1),
  trigger,
  mode: z.enum(['apply', 'report']),
});
const error: z.ZodType<ErrorRecord> = z.strictObject({ code, message: z.string() });
const storeRef = z.strictObject({ origin: z.literal('store'), version: z.string(), digest });
const ref: z.ZodType<VersionRef> = z.discriminatedUnion('origin', [
  storeRef,
  z.strictObject({ origin: z.literal('baseline'), version: z.string() }),
]);
const plan = z.strictObject({ from: ref, to: ref });
const interruptions = z.int().min(0);
const successor = z.strictObject({ ref: storeRef, sha256: digest }).optional();
const afterCommit = z.boolean().optional();
const facts: z.ZodType<AttemptFacts> = z.strictObject({
  plan: plan.optional(),
  digest: digest.optional(),
  version: z.string().optional(),
  error: error.optional(),
  interruptions: interruptions.optional(),
  owed: z.array(z.strictObject({ attempt, plan, error, interruptions, successor, afterCommit })).optional(),
  successor,
  afterCommit,
  note: z.string().optional(),
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

/** The row of `in_flight`. */
export const inFlightRow: z.ZodType<InFlight> = z
  .object({ attempt: json(attempt), state, facts: json(facts), suspended: z.literal([0, 1]) })
  .transform((row) => ({
    attempt: row.attempt,
    state: row.state,
    facts: row.facts,
    suspended: row.suspended === 1,
  }));

/** A row of `attempts`. */
export const attemptRow = z.object({
  id: z.string().min(1),
  trigger,
  started_at: z.number(),
  ended_at: z.number().nullable(),
  outcome: z.enum(OUTCOMES).nullable(),
  reason: z.string(),
  error_code: code.nullable(),
  error_message: z.string().nullable(),
  from_version: z.string().nullable(),
  to_version: z.string().nullable(),
  digest: z.string().nullable(),
});

/** A row of `steps`. */
export const stepRow = z.object({ state, at: z.number() });

/** A row of `refusals`. */
export const refusalRow = z.object({ sha256: digest, code, count: z.int().min(1), at: z.number() });

/** A row that holds one number. */
export const numberRow = z.object({ value: z.number() });
