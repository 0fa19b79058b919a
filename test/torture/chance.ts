/** Chance that can be repeated: the same seed gives the same draws. */
export interface Chance {
  /** A number in [0, 1). */
  readonly number: () => number;
  /** A whole number in [0, below). */
  readonly below: (below: number) => number;
  readonly pick: <T>(from: readonly T[]) => T;
  /** True with this probability. */
  readonly happens: (probability: number) => boolean;
}

/**
 * mulberry32: small, and the same everywhere.
 *
 * @param seed - a whole number
 */
export function chanceFrom(seed: number): Chance {
  let state = seed >>> 0;
  const number = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(number() * limit);
  return {
    number,
    below,
    pick: (from) => {
      const picked = from[below(from.length)];
      if (picked === undefined) throw new Error('expected something to pick from');
      return picked;
    },
    happens: (probability) => number() < probability,
  };
}
