import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { throwIfCancelled } from './disk-errors.ts';
import type { Clock } from '../services/ports.ts';

/** The longest single timer that Node takes (2^31 - 1 ms, about 24.8 days); longer sleeps are made of several. */
const LONGEST_TIMER_MS = 2_147_483_647;

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  throwIfCancelled(signal);
  const deadline = performance.now() + ms;
  // A loop, since a timer may fire up to 1 ms early, and takes no more than 24.8 days.
  for (let left = ms; left > 0; left = deadline - performance.now()) {
    try {
      await delay(Math.min(Math.ceil(left), LONGEST_TIMER_MS), undefined, { signal });
    } catch (error) {
      throwIfCancelled(signal);
      throw error;
    }
  }
}

/**
 * The host's time. `monotonic` counts from the start of the process, so its values mean nothing to another process.
 *
 * - `sleep` never resolves before its time is over. It keeps the process alive. `CANCELLED` when the signal fires.
 * - `random` is for jitter only, never for secrets.
 *
 * @example
 * await systemClock.sleep(1_000, AbortSignal.timeout(5_000));
 */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep,
  random: () => Math.random(),
};
