/**
 * The adaptive model of bytes: four contexts give a probability each, and a small network, which learns whom to trust, mixes them.
 * Whole numbers only, so that every machine computes the same.
 *
 * Source: the logistic mixing of M. Mahoney's lpaq1 (“Adaptive weighing of context models for lossless data compression”, 2005).
 */
import type { BitCoder } from './patch-coder.ts';

/** 1 / (1 + e^-x) in steps of 128 of x, x in 1/256, the result in 1/4096. */
const STEPS = Int16Array.of(
  1, 2, 3, 6, 10, 16, 27, 45, 73, 120, 194, 310, 488, 747, 1101, 1546, 2047, 2549, 2994, 3348, 3607, 3785, 3901,
  3975, 4022, 4050, 4068, 4079, 4085, 4089, 4092, 4093, 4094,
); // prettier-ignore

const LIMIT = 2047;

/** From the logistic domain (−2047 to 2047) to a probability, at index x + 2048. */
const SQUASH = Int16Array.from({ length: 4096 }, (_, index) => {
  const x = Math.max(index - 2048, -LIMIT);
  const weight = x & 127;
  const step = (x >> 7) + 16;
  return ((STEPS[step] ?? 0) * (128 - weight) + (STEPS[step + 1] ?? 4095) * weight + 64) >> 7;
});

/** The inverse of {@link SQUASH}. */
const STRETCH = (() => {
  const table = new Int16Array(4096).fill(LIMIT);
  let next = 0;
  for (let x = -LIMIT; x <= LIMIT; x++) {
    const p = SQUASH[x + 2048] ?? 0;
    if (p >= next) table.fill(x, next, p + 1);
    next = Math.max(next, p + 1);
  }
  return table;
})();

/** How far a probability moves towards what came, in parts of 65536, by how often it was asked. */
const PACE = Int32Array.from({ length: 16 }, (_, seen) => Math.floor(65536 / Math.min(seen + 1.5, 20)));

/** A memory that was never asked: one half, seen no times. */
const FRESH = 0x8000;

/** What 1 is as a weight, in bits; weights start at a bit over a quarter. */
const WEIGHT_BITS = 15;
const FIRST_WEIGHT = 10000;

/** Codes bytes in four contexts. */
export class ByteMixer {
  readonly #mask: number;
  readonly #a: Uint16Array;
  readonly #b: Uint16Array;
  readonly #c: Uint16Array;
  readonly #d: Uint16Array;
  readonly #weights: Int32Array;

  /** @param bits - log2 of how many memories (2 bytes each) each of the three hashed contexts has */
  constructor(bits: number) {
    this.#mask = (1 << bits) - 16;
    this.#a = new Uint16Array(1 << 16).fill(FRESH);
    this.#b = new Uint16Array(1 << bits).fill(FRESH);
    this.#c = new Uint16Array(1 << bits).fill(FRESH);
    this.#d = new Uint16Array(1 << bits).fill(FRESH);
    this.#weights = new Int32Array(256 * 4).fill(FIRST_WEIGHT);
  }

  /**
   * Codes one byte.
   *
   * @param first - a context below 256
   * @param second - a context of 32 bits, as are `third` and `fourth`
   */
  code(coder: BitCoder, first: number, second: number, third: number, fourth: number, byte: number): number {
    const high = this.#half(coder, first, scatter(second), scatter(third), scatter(fourth), 1, byte >>> 4);
    const salt = Math.imul(high, 0x3c6ef35f);
    return (
      this.#half(
        coder,
        first,
        scatter(second ^ salt),
        scatter(third ^ salt),
        scatter(fourth ^ salt),
        high,
        byte,
      ) & 255
    );
  }

  // Four bits. The memories of a hashed context lie side by side, so that they come with one access of the main memory.
  #half(
    coder: BitCoder,
    first: number,
    second: number,
    third: number,
    fourth: number,
    start: number,
    bits: number,
  ): number {
    const weights = this.#weights;
    const a = this.#a;
    const b = this.#b;
    const c = this.#c;
    const d = this.#d;
    const slotB = second & this.#mask;
    const slotC = third & this.#mask;
    const slotD = fourth & this.#mask;
    let node = start;
    let inside = 1;
    for (let bit = 3; bit >= 0; bit--) {
      const ia = (first << 8) | node;
      const ib = slotB | inside;
      const ic = slotC | inside;
      const id = slotD | inside;
      const va = a[ia] ?? FRESH;
      const vb = b[ib] ?? FRESH;
      const vc = c[ic] ?? FRESH;
      const vd = d[id] ?? FRESH;
      const sa = STRETCH[va >>> 4] ?? 0;
      const sb = STRETCH[vb >>> 4] ?? 0;
      const sc = STRETCH[vc >>> 4] ?? 0;
      const sd = STRETCH[vd >>> 4] ?? 0;
      const w = node * 4;
      const wa = weights[w] ?? 0;
      const wb = weights[w + 1] ?? 0;
      const wc = weights[w + 2] ?? 0;
      const wd = weights[w + 3] ?? 0;
      // Should a product ever overflow, it does so at both ends.
      let mixed =
        (Math.imul(wa, sa) + Math.imul(wb, sb) + Math.imul(wc, sc) + Math.imul(wd, sd)) >> WEIGHT_BITS;
      if (mixed > LIMIT) mixed = LIMIT;
      else if (mixed < -LIMIT) mixed = -LIMIT;
      const p = SQUASH[mixed + 2048] ?? 2048;
      const one = (p << 4) + 8;
      const coded = coder.code(one < 64 ? 64 : one, (bits >>> bit) & 1);
      const error = Math.imul((coded << 12) - p, 6);
      weights[w] = wa + ((Math.imul(sa, error) + 0x4000) >> 15);
      weights[w + 1] = wb + ((Math.imul(sb, error) + 0x4000) >> 15);
      weights[w + 2] = wc + ((Math.imul(sc, error) + 0x4000) >> 15);
      weights[w + 3] = wd + ((Math.imul(sd, error) + 0x4000) >> 15);
      a[ia] = moved(va, coded);
      b[ib] = moved(vb, coded);
      c[ic] = moved(vc, coded);
      d[id] = moved(vd, coded);
      node = (node << 1) | coded;
      inside = (inside << 1) | coded;
    }
    return node;
  }
}

function scatter(context: number): number {
  const mixed = Math.imul(context, 0x2c1b3c6d);
  return Math.imul(mixed ^ (mixed >>> 15), 0x297a2d39) >>> 7;
}

// A memory is a probability (12 bits) and how often it was asked (4 bits).
function moved(memory: number, bit: number): number {
  const seen = memory & 15;
  const p = memory >>> 4;
  const next = p + (Math.imul((-bit & 4095) - p, PACE[seen] ?? 0) >> 16);
  return (next << 4) | (seen < 15 ? seen + 1 : 15);
}
