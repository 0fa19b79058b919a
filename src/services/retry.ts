/**
 * Asking again: exponential back-off with full jitter, so that hosts which failed together do not come back together.
 *
 * Invariants: only an error that carries a `retry` is tried again; tries without progress are bounded; the signal ends a wait at once.
 */
import { UpdateError } from '../errors.ts';
import type { Ports, RetryPolicy } from './ports.ts';

const NEVER: RetryPolicy = { retries: 0, baseMs: 0, capMs: 0, retryAfterCapMs: 0 };

/**
 * How long to wait after some failures in a row: uniform between 0 and `baseMs · 2^(failures - 1)`, which is at most `capMs` ("full
 * jitter", Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). A server's own wish comes on top.
 *
 * @param failures - 1 or more
 * @param afterMs - what the server asked for (RFC 9110 section 10.2.3), ms; null for nothing
 * @param random - uniform in [0, 1)
 * @returns ms
 */
export function backOffMs(
  { baseMs, capMs, retryAfterCapMs }: RetryPolicy,
  failures: number,
  afterMs: number | null,
  random: number,
): number {
  const wished = Math.min(Math.max(afterMs ?? 0, 0), retryAfterCapMs);
  return Math.round(wished + random * Math.min(capMs, baseMs * 2 ** (failures - 1)));
}

/**
 * Runs a request until it is done, fails for good, or has failed too often without moving on.
 *
 * @param policy - the feed's own; undefined for a single try
 * @param run - one try; it calls `moved` whenever it has come further than any try before
 * @throws UpdateError `CANCELLED`, and what the last try rejected with
 * @example
 * const head = await persistently(ports, feed.retry, signal, () => feed.head('edge', 65_536, signal));
 */
export async function persistently<T>(
  { clock, reporter }: Pick<Ports, 'clock' | 'reporter'>,
  policy: RetryPolicy | undefined,
  signal: AbortSignal,
  run: (moved: () => void) => Promise<T>,
): Promise<T> {
  const rule = policy ?? NEVER;
  let failures = 0;
  for (;;) {
    try {
      return await run(() => {
        failures = 0;
      });
    } catch (thrown) {
      const error = UpdateError.from(thrown);
      if (error.retry === null || failures >= rule.retries) throw error;
      failures += 1;
      const waitMs = backOffMs(rule, failures, error.retry.afterMs, clock.random());
      reporter.report({ kind: 'retry', error: error.toRecord(), waitMs, failures, retries: rule.retries });
      await clock.sleep(waitMs, signal);
    }
  }
}
