import type { ErrorCode } from '../error-codes.ts';
import { UpdateError } from '../errors.ts';
import type { Downloaded } from '../types.ts';
import type { Ports } from './ports.ts';

/** Objections to the release or to this host, not to the bytes: the same bytes may be right another day. */
const NOT_THE_BYTES = new Set<ErrorCode>([
  'VERSION_TOO_LOW',
  'VERSION_BLOCKED',
  'BUNDLE_NOT_NAMED',
  'UPDATER_TOO_OLD',
  'DELTA_BASE_MISSING',
  // Somebody on this host changed them after they came.
  'BUNDLE_CHANGED',
]);

/**
 * Runs work that judges a downloaded bundle. If it refuses the bytes, they are deleted and remembered, so that a check
 * does not fetch the same bytes again at once; whatever else goes wrong, nothing half-unpacked is left.
 *
 * @throws UpdateError whatever the work rejects with
 */
export async function refusing<T>(
  { downloads, journal, reporter }: Pick<Ports, 'downloads' | 'journal' | 'reporter'>,
  downloaded: Downloaded,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const refused = UpdateError.from(error);
    try {
      await downloads.tidy(refused.info.blames === 'bundle' ? [] : [downloaded.file]);
      if (refused.info.blames === 'bundle' && !NOT_THE_BYTES.has(refused.code))
        await journal.refuse(downloaded.sha256, refused.code);
    } catch (failure) {
      reporter.report({ kind: 'warning', error: UpdateError.from(failure).toRecord() });
    }
    throw refused;
  }
}
