import { UpdateError } from '../errors.ts';
import type { Steps } from '../steps.ts';
import type { VersionRef, Watch } from '../types.ts';
import type { Ports, StoredVersion } from './ports.ts';

const isSame = (stored: StoredVersion['ref'], ref: VersionRef): boolean =>
  ref.origin === 'store' && stored.digest === ref.digest;

/**
 * `committed`: marks the new version as committed (not yet as part of the version floor: that is `watch`'s, unless it is already), prunes
 * old versions, frees the gate. Old versions that cannot be deleted are only a warning.
 *
 * @throws UpdateError `COMMIT_FAILED`
 */
export const commit =
  ({ store, clock, gate, reporter }: Pick<Ports, 'store' | 'clock' | 'gate' | 'reporter'>) =>
  async ({ attempt, plan }: Steps['commit']['input']): Promise<Watch> => {
    try {
      // A version that counts for the version floor, and is installed again, goes on counting: the floor never falls.
      const before = (await store.list()).find(({ ref }) => isSame(ref, plan.to))?.mark;
      const watched = before?.watched === true;
      await store.mark(plan.to, { at: clock.now(), previous: plan.from, watched });
    } catch (error) {
      const { message } = UpdateError.from(error);
      throw new UpdateError(
        'COMMIT_FAILED',
        `${plan.to.version} is healthy, but could not be marked: ${message}`,
        {
          cause: error,
        },
      );
    } finally {
      await gate.release(attempt);
    }
    try {
      await store.prune([plan.from, plan.to]);
    } catch (error) {
      reporter.report({ kind: 'warning', error: UpdateError.from(error).toRecord() });
    }
    return { version: plan.to, previous: plan.from };
  };
