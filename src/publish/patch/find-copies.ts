/**
 * Finds what of the target is in the base, as bsdiff does: it keeps to an alignment of both files as long as no other one is clearly
 * better, and lets bytes within a copy differ. Where alignments meet, the cut is where it costs least.
 *
 * Source: C. Percival, “Naive differences of executable code” (2003), with an index of seeds in place of the suffix array.
 */
import { emptyCopies, MAX_COPIES, type Copies } from '../../bundle/patch-copies.ts';
import { rollHash, SEED, seedHash, type SeedIndex } from './seed-index.ts';

/** Places of the base that are tried for one of the target. */
const TRIES = 16;
/** A place has to be better than the alignment by so many bytes; the second for places far from it, which cost more to say. */
const GAIN = 8;
const FAR_GAIN = 12;
const FAR = 65536;
/** Bytes ahead in which differences of the alignment are counted; no more than {@link FEW} and nothing else is tried. */
const AHEAD = 48;
const FEW = 2;
/** Bytes over which a place is compared with the alignment. */
const REACH = 512;
/** A comparison ends when its score is so far below its best. */
const DROP = 24;
/** The end of a copy is not sought further than that behind its best. */
const SETTLE_DROP = 4096;
const BACK_DROP = 256;
/** Positions between two breaks. */
const STRIDE = 1 << 12;

export class CopyFinding {
  readonly #base: Uint8Array;
  readonly #target: Uint8Array;
  readonly #index: SeedIndex;
  readonly #found: number[] = [];

  // The alignment: target[i] is compared with base[i + #move], from #start on; before that all is settled.
  #open = false;
  #move = 0;
  #start = 0;
  #settled = 0;

  // The hash of the target's seed at #hashAt, and differences of the alignment in the AHEAD bytes from #fewAt on.
  #hash = 0;
  #hashAt = -2;
  #few = 0;
  #fewAt = -2;

  // The score of the alignment over the first bytes from #ownAt on.
  readonly #own = new Int32Array(REACH + 1);
  #ownAt = -1;
  #ownLength = 0;

  constructor(base: Uint8Array, target: Uint8Array, index: SeedIndex) {
    this.#base = base;
    this.#target = target;
    this.#index = index;
  }

  /** Does the work. Yields now and then, for a break. */
  *run(): Generator<void, void, undefined> {
    const end = this.#target.length - SEED;
    let lookUntil = -1;
    for (let at = 0, rest = STRIDE; at <= end; rest--) {
      if (rest === 0) {
        rest = STRIDE;
        yield;
      }
      if (this.#open && at >= lookUntil) {
        at = this.#follow(at);
        if (at > end) break;
        lookUntil = at + SEED;
      }
      const place = this.#open && this.#differencesAhead(at) <= FEW ? -1 : this.#look(at);
      if (place < 0) {
        if (!this.#open || this.#differs(at) === 1) lookUntil = at + 1 + SEED;
        at++;
        continue;
      }
      this.#turnTo(at, place - at);
      at += SEED;
      lookUntil = -1;
    }
    if (this.#open) this.#put(this.#endOfCopy(this.#target.length));
  }

  /** What was found; the longest, should they be too many for a patch. */
  copies(): Copies {
    const found = this.#found;
    const all = Array.from({ length: found.length / 3 }, (_, i) => i * 3);
    const kept =
      all.length <= MAX_COPIES
        ? all
        : all
            .sort((a, b) => (found[b + 2] ?? 0) - (found[a + 2] ?? 0) || a - b)
            .slice(0, MAX_COPIES)
            .sort((a, b) => a - b);
    const copies = emptyCopies(kept.length);
    kept.forEach((at, i) => {
      copies.from[i] = found[at] ?? 0;
      copies.to[i] = found[at + 1] ?? 0;
      copies.length[i] = found[at + 2] ?? 0;
    });
    return copies;
  }

  // The first position from `at` on that differs.
  #follow(at: number): number {
    const base = this.#base;
    const target = this.#target;
    const move = this.#move;
    const stop = Math.min(target.length, base.length - move);
    let i = at;
    while (i < stop && target[i] === base[i + move]) i++;
    return i;
  }

  #differs(at: number): number {
    const from = at + this.#move;
    return at < this.#target.length && from < this.#base.length && this.#target[at] === this.#base[from]
      ? 0
      : 1;
  }

  #differencesAhead(at: number): number {
    if (this.#fewAt + 1 === at) this.#few += this.#differs(at + AHEAD - 1) - this.#differs(at - 1);
    else {
      this.#few = 0;
      for (let k = 0; k < AHEAD; k++) this.#few += this.#differs(at + k);
    }
    this.#fewAt = at;
    return this.#few;
  }

  // The best place of the base for what is at `at`; −1 if none is clearly better than the alignment.
  #look(at: number): number {
    const base = this.#base;
    const target = this.#target;
    this.#hash =
      this.#hashAt + 1 === at
        ? rollHash(this.#hash, target[at - 1] ?? 0, target[at + SEED - 1] ?? 0)
        : seedHash(target, at);
    this.#hashAt = at;
    let best = -1;
    let bestScore = 0;
    let place = this.#index.first(this.#hash);
    for (let tries = 0; place >= 0 && tries < TRIES; tries++, place = this.#index.next(place)) {
      const away = place - at - this.#move;
      if (this.#open && away === 0) continue;
      let k = 0;
      while (k < SEED && base[place + k] === target[at + k]) k++;
      if (k < SEED) continue;
      const gain = this.#gain(at, place);
      if (this.#open && gain < (Math.abs(away) > FAR ? FAR_GAIN : GAIN)) continue;
      let back = 0;
      const room = Math.min(2 * SEED, at - this.#settled, place);
      while (back < room && base[place - back - 1] === target[at - back - 1]) back++;
      // Of the same worth, the nearer.
      const score = (gain + back) * 64 - (this.#open ? 32 - Math.clz32(Math.abs(away)) : 0);
      if (score > bestScore) {
        bestScore = score;
        best = place;
      }
    }
    return best;
  }

  // How much better a place with an equal seed is than the alignment.
  #gain(at: number, place: number): number {
    const base = this.#base;
    const target = this.#target;
    const limit = Math.min(target.length - at, base.length - place, REACH);
    let score = SEED;
    let best = SEED;
    let reach = SEED;
    for (let k = SEED; k < limit; k++)
      if (base[place + k] === target[at + k]) {
        if (++score > best) {
          best = score;
          reach = k + 1;
        }
      } else if ((score -= 2) < best - DROP) break;
    return this.#open ? best - Math.max(0, this.#ownScore(at, reach)) : best;
  }

  #ownScore(at: number, reach: number): number {
    const own = this.#own;
    if (this.#ownAt !== at) {
      this.#ownAt = at;
      this.#ownLength = 0;
    }
    for (; this.#ownLength < reach; this.#ownLength++)
      own[this.#ownLength + 1] = (own[this.#ownLength] ?? 0) + 1 - 3 * this.#differs(at + this.#ownLength);
    return own[reach] ?? 0;
  }

  // Ends the copy of the alignment and starts one of another.
  #turnTo(at: number, move: number): void {
    const oldEnd = this.#open ? this.#endOfCopy(at) : this.#settled;
    let start = this.#startOfCopy(at, move);
    if (this.#open) {
      const cut = start < oldEnd ? this.#cut(start, oldEnd, move) : oldEnd;
      this.#put(cut);
      start = Math.max(start, cut);
    }
    this.#move = move;
    this.#start = start;
    this.#open = true;
    this.#fewAt = -2;
    this.#ownAt = -1;
  }

  // How far the alignment is worth to be copied: as long as more bytes are equal than not.
  #endOfCopy(until: number): number {
    const base = this.#base;
    const target = this.#target;
    const move = this.#move;
    const stop = Math.min(until, base.length - move);
    let score = 0;
    let best = 0;
    let end = this.#start;
    for (let i = this.#start; i < stop; i++)
      if (target[i] === base[i + move]) {
        if (++score > best) {
          best = score;
          end = i + 1;
        }
      } else if (--score < best - SETTLE_DROP) break;
    return end;
  }

  #startOfCopy(at: number, move: number): number {
    const base = this.#base;
    const target = this.#target;
    const lowest = Math.max(this.#open ? this.#start : this.#settled, -move);
    let score = 0;
    let best = 0;
    let start = at;
    for (let i = at - 1; i >= lowest; i--)
      if (target[i] === base[i + move]) {
        if (++score > best) {
          best = score;
          start = i;
        }
      } else if (--score < best - BACK_DROP) break;
    return start;
  }

  // Where both the old and the new alignment would do, the place to turn from one to the other.
  #cut(start: number, end: number, move: number): number {
    let score = 0;
    let best = 0;
    let cut = start;
    for (let i = start; i < end; i++) {
      if (this.#target[i] === this.#base[i + this.#move]) score++;
      if (this.#target[i] === this.#base[i + move]) score--;
      if (score > best) {
        best = score;
        cut = i + 1;
      }
    }
    return cut;
  }

  #put(end: number): void {
    const length = end - this.#start;
    if (length <= 0) return;
    this.#found.push(this.#start + this.#move, this.#start, length);
    this.#settled = end;
  }
}
