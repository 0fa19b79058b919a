import { UpdateError } from '../errors.ts';
import type { Steps } from '../steps.ts';
import type { Watch } from '../types.ts';
import type { Ports } from './ports.ts';

/**
 * `committed`: marks the new version as committed (not yet as part of the version floor: that is `watch`'s), prunes old
 * versions, frees the gate. Old versions that cannot be deleted are only a warning.
 *
 * @throws UpdateError `COMMIT_FAILED`
 */
export const commit =
  ({ store, clock, gate, reporter }: Pick<Ports, 'store' | 'clock' | 'gate' | 'reporter'>) =>
  async ({ attempt, plan }: Steps['commit']['input']): Promise<Watch> => {
    try {
      await store.mark(plan.to, { at: clock.now(), previous: plan.from, watched: false });
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
