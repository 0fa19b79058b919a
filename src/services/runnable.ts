import { UpdateError } from '../errors.ts';
import type { VersionRef } from '../types.ts';
import { isAsNew } from './image.ts';
import type { Ports } from './ports.ts';

/**
 * The version that can run: the one that is wanted if its files are what its manifest says, else the newest other committed one
 * that did not fail here and is newer than the baseline, else the baseline. Whatever is passed over for its files is reported.
 *
 * @param wanted - the version that should run
 * @param condemned - the version that is gone back from, which must not come in by the back door
 * @throws UpdateError `VERSION_DAMAGED` of the wanted version when nothing else is left either
 */
export async function runnable(
  { store, reporter, quarantine }: Pick<Ports, 'store' | 'reporter' | 'quarantine'>,
  wanted: VersionRef,
  signal: AbortSignal,
  condemned: VersionRef | null = null,
): Promise<{ ref: VersionRef; entry: string }> {
  const committed = (await store.list()).filter(({ mark }) => mark !== null).map(({ ref }) => ref);
  const never = [wanted, condemned].map((ref) => (ref?.origin === 'store' ? ref.digest : null));
  const others = committed.filter((ref) => !never.includes(ref.digest) && !isAsNew(store.baseline, ref));
  let first: UpdateError | null = null;
  for (const ref of [wanted, ...others, store.baseline]) {
    try {
      if (ref !== wanted && ref.origin === 'store' && (await quarantine.get(ref.digest)) !== null) continue;
      await store.check(ref, signal);
      return { ref, entry: await store.entry(ref) };
    } catch (error) {
      const failure = UpdateError.from(error);
      if (failure.code === 'CANCELLED') throw failure;
      reporter.report({ kind: 'warning', error: failure.toRecord() });
      first ??= failure;
    }
  }
  throw first ?? new UpdateError('ROLLBACK_IMPOSSIBLE', 'there is no version to run');
}
