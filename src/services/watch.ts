import type { Steps, Watched } from '../steps.ts';
import { openBudget } from './budget.ts';
import type { Ports } from './ports.ts';
import type { Settings } from './settings.ts';

const SPENT_EVERY_MS = 10_000;

/**
 * Part of `idle`: for `probe.watch` after a commit a crash loop still leads back. When the time is over without one, the
 * version counts for the version floor from then on. The time is a budget of time spent, so that a restart of the
 * daemon neither ends the watch nor starts it over.
 *
 * @throws UpdateError `COMMIT_FAILED`, `VERSION_NOT_FOUND`, `DISK_FULL`, `STATE_DIR_UNUSABLE` when the mark cannot be written
 */
export const watch =
  (
    ports: Pick<Ports, 'workload' | 'clock' | 'journal' | 'reporter' | 'store' | 'ids'>,
    settings: Pick<Settings, 'watchMs'>,
  ) =>
  async (input: Steps['watch']['input'], signal: AbortSignal): Promise<Watched> => {
    const { workload, clock, store, ids } = ports;
    if (input.watch === null || input.watch.version.origin === 'baseline') return { saw: 'nothing' };
    const { previous } = input.watch;
    const version = input.watch.version;
    const budget = openBudget(ports, `watch:${version.digest}`);
    let spentMs = await budget.spent();

    const over = new AbortController();
    const stop = AbortSignal.any([signal, over.signal]);
    const loops: string[] = [];
    const loop = workload.crashLoop(stop).then(
      (how) => {
        loops.push(how);
        over.abort();
      },
      () => undefined,
    );
    try {
      while (spentMs < settings.watchMs) {
        const slice = Math.min(SPENT_EVERY_MS, settings.watchMs - spentMs);
        await clock.sleep(slice, stop);
        spentMs += slice;
        await budget.spend(spentMs);
      }
    } catch (error) {
      signal.throwIfAborted();
      const [looped] = loops;
      if (looped === undefined) throw error;
      const message = `${version.version} was committed, and then crashed again and again: ${looped}`;
      return {
        saw: 'crashLoop',
        attempt: { id: ids.next(), trigger: 'watch', mode: 'apply' },
        plan: { from: previous, to: version },
        verdict: { error: { code: 'CRASH_LOOP', message }, evidence: [looped], interruptions: 0 },
      };
    } finally {
      over.abort();
      await loop;
    }
    const mark = (await store.list()).find(({ ref }) => ref.digest === version.digest)?.mark;
    await store.mark(version, { at: clock.now(), ...mark, previous, watched: true });
    return { saw: 'calm' };
  };
