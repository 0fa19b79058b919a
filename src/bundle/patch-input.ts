import { RangeDecoder } from './patch-coder.ts';
import { cancellation } from './patch-turns.ts';

/** Input that is held, so that no piece of work runs dry in the middle: more than the largest one can take. */
const AHEAD = 512 * 1024;

/** The bytes of a patch, read ahead, and the decoder that reads bits out of them. */
export class PatchInput {
  readonly decoder = new RangeDecoder(4096);
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #signal: AbortSignal;
  #ended = false;

  constructor(patch: AsyncIterable<Uint8Array>, signal: AbortSignal) {
    this.#chunks = patch[Symbol.asyncIterator]();
    this.#signal = signal;
  }

  /** Whether {@link fill} has something to do. */
  get low(): boolean {
    return !this.#ended && this.decoder.buffered < AHEAD;
  }

  /** Reads until enough is there for any piece of work, or the patch has ended. */
  async fill(): Promise<void> {
    while (this.low) {
      const next = await this.#next();
      if (next.done === true) this.#ended = true;
      else this.decoder.give(next.value);
    }
  }

  /** Whether exactly what the patch has was read. */
  async atEnd(): Promise<boolean> {
    await this.fill();
    return this.#ended && this.decoder.buffered === 0 && this.decoder.missing === 0;
  }

  /** Ends the reading early. */
  async close(): Promise<void> {
    if (this.#ended) return;
    const closed = this.#chunks.return?.();
    // A source that hangs does not hear this until it goes on, so a cancelled patch does not wait for it.
    if (this.#signal.aborted) closed?.catch(() => undefined);
    else await closed;
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#signal.aborted) throw cancellation(this.#signal.reason);
    const cancelled = Promise.withResolvers<never>();
    const cancel = (): void => {
      cancelled.reject(cancellation(this.#signal.reason));
    };
    cancelled.promise.catch(() => undefined);
    this.#signal.addEventListener('abort', cancel);
    try {
      return await Promise.race([this.#chunks.next(), cancelled.promise]);
    } catch (error) {
      // Whoever threw has ended by that.
      this.#ended = !this.#signal.aborted;
      throw error;
    } finally {
      this.#signal.removeEventListener('abort', cancel);
    }
  }
}
