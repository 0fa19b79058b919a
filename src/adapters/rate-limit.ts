import type { Clock } from '../services/ports.ts';

/** What may come at once: as much as the rate allows in this time, ms. */
const BURST_MS = 100;
/** No wait is shorter, ms: timers are not that exact, and each costs a turn. */
const SHORTEST_WAIT_MS = 20;

/**
 * Hands bytes through at a rate: a token bucket that holds a tenth of a second. Chunks are cut to what fits into it, so that a slow
 * rate gives a steady flow; the source is not read on meanwhile, which slows the sender down.
 *
 * @param bytesPerSecond - 1 or more
 * @param clock - every wait is on it
 * @throws UpdateError `CANCELLED` in a wait when the signal fires
 * @example
 * for await (const chunk of paced(body.chunks, 1_000_000, clock, signal)) …
 */
export async function* paced(
  chunks: AsyncIterable<Uint8Array>,
  bytesPerSecond: number,
  clock: Pick<Clock, 'monotonic' | 'sleep'>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const perMs = bytesPerSecond / 1000;
  const capacity = Math.max(1, Math.floor(perMs * BURST_MS));
  let tokens = capacity;
  let at = clock.monotonic();
  const refill = (): void => {
    const now = clock.monotonic();
    tokens = Math.min(capacity, tokens + (now - at) * perMs);
    at = now;
  };
  for await (const chunk of chunks)
    for (let from = 0; from < chunk.length; from += capacity) {
      const piece = chunk.subarray(from, from + capacity);
      refill();
      while (tokens < piece.length) {
        await clock.sleep(Math.max(SHORTEST_WAIT_MS, (piece.length - tokens) / perMs), signal);
        refill();
      }
      tokens -= piece.length;
      yield piece;
    }
}
