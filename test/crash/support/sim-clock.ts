import { UpdateError } from '../../../src/errors.ts';
import type { Clock } from '../../../src/services/ports.ts';

/** A clock whose time goes by only when somebody ends the next sleep. */
export interface SimClock extends Clock {
  /** When the next sleep is over, by `monotonic`; null when nobody sleeps. */
  readonly due: number | null;
  /** Lets the time go by until the next sleep is over, and ends it. */
  wakeNext(): void;
}

/**
 * @param elapsed - what `monotonic` says at first
 * @param start - what `now` says when `monotonic` says 0, ms since 1970
 */
export function createSimClock(start: number, elapsed = 0): SimClock {
  let now = elapsed;
  const sleeps: { readonly until: number; readonly wake: () => void }[] = [];
  const nextOf = (): (typeof sleeps)[number] | null =>
    sleeps.reduce<(typeof sleeps)[number] | null>(
      (best, each) => (best === null || each.until < best.until ? each : best),
      null,
    );
  return {
    now: () => start + now,
    monotonic: () => now,
    random: () => 0.5,
    get due() {
      return nextOf()?.until ?? null;
    },
    wakeNext: () => {
      const next = nextOf();
      if (next === null) return;
      now = Math.max(now, next.until);
      next.wake();
    },
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const forget = (): void => {
          sleeps.splice(sleeps.indexOf(sleep), 1);
          signal.removeEventListener('abort', cancel);
        };
        const cancel = (): void => {
          forget();
          reject(new UpdateError('CANCELLED', 'the work was cancelled', { cause: signal.reason }));
        };
        const sleep = {
          until: now + ms,
          wake: () => {
            forget();
            resolve();
          },
        };
        if (signal.aborted) {
          reject(new UpdateError('CANCELLED', 'the work was cancelled', { cause: signal.reason }));
          return;
        }
        if (ms <= 0) {
          resolve();
          return;
        }
        sleeps.push(sleep);
        signal.addEventListener('abort', cancel);
      }),
  };
}
