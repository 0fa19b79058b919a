/** Time. `monotonic` never jumps and decides every deadline; `now` is only written down and compared with dates. */
export interface Clock {
  /** Milliseconds since 1970, by the host's clock. */
  now(): number;
  /** Milliseconds on a clock that never goes back. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with `CANCELLED` when the signal fires first. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** A uniform number in [0, 1), for jitter. */
  random(): number;
}

/** Makes ids of attempts: unique, and sorted by time. */
export interface Ids {
  next(): string;
}
