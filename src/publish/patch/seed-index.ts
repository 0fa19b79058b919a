/** Bytes of a seed: the shortest stretch that is found. */
export const SEED = 16;

const FACTOR = 0x2c9277b5;
const SPREAD = 0x9e3779b1;
/** Positions indexed between two breaks. */
const STRIDE = 1 << 20;

/** The factor with which the oldest byte of a seed stands in its hash. */
const OLDEST = Array.from({ length: SEED }).reduce<number>((power) => Math.imul(power, FACTOR), 1);

/** The hash of the seed at a position. */
export function seedHash(bytes: Uint8Array, at: number): number {
  let hash = 0;
  for (let k = 0; k < SEED; k++) hash = (Math.imul(hash, FACTOR) + (bytes[at + k] ?? 0) + 1) | 0;
  return hash;
}

/** The hash of the seed one further, from the byte that leaves it and the byte that enters it. */
export function rollHash(hash: number, leaves: number, enters: number): number {
  return (Math.imul(hash, FACTOR) + enters + 1 - Math.imul(leaves + 1, OLDEST)) | 0;
}

/** Where in some bytes each seed is, at every position or at every `step`th. */
export class SeedIndex {
  readonly #first: Int32Array;
  readonly #next: Int32Array;
  readonly #shift: number;
  readonly #step: number;

  /** @param step - a power of two */
  constructor(size: number, step: number) {
    const places = Math.max(1, Math.ceil(size / step));
    const bits = Math.min(26, Math.max(8, Math.ceil(Math.log2(places))));
    this.#shift = 32 - bits;
    this.#step = Math.log2(step);
    this.#first = new Int32Array(2 ** bits).fill(-1);
    this.#next = new Int32Array(places);
  }

  /** A position whose seed may have this hash; −1 if there is none. */
  first(hash: number): number {
    return this.#first[Math.imul(hash, SPREAD) >>> this.#shift] ?? -1;
  }

  /** The next such position. */
  next(position: number): number {
    return this.#next[position >>> this.#step] ?? -1;
  }

  /** Adds all seeds of `bytes`. Yields now and then, for a break. */
  *add(bytes: Uint8Array): Generator<void, void, undefined> {
    const end = bytes.length - SEED;
    for (let at = 0, hash = seedHash(bytes, 0), last = ~hash; at <= end; yield) {
      const stop = Math.min(at + STRIDE, end + 1);
      [hash, last] = this.#addRange(bytes, at, stop, hash, last);
      at = stop;
    }
  }

  #addRange(
    bytes: Uint8Array,
    start: number,
    stop: number,
    firstHash: number,
    lastAdded: number,
  ): [number, number] {
    const first = this.#first;
    const next = this.#next;
    const others = (1 << this.#step) - 1;
    let hash = firstHash;
    let last = lastAdded;
    for (let at = start; at < stop; at++) {
      if ((at & others) === 0) {
        const slot = Math.imul(hash, SPREAD) >>> this.#shift;
        // Of a run of the same, the first is enough.
        const fresh = hash !== last;
        next[at >>> this.#step] = fresh ? (first[slot] ?? -1) : -1;
        if (fresh) first[slot] = at;
        last = hash;
      }
      hash = rollHash(hash, bytes[at] ?? 0, bytes[at + SEED] ?? 0);
    }
    return [hash, last];
  }
}
