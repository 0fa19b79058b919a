import type { Copies } from './patch-copies.ts';

/** The most bytes of the target that are coded without a pause. */
export const WORK_BYTES = 16 * 1024;

/** A piece of work: bytes of the target from a place in the base, or (`from` is −1) given in full. */
export interface Work {
  readonly from: number;
  readonly to: number;
  readonly length: number;
  /** Where whoever reads the base puts the bytes from `from`. */
  at: number;
}

/** What there is to do for a target, in order. Both ends of a patch cut it in the same way. */
export function* workOf(copies: Copies, size: number): Generator<Work, void, undefined> {
  let end = 0;
  for (let i = 0; i <= copies.count; i++) {
    const to = i < copies.count ? (copies.to[i] ?? 0) : size;
    for (; end < to; end += Math.min(WORK_BYTES, to - end))
      yield { from: -1, to: end, length: Math.min(WORK_BYTES, to - end), at: 0 };
    if (i === copies.count) return;
    const from = copies.from[i] ?? 0;
    const length = copies.length[i] ?? 0;
    for (let done = 0; done < length; done += WORK_BYTES)
      yield { from: from + done, to: to + done, length: Math.min(WORK_BYTES, length - done), at: 0 };
    end = to + length;
  }
}
