/**
 * `lease.json`: that this host may hold a place among those that update at once, and for which attempt.
 *
 * Invariant: it is there before the place is asked for, and until it was given back; so no place is ever forgotten, wherever the power
 * goes. A file that cannot be read still says that there may be one.
 */
import { dirname } from 'node:path';
import { z } from 'zod';
import { hasErrno, UpdateError } from '../errors.ts';
import { writeFileAtomically } from './atomic-file.ts';
import type { Disk } from './disk.ts';
import { guarded } from './disk-errors.ts';
import { removeTree, statOrNull } from './disk-tree.ts';
import { jsonBytes, JsonFileError, readJsonFile } from './json-file.ts';

const FILE_CAP = 4096;

const recordSchema = z.strictObject({ attempt: z.string(), at: z.string().max(1024).optional() });

/** What is remembered of a lease. */
export interface LeaseRecord {
  /** The id of the attempt that it is for; empty where that cannot be read. */
  readonly attempt: string;
  /** Whose place it is (`Lease.name`); absent where that is not known. */
  readonly at?: string | undefined;
}

/** That a place may be held where nobody will give it back: what is configured now is not what it was taken from. */
export const leftBehind = ({ at }: LeaseRecord): UpdateError =>
  new UpdateError(
    'FLEET_UNREACHABLE',
    `a place may still be held at ${at ?? 'the lock server that was configured before'}, which is configured no more: give it back there, as docs/rollout.md says`,
  );

/** The durable memory of one lease. */
export interface LeaseRecords {
  read(): Promise<LeaseRecord | null>;
  /** Durable when it resolves. */
  write(record: LeaseRecord): Promise<void>;
  /** Durable when it resolves; none there: does nothing. */
  clear(): Promise<void>;
}

/**
 * The memory in a state directory. All faults are `STATE_DIR_UNUSABLE` or `DISK_FULL`.
 *
 * @param file - absolute path of `lease.json`
 */
export function openLeaseRecords(disk: Disk, file: string): LeaseRecords {
  return {
    read: () =>
      guarded('STATE_DIR_UNUSABLE', `could not read ${file}`, async () => {
        try {
          return await readJsonFile(disk, file, FILE_CAP, recordSchema);
        } catch (error) {
          if (hasErrno(error, 'ENOENT')) return null;
          if (!(error instanceof JsonFileError)) throw error;
          return { attempt: '' };
        }
      }),
    write: ({ attempt, at }) =>
      guarded('STATE_DIR_UNUSABLE', `could not write ${file}`, () =>
        writeFileAtomically(disk, file, jsonBytes({ attempt, ...(at === undefined ? {} : { at }) }), 0o600),
      ),
    clear: () =>
      guarded('STATE_DIR_UNUSABLE', `could not remove ${file}`, async () => {
        if ((await statOrNull(disk, file)) === null) return;
        await removeTree(disk, file);
        await disk.fsyncDir(dirname(file));
      }),
  };
}
