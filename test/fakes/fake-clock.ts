import { UpdateError } from '../../src/errors.ts';
import type { Clock } from '../../src/services/ports.ts';

/** A clock that stands still until it is told to go on. */
export interface FakeClock extends Clock {
  /** Lets `ms` go by; every sleep that is over by then ends in order, with what it sets off. */
  advance(ms: number): Promise<void>;
  /** Moves the host's clock alone, as an operator or NTP does; `monotonic` stays. */
  setNow(now: number): void;
  /** How many sleeps are under way. */
  readonly sleeping: number;
}

/** Lets everything that is ready run: promises, and what they start. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * @param start - `now`, ms since 1970
 * @param random - what `random` gives, in order and again from the first
 */
export function createFakeClock(
  start = Date.UTC(2026, 10, 23),
  random: readonly number[] = [0.5],
): FakeClock {
  let elapsed = 0;
  let offset = start;
  let draws = 0;
  const sleeps = new Set<{ readonly until: number; readonly wake: () => void }>();
  return {
    now: () => offset + elapsed,
    monotonic: () => elapsed,
    random: () => random[draws++ % random.length] ?? 0,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const cancel = (): void => {
          sleeps.delete(sleep);
          reject(new UpdateError('CANCELLED', 'the work was cancelled', { cause: signal.reason }));
        };
        const sleep = {
          until: elapsed + ms,
          wake: () => {
            sleeps.delete(sleep);
            signal.removeEventListener('abort', cancel);
            resolve();
          },
        };
        if (signal.aborted) cancel();
        else if (ms <= 0) resolve();
        else {
          sleeps.add(sleep);
          signal.addEventListener('abort', cancel, { once: true });
        }
      }),
    advance: async (ms) => {
      const target = elapsed + ms;
      await settle();
      for (;;) {
        const due = [...sleeps].filter(({ until }) => until <= target).sort((a, b) => a.until - b.until)[0];
        if (due === undefined) break;
        elapsed = Math.max(elapsed, due.until);
        due.wake();
        await settle();
      }
      elapsed = target;
    },
    setNow: (now) => {
      offset = now - elapsed;
    },
    get sleeping() {
      return sleeps.size;
    },
  };
}
