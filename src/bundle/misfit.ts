import type { ErrorCode } from '../error-codes.ts';
import { UpdateError } from '../errors.ts';
import type { ManifestFile } from './manifest.ts';

/**
 * The error for a member that does not give its file. A delta's is `DELTA_FAILED`, since its base may be at fault and the full
 * bundle may still be right; a whole file's is `BUNDLE_CHECKSUM_MISMATCH`.
 *
 * @param expected - what was expected and what was found: `7 bytes, found more`
 */
export function misfit(
  entry: Pick<ManifestFile, 'path' | 'encoding'>,
  expected: string,
  cause?: unknown,
): UpdateError {
  const code: ErrorCode = entry.encoding === 'zstd' ? 'BUNDLE_CHECKSUM_MISMATCH' : 'DELTA_FAILED';
  return new UpdateError(code, `${entry.path}: expected ${expected}`, { cause });
}
