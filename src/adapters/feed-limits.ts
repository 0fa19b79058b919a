import { UpdateError } from '../errors.ts';
import type { ErrorCode } from '../error-codes.ts';
import { stallFault } from './http-feed-errors.ts';

/** A body that is not over must bring this many bytes in each `stallMs` of waiting. */
export const STALL_BYTES = 1024;

const atMost = (expected: number, found: string, what: string): string =>
  `expected at most ${String(expected)} bytes of ${what}, found ${found}`;

/** The error for more bytes than the cap. */
export function tooLarge(code: ErrorCode, cap: number, found: string, what: string): UpdateError {
  return new UpdateError(code, atMost(cap, found, what));
}

/**
 * Hands chunks through as long as they are no more than `cap` bytes; then it throws `code`, before the excess is handed on.
 */
export async function* capped(
  chunks: AsyncIterable<Uint8Array>,
  cap: number,
  code: ErrorCode,
  what: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  let received = 0;
  for await (const chunk of chunks) {
    received += chunk.length;
    if (received > cap) throw tooLarge(code, cap, 'more', what);
    yield chunk;
  }
}

/**
 * Hands chunks through as long as they keep coming: {@link STALL_BYTES} in each `stallMs`, so that one byte now and then
 * does not keep a download alive for ever. Only the time spent waiting for the source counts, not the consumer's; there
 * is no limit on the total.
 *
 * @param abort - ends the source; called with a `FEED_STALLED` error, which the source is expected to throw
 */
export async function* unstalled(
  chunks: AsyncIterable<Uint8Array>,
  stallMs: number,
  what: string,
  abort: (reason: UpdateError) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const source = chunks[Symbol.asyncIterator]();
  let left = stallMs;
  let received = 0;
  try {
    for (;;) {
      const since = performance.now();
      const timer = setTimeout(() => {
        abort(
          stallFault(
            `expected ${String(STALL_BYTES)} bytes of ${what} in ${String(stallMs / 1000)} s, found ${String(received)}`,
          ),
        );
      }, left);
      let next: IteratorResult<Uint8Array>;
      try {
        next = await source.next();
      } finally {
        clearTimeout(timer);
      }
      if (next.done === true) return;
      left = Math.max(1, left - (performance.now() - since));
      received += next.value.length;
      if (received >= STALL_BYTES) {
        left = stallMs;
        received = 0;
      }
      yield next.value;
    }
  } finally {
    await source.return?.();
  }
}

/** All chunks as one array. */
export async function gather(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return new Uint8Array(Buffer.concat(parts));
}
