import { hasErrno, UpdateError } from '../errors.ts';
import type { Disk } from './disk.ts';

/** What the head of a SQLite file says (sqlite.org/fileformat2.html, "The Database Header"). */
export interface JournalHeader {
  readonly applicationId: number;
  readonly userVersion: number;
}

const HEADER_BYTES = 100;

/**
 * Reads the numbers of a journal that another process holds open. It must be another process: closing a file drops the locks that this
 * one has on it (POSIX, fcntl).
 *
 * @returns null where there is none, or nothing was written to it yet
 * @throws UpdateError `STATE_DIR_UNUSABLE`
 */
export async function readJournalHeader(disk: Disk, path: string): Promise<JournalHeader | null> {
  try {
    const handle = await disk.openRead(path, 'refuse');
    try {
      const bytes = Buffer.alloc(HEADER_BYTES);
      if ((await handle.read(bytes, 0)) < HEADER_BYTES) return null;
      return { userVersion: bytes.readUInt32BE(60), applicationId: bytes.readUInt32BE(68) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return null;
    throw UpdateError.from(error, 'STATE_DIR_UNUSABLE', `cannot read ${path}`);
  }
}
