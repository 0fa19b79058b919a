/** Time that goes by as fast as a machine can think; and numbers that are drawn the same each time. */
import type { Clock } from '../../src/services/ports.ts';

/** What is woken together: nobody sees a difference of less, ms. */
const GRAIN_MS = 100;

/** A clock for any number of hosts. */
export interface VirtualClock {
  /** ms since the start. */
  now(): number;
  /** The clock of one host, with draws of its own. */
  forHost(seed: number): Clock;
  /** Lets time go by until then, ms since the start. */
  runUntil(end: number): Promise<void>;
}

/** mulberry32 by Tommy Ettinger (public domain): 32 bits of state, good enough to spread hosts. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @param epoch - what the hosts' clocks say at the start, ms since 1970 */
export function createVirtualClock(epoch: number): VirtualClock {
  let now = 0;
  /** Who is woken when, by grain. */
  const due = new Map<number, (() => void)[]>();
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    now: () => now,
    forHost: (seed) => {
      const random = seeded(seed);
      return {
        now: () => epoch + now,
        monotonic: () => now,
        random,
        sleep: (ms) =>
          new Promise((resolve) => {
            const grain = Math.max(Math.ceil((now + ms) / GRAIN_MS), Math.floor(now / GRAIN_MS) + 1);
            const woken = due.get(grain);
            if (woken === undefined) due.set(grain, [resolve]);
            else woken.push(resolve);
          }),
      };
    },
    runUntil: async (end) => {
      // Whatever was begun comes to its first wait.
      await turn();
      for (let grain = Math.floor(now / GRAIN_MS); grain * GRAIN_MS <= end; grain += 1) {
        const woken = due.get(grain);
        if (woken === undefined) continue;
        now = grain * GRAIN_MS;
        due.delete(grain);
        for (const wake of woken) wake();
        await turn();
      }
      now = end;
    },
  };
}
