/**
 * Adaptive models of flags, small symbols and numbers. Both ends of a patch run the same code over the same history; a context says
 * which of the model's memories is asked and taught.
 */
import type { BitCoder } from './patch-coder.ts';

const HALF = 32768;
const LOWEST = 24;
const HIGHEST = 65536 - LOWEST;

/** Flags, each with a quick and a slow probability; the mean of both is used. */
export class Flags {
  readonly #quick: Uint16Array;
  readonly #slow: Uint16Array;

  constructor(contexts: number) {
    this.#quick = new Uint16Array(contexts).fill(HALF);
    this.#slow = new Uint16Array(contexts).fill(HALF);
  }

  /** Codes 0 or 1. */
  code(coder: BitCoder, context: number, bit: number): number {
    const quick = this.#quick[context] ?? HALF;
    const slow = this.#slow[context] ?? HALF;
    let one = (quick + slow) >>> 1;
    if (one < LOWEST) one = LOWEST;
    else if (one > HIGHEST) one = HIGHEST;
    const coded = coder.code(one, bit);
    if (coded === 1) {
      this.#quick[context] = quick + ((65535 - quick) >> 4);
      this.#slow[context] = slow + ((65535 - slow) >> 7);
    } else {
      this.#quick[context] = quick - (quick >> 4);
      this.#slow[context] = slow - (slow >> 7);
    }
    return coded;
  }
}

/** Symbols of a few bits, each a way down a tree of flags. */
export class Symbols {
  readonly #flags: Flags;
  readonly #bits: number;

  constructor(contexts: number, bits: number) {
    this.#flags = new Flags(contexts << bits);
    this.#bits = bits;
  }

  /** Codes 0 to 2^bits − 1. */
  code(coder: BitCoder, context: number, symbol: number): number {
    let node = 1;
    for (let bit = this.#bits - 1; bit >= 0; bit--)
      node = (node << 1) | this.#flags.code(coder, (context << this.#bits) + node, (symbol >>> bit) & 1);
    return node - (1 << this.#bits);
  }
}

/** Bits below the highest one that are modelled; the ones below them are as good as chance. */
const UPPER = 3;

/** Numbers from 0 to 2^32 − 1: their length in bits, the next bits, then the rest unmodelled. */
export class Numbers {
  readonly #lengths: Symbols;
  readonly #upper: Flags;

  constructor(contexts: number) {
    this.#lengths = new Symbols(contexts, 6);
    this.#upper = new Flags(contexts * 64 * (1 << UPPER));
  }

  code(coder: BitCoder, context: number, value: number): number {
    // A length over 32 is no number; it reads as one of 32 bits and is refused by whoever checks the range.
    const length = Math.min(32, this.#lengths.code(coder, context, 32 - Math.clz32(value)));
    if (length <= 1) return length;
    let node = 1;
    for (let bit = length - 2; bit >= 0; bit--) {
      const given = (value >>> bit) & 1;
      const coded =
        length - 2 - bit < UPPER
          ? this.#upper.code(coder, ((context * 64 + length) << UPPER) + node, given)
          : coder.code(HALF, given);
      node = ((node << 1) | coded) >>> 0;
    }
    return node;
  }
}
