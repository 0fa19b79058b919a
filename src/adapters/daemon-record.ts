/**
 * `daemon.json`: which daemon this host runs, and which one is on trial. It is a file of its own: the launcher reads it before any
 * lock is taken, and it survives the loss of `state.db`.
 *
 * Invariants:
 * - It is replaced as a whole, durably, before what it tells of is done: a start on trial is counted before it is made.
 * - Whoever reads it may be an older daemon than the one that wrote it: members that it does not know are left where they are.
 */
import { dirname } from 'node:path';
import { z } from 'zod';
import { ERROR_CODES, type ErrorCode } from '../error-codes.ts';
import { hasErrno, UpdateError } from '../errors.ts';
import { writeFileAtomically } from './atomic-file.ts';
import type { Disk } from './disk.ts';
import { JsonFileError, jsonBytes, readJsonFile } from './json-file.ts';
import { versionSchema } from '../bundle/manifest.ts';

const CAP = 256 * 1024;
const digest = z.string().regex(/^[0-9a-f]{64}$/);

const successor = z.object({
  ref: z.object({ origin: z.literal('store'), version: versionSchema, digest }),
  sha256: digest,
});

const shape = {
  schema: z.int().min(1),
  /** The daemon that is trusted; null: the installed one. */
  current: successor.nullable(),
  trial: z
    .object({
      attempt: z.string(),
      successor,
      /** Starts so far, this one included; each is counted before it is made. */
      starts: z.int().min(0),
      acknowledged: z.boolean(),
      /** Starts that ended without an acknowledgement, or after it, in words; the evidence when it fails. */
      seen: z.array(z.string()).max(50),
    })
    .nullable(),
  failed: z
    .object({
      attempt: z.string(),
      successor,
      error: z.object({
        code: z
          .custom<ErrorCode>((code) => typeof code === 'string' && code in ERROR_CODES)
          .catch('DAEMON_FAILED'),
        message: z.string(),
      }),
      evidence: z.array(z.string()),
    })
    .nullable(),
  /** The daemon's process while a hand-over is watched; null once it is over, or the daemon was stopped in good order. */
  process: z.object({ bootId: z.string(), pid: z.int().min(1), startTime: z.int().min(0) }).nullable(),
};

/** With what a newer daemon has put there, which stays there. */
const recordSchema = z.looseObject(shape);

/** What `daemon.json` holds, without the number of its layout. */
export type DaemonRecord = Omit<z.infer<z.ZodObject<typeof shape>>, 'schema'>;

/** The daemon on trial, as the record has it. */
export type Trial = NonNullable<DaemonRecord['trial']>;

/** The record of a host where no daemon ever replaced itself. */
export const NO_RECORD: DaemonRecord = { current: null, trial: null, failed: null, process: null };

/**
 * Reads the record.
 *
 * @param path - absolute
 * @returns {@link NO_RECORD} where there is none
 * @throws UpdateError `STATE_DIR_UNUSABLE` where it cannot be read, or is not one
 */
export async function readDaemonRecord(disk: Disk, path: string): Promise<DaemonRecord> {
  try {
    const { schema: _, ...record } = await readJsonFile(disk, path, CAP, recordSchema);
    return record;
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return NO_RECORD;
    if (error instanceof JsonFileError)
      throw new UpdateError('STATE_DIR_UNUSABLE', error.message, { cause: error });
    throw UpdateError.from(error, 'STATE_DIR_UNUSABLE', `cannot read ${path}`);
  }
}

/**
 * Replaces the record; durable when it resolves.
 *
 * @throws UpdateError `STATE_DIR_UNUSABLE`, `DISK_FULL`
 */
export async function writeDaemonRecord(disk: Disk, path: string, record: DaemonRecord): Promise<void> {
  try {
    await writeFileAtomically(disk, path, jsonBytes({ schema: 1, ...record }), 0o600);
  } catch (error) {
    throw UpdateError.from(
      error,
      hasErrno(error, 'ENOSPC', 'EDQUOT') ? 'DISK_FULL' : 'STATE_DIR_UNUSABLE',
      `cannot write ${path}`,
    );
  }
}

/**
 * Moves a record aside that is none, so that the next can be written; to be called by who has the lock of the state directory. Nothing
 * that runs depends on it: which daemon is trusted is found out anew, by a hand-over.
 *
 * @param error - what {@link readDaemonRecord} rejected with
 * @returns a warning that says where it is now
 * @throws UpdateError `error` itself, where the record could not be read at all; `STATE_DIR_UNUSABLE`
 */
export async function setRecordAside(disk: Disk, path: string, error: unknown): Promise<UpdateError> {
  if (!(error instanceof UpdateError && error.cause instanceof JsonFileError)) throw error;
  const aside = `${path}.damaged`;
  try {
    await disk.rename(path, aside);
    await disk.fsyncDir(dirname(path));
  } catch (fault) {
    throw UpdateError.from(fault, 'STATE_DIR_UNUSABLE', `cannot move ${path} aside`);
  }
  return new UpdateError('STATE_DIR_UNUSABLE', `${error.message}; it is now ${aside}`, { cause: error });
}
