import { UpdateError } from '../errors.ts';
import type { Steps } from '../steps.ts';
import type { Release } from '../types.ts';
import type { Ports } from './ports.ts';
import { refusing } from './refusing.ts';

/** Deletes versions that never were committed, but for the new one and what ran before a committed one. */
async function makeRoom(
  { store, reporter }: Pick<Ports, 'store' | 'reporter'>,
  release: Release,
): Promise<void> {
  try {
    const versions = await store.list();
    const kept = versions.filter(({ ref, mark }) => mark !== null || ref.digest === release.digest);
    await store.prune(kept.flatMap(({ ref, mark }) => (mark === null ? [ref] : [ref, mark.previous])));
  } catch (error) {
    reporter.report({ kind: 'warning', error: UpdateError.from(error).toRecord() });
  }
}

/**
 * `staging`: makes a complete version out of the verified files, durably, beside the current one. After it, the
 * version is there as a whole; before it, there is none. What was staged before and never ran (superseded or put off while it
 * waited) goes, so that nothing piles up while nothing is committed.
 *
 * @throws UpdateError `STAGE_FAILED`, `STAGE_NOT_EXECUTABLE`, `BUNDLE_CHANGED`, `DISK_FULL`, `STATE_DIR_UNUSABLE`
 */
export const stage =
  (ports: Pick<Ports, 'store' | 'downloads' | 'journal' | 'reporter'>) =>
  ({ downloaded, verified }: Steps['stage']['input'], signal: AbortSignal): Promise<Release> =>
    refusing(ports, downloaded, async () => {
      const { release, manifest, unpacked } = verified;
      if (unpacked === null)
        throw new UpdateError('INTERNAL', `${release.version} runs already and has nothing to stage`);
      await ports.store.stage(unpacked, manifest, release.digest, signal);
      await ports.downloads.tidy([]);
      await makeRoom(ports, release);
      return release;
    });
