/**
 * What a patch takes from the base: a list of copies in the order of the target. What lies between them is given in full.
 *
 * Invariant: copies do not overlap in the target, and lie within both files: checked when they are read, before they are used.
 */
import type { BitCoder } from './patch-coder.ts';
import { Flags, Numbers } from './patch-numbers.ts';

/** The most copies of one patch: they are all held in memory (12 bytes each, and as much again for looking up). */
export const MAX_COPIES = 1 << 19;

/** The largest file that a patch is made of or for, in bytes. */
export const MAX_FILE = 2 ** 30;

/** Copies, as columns. */
export interface Copies {
  /** Offsets in the base, offsets in the target, bytes. */
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly length: Int32Array;
  readonly count: number;
}

/** Columns for `count` copies. */
export function emptyCopies(count: number): Copies {
  return { from: new Int32Array(count), to: new Int32Array(count), length: new Int32Array(count), count };
}

const RECENT = 16;

/** Codes copies one after the other. */
export class CopiesModel {
  readonly #gaps = new Numbers(1);
  readonly #lengths = new Numbers(2);
  readonly #known = new Flags(2 * RECENT);
  readonly #signs = new Flags(1);
  readonly #moves = new Numbers(1);
  /** Distances from target to base of the copies before, the latest first. */
  readonly #recent = new Float64Array(RECENT);
  #end = 0;

  /**
   * Codes copy number `i`.
   *
   * @returns whether what was coded lies within files of these sizes, after the copy before
   */
  code(coder: BitCoder, copies: Copies, i: number, baseSize: number, targetSize: number): boolean {
    const gap = this.#gaps.code(coder, 0, (copies.to[i] ?? 0) - this.#end);
    const to = this.#end + gap;
    const adjoins = gap === 0 ? 1 : 0;
    const length = this.#lengths.code(coder, adjoins, (copies.length[i] ?? 0) - 1) + 1;
    const from = to + this.#distance(coder, adjoins, (copies.from[i] ?? 0) - (copies.to[i] ?? 0));
    this.#end = to + length;
    if (this.#end > targetSize || from < 0 || from + length > baseSize) return false;
    copies.from[i] = from;
    copies.to[i] = to;
    copies.length[i] = length;
    return true;
  }

  // One of the last distances (it often goes back to one of them), or how far it is from the last.
  #distance(coder: BitCoder, adjoins: number, distance: number): number {
    const recent = this.#recent;
    let rank = 0;
    while (rank < RECENT) {
      if (this.#known.code(coder, adjoins * RECENT + rank, recent[rank] === distance ? 1 : 0) === 1) break;
      rank++;
    }
    let coded = recent[rank] ?? 0;
    if (rank === RECENT) {
      const last = recent[0] ?? 0;
      const negative = this.#signs.code(coder, 0, distance < last ? 1 : 0);
      const move = this.#moves.code(coder, 0, Math.abs(distance - last));
      coded = last + (negative === 1 ? -move : move);
    }
    recent.copyWithin(1, 0, Math.min(rank, RECENT - 1));
    recent[0] = coded;
    return coded;
  }
}
