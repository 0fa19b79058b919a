/**
 * The file that names the workload's process, so that a later daemon finds what an earlier one left running. It is a
 * file of its own: it survives the loss of `state.db`.
 *
 * Invariants:
 * - It is written durably before the first instruction of the process that it names.
 * - It has the members that the first daemons knew: they would not know a survivor by another, and leave it running. What more is to
 *   be said stands in a file of its own (docs/decisions/0017).
 */
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { hasErrno } from '../errors.ts';
import { writeFileAtomically } from './atomic-file.ts';
import type { Disk } from './disk.ts';
import { guarded } from './disk-errors.ts';

const CAP = 4096;

const recordSchema = z.object({
  schema: z.literal(1),
  bootId: z.string().min(1),
  /** Never 0 or 1, nor negative: these would mean whole groups, or init. */
  pid: z.int().min(2),
  startTime: z.int().min(0),
  launchId: z.string().min(16),
  version: z.string(),
});

/** What identifies a process that was launched, in this boot or an earlier one. */
export type ProcessRecord = Omit<z.infer<typeof recordSchema>, 'schema'>;

/** The file that holds a {@link ProcessRecord}. All faults of the disk are `STATE_DIR_UNUSABLE`, or `DISK_FULL`. */
export interface ProcessRecordFile {
  /** The record; null when there is none, or when what is there is not one (then nothing can be known from it). */
  read(): Promise<ProcessRecord | null>;
  /** Durable when it resolves. */
  write(record: ProcessRecord): Promise<void>;
  /** No error if it is not there. */
  remove(): Promise<void>;
}

/**
 * Where the record of what is tried beside the workload lies.
 *
 * @param path - of the workload's own record
 */
export function besideRecordPath(path: string): string {
  return join(dirname(path), 'workload-beside.json');
}

function parse(bytes: Uint8Array): ProcessRecord | null {
  try {
    const { schema: _, ...record } = recordSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    return record;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return null;
    throw error;
  }
}

/**
 * Opens nothing yet; each method opens the file anew.
 *
 * @param path - absolute; its folder exists
 */
export function processRecordFile(disk: Disk, path: string): ProcessRecordFile {
  const code = 'STATE_DIR_UNUSABLE';
  return {
    read: () =>
      guarded(code, `cannot read ${path}`, async () => {
        try {
          return parse(await disk.readFile(path, CAP));
        } catch (error) {
          if (hasErrno(error, 'ENOENT', 'EFBIG', 'EINVAL')) return null;
          throw error;
        }
      }),
    write: (record) =>
      guarded(code, `cannot write ${path}`, () =>
        writeFileAtomically(disk, path, Buffer.from(`${JSON.stringify({ schema: 1, ...record })}\n`), 0o600),
      ),
    remove: () =>
      guarded(code, `cannot remove ${path}`, async () => {
        try {
          await disk.unlink(path);
        } catch (error) {
          if (!hasErrno(error, 'ENOENT')) throw error;
        }
      }),
  };
}
