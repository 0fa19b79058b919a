import type { Clock } from '../services/ports.ts';

/** How fast a download is; null while too little is known. */
export interface Rate {
  readonly bytes_per_second: number | null;
  readonly seconds_left: number | null;
}

/** The rate is that of the last so many milliseconds: a download that slows down is seen to. */
const OVER_MS = 5_000;
/** Before that much time has passed, a rate would only be noise. */
const AFTER_MS = 500;

/** Measures how fast a download is. */
export function createDownloadRate(clock: Pick<Clock, 'monotonic'>): {
  /** Told how far it is, bytes. */
  seen(received: number, total: number): Rate;
} {
  const marks: { readonly at: number; readonly received: number }[] = [];
  return {
    seen: (received, total) => {
      const at = clock.monotonic();
      const last = marks.at(-1);
      // A resumed or restarted download begins anew.
      if (last !== undefined && received < last.received) marks.length = 0;
      if (last === undefined || at - last.at >= AFTER_MS / 5) marks.push({ at, received });
      while (marks.length > 2 && at - (marks[1]?.at ?? at) >= OVER_MS) marks.shift();
      const [first] = marks;
      if (first === undefined || at - first.at < AFTER_MS)
        return { bytes_per_second: null, seconds_left: null };
      const rate = ((received - first.received) * 1000) / (at - first.at);
      return {
        bytes_per_second: Math.round(rate),
        seconds_left: rate <= 0 ? null : Math.ceil((total - received) / rate),
      };
    },
  };
}
