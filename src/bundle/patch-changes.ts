import { ByteMixer } from './patch-bytes.ts';
import type { BitCoder } from './patch-coder.ts';
import { Flags } from './patch-numbers.ts';

const FAR = 15;

/** Codes single bytes that are copied, but may differ. */
export class ByteChanges {
  readonly #differs = new Flags(2048);
  readonly #bytes: ByteMixer;
  /** Bytes since the last that differed. */
  #since = FAR;

  /** @param bits - log2 of the memories of the model */
  constructor(bits: number) {
    this.#bytes = new ByteMixer(bits);
  }

  /**
   * Codes one byte; `out` holds it, or gets it.
   *
   * @param old - the base's bytes, `old[at]` the one in question, with one more behind
   * @param out - the target's bytes, with two more before `to`
   * @param context - below 64: what else tells whether it differs
   * @returns whether it differs
   */
  code(coder: BitCoder, old: Uint8Array, at: number, out: Uint8Array, to: number, context: number): boolean {
    const was = old[at] ?? 0;
    const now = out[to] ?? 0;
    if (this.#differs.code(coder, (context << 4) | this.#since, was === now ? 0 : 1) === 0) {
      out[to] = was;
      if (this.#since < FAR) this.#since++;
      return false;
    }
    const last = out[to - 1] ?? 0;
    out[to] = this.#bytes.code(
      coder,
      was,
      was | (last << 8) | ((context >> 5) << 16),
      last | ((out[to - 2] ?? 0) << 8) | 0x1000000,
      was | ((old[at + 1] ?? 0) << 8) | (last << 16) | 0x2000000,
      now,
    );
    this.#since = 0;
    return true;
  }

  /** Tells that a number of bytes were the same. */
  calm(): void {
    this.#since = FAR;
  }
}
