import { UpdateError } from '../errors.ts';
import type { VersionRef } from '../types.ts';
import type { Ports } from './ports.ts';

/**
 * The version that can run: the one that is wanted if its files are what its manifest says, else the newest other committed one,
 * else the baseline. Whatever is passed over is reported.
 *
 * @param wanted - the version that should run
 * @throws UpdateError `VERSION_DAMAGED` of the wanted version when nothing else is left either
 */
export async function runnable(
  { store, reporter }: Pick<Ports, 'store' | 'reporter'>,
  wanted: VersionRef,
  signal: AbortSignal,
): Promise<{ ref: VersionRef; entry: string }> {
  const committed = (await store.list()).filter(({ mark }) => mark !== null).map(({ ref }) => ref);
  const others = committed.filter(({ digest }) => wanted.origin === 'baseline' || digest !== wanted.digest);
  let first: UpdateError | null = null;
  for (const ref of [wanted, ...others, store.baseline]) {
    try {
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
