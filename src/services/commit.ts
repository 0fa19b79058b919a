import { UpdateError } from '../errors.ts';
import type { Steps } from '../steps.ts';
import type { VersionRef, Watch } from '../types.ts';
import { runAfterwards } from './after-hook.ts';
import { appliedOver } from './image.ts';
import type { Ports, StoredVersion } from './ports.ts';
import type { Settings } from './settings.ts';

const isSame = (stored: StoredVersion['ref'], ref: VersionRef): boolean =>
  ref.origin === 'store' && stored.digest === ref.digest;

/**
 * `committed`: marks the new version as committed (not yet as part of the version floor: that is `watch`'s, unless it is already), prunes
 * old versions, frees the gate, runs the hook `post_commit`. Old versions that cannot be deleted, and a hook that fails, are only
 * warnings.
 *
 * @throws UpdateError `COMMIT_FAILED`
 */
export const commit =
  (
    ports: Pick<Ports, 'store' | 'clock' | 'gate' | 'reporter' | 'hooks'>,
    settings: Pick<Settings, 'channel'>,
  ) =>
  async ({ attempt, plan }: Steps['commit']['input'], signal: AbortSignal): Promise<Watch> => {
    const { store, clock, gate, reporter } = ports;
    try {
      // A version that counts for the version floor, and is installed again, goes on counting: the floor never falls.
      const before = (await store.list()).find(({ ref }) => isSame(ref, plan.to))?.mark;
      const watched = before?.watched === true;
      const over = appliedOver(attempt, settings, store.baseline);
      await store.mark(plan.to, { at: clock.now(), previous: plan.from, watched, ...over });
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
    await runAfterwards(ports, 'post_commit', { attempt, plan, outcome: 'committed', error: null }, signal);
    return { version: plan.to, previous: plan.from };
  };
