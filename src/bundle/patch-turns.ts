import { UpdateError } from '../errors.ts';

/** How long work may go on before others get their turn, in ms. */
const TURN_MS = 8;

/** Gives the event loop its turn in the middle of long work, and ends the work when it is cancelled. */
export class Turns {
  readonly #signal: AbortSignal;
  #since = performance.now();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** @throws UpdateError `CANCELLED` */
  check(): void {
    if (this.#signal.aborted) throw cancellation(this.#signal.reason);
  }

  /** Whether it is time for {@link take}. */
  get due(): boolean {
    return performance.now() - this.#since >= TURN_MS;
  }

  /** Waits for a turn of the event loop. */
  async take(): Promise<void> {
    await new Promise(setImmediate);
    this.#since = performance.now();
    this.check();
  }
}

/** The error for work on a patch that is cancelled. */
export function cancellation(reason: unknown): UpdateError {
  return new UpdateError('CANCELLED', 'work on the patch was cancelled', { cause: reason });
}
