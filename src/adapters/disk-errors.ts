import type { ErrorCode } from '../error-codes.ts';
import { UpdateError, hasErrno } from '../errors.ts';

/**
 * Turns a fault of the disk into an `UpdateError`: a full disk or quota is `DISK_FULL`, anything else gets `code`. An
 * `UpdateError` stays what it is.
 *
 * @param error - what was thrown
 * @param code - the code for anything but a full disk
 * @param what - what was being done, put before the original message
 */
export function diskFault(error: unknown, code: ErrorCode, what: string): UpdateError {
  return UpdateError.from(error, hasErrno(error, 'ENOSPC', 'EDQUOT') ? 'DISK_FULL' : code, what);
}

/**
 * Runs `work` and turns whatever it throws with {@link diskFault}.
 *
 * @example
 * await guarded('STAGE_FAILED', 'could not write the manifest', () => disk.unlink(path));
 */
export async function guarded<T>(code: ErrorCode, what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw diskFault(error, code, what);
  }
}

/** Throws `CANCELLED` once the signal has fired. */
export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new UpdateError('CANCELLED', 'the work was cancelled', { cause: signal.reason });
}
