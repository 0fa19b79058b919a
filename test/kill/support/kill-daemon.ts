import { join } from 'node:path';
import { bundledDaemon } from '../../e2e/support/bundled-daemon.ts';

/** Words of the daemon with fault points; the shipped program holds none of them. */
export const FAULT_WORDS = ['CORESDK_TEST_FAULT', 'record.write', 'killWorkload', 'faultPoints'] as const;

/**
 * Makes one file out of the daemon with fault points.
 *
 * @param folder - exists
 * @returns the arguments for node
 */
export const buildKillDaemon = (folder: string): Promise<string> =>
  bundledDaemon(folder, join(import.meta.dirname, 'daemon.ts'));
