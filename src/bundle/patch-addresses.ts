import type { AddressMap } from './patch-shifts.ts';

const NEAR_BITS = 16;
const NEAR_STRETCH = 6;

/** Where a guess comes from; a context for whether it is right. */
export const SOURCE = { lost: 0, copied: 1, learned: 2, agreed: 3, near: 4 } as const;

/**
 * Guesses where what had an address in the base is in the target: as it was when the address was last seen, else as the copies tell,
 * else as what is near it.
 */
export class Addresses {
  /** A {@link SOURCE}: of the last guess. */
  source: number = SOURCE.lost;
  readonly #map: AddressMap;
  readonly #shift: number;
  readonly #keys: Int32Array;
  readonly #values: Int32Array;
  readonly #near = new Int32Array(1 << NEAR_BITS);

  /** @param bits - log2 of how many addresses are remembered */
  constructor(map: AddressMap, bits: number) {
    this.#map = map;
    this.#shift = 32 - bits;
    this.#keys = new Int32Array(1 << bits).fill(-1);
    this.#values = new Int32Array(1 << bits);
  }

  /** The likely address in the target. */
  guess(address: number): number {
    const slot = Math.imul(address, 0x9e3779b1) >>> this.#shift;
    const mapped = this.#map.map(address);
    if (this.#keys[slot] === address) {
      const learned = this.#values[slot] ?? 0;
      this.source = learned === mapped ? SOURCE.agreed : SOURCE.learned;
      return learned;
    }
    this.source = this.#map.sure ? SOURCE.copied : SOURCE.lost;
    if (this.#map.sure) return mapped;
    const near = this.near(address);
    if (near === 0) return mapped;
    this.source = SOURCE.near;
    return (address + near) | 0;
  }

  /** What the copies alone tell. */
  mapped(address: number): number {
    return this.#map.map(address);
  }

  /** How far the last value near this one moved; 0 if it is not known. */
  near(value: number): number {
    return this.#near[(value >>> NEAR_STRETCH) & ((1 << NEAR_BITS) - 1)] ?? 0;
  }

  /** Remembers where an address went. */
  learn(address: number, now: number): void {
    const slot = Math.imul(address, 0x9e3779b1) >>> this.#shift;
    this.#keys[slot] = address;
    this.#values[slot] = now;
    this.learnNear(address, now);
  }

  /** Remembers how far a value moved that need not be an address. */
  learnNear(value: number, now: number): void {
    this.#near[(value >>> NEAR_STRETCH) & ((1 << NEAR_BITS) - 1)] = now - value;
  }
}
