/**
 * Where what had an address in the base has its address in the target, as the copies tell it.
 *
 * Invariant: an answer takes bounded time, whatever the copies are.
 */
import type { Copies } from './patch-copies.ts';
import type { Layout } from './patch-layout.ts';

/** Copies looked at for one answer. */
const LOOKS = 16;

/** Finds the copy that tells most of where an offset of the base went. */
class CopyFinder {
  readonly #copies: Copies;
  readonly #scale: number;
  /** The copies that start in each stretch of 2^scale bytes: the first and last+1 place in `#order`. */
  readonly #starts: Int32Array;
  readonly #order: Int32Array;
  /** Of the copies that start before the stretch, the one that ends last; −1 if there is none. */
  readonly #before: Int32Array;

  constructor(copies: Copies, baseSize: number) {
    this.#copies = copies;
    let scale = 4;
    while (baseSize / 2 ** scale > Math.max(64, copies.count)) scale++;
    this.#scale = scale;
    const stretches = Math.floor(baseSize / 2 ** scale) + 1;
    const starts = new Int32Array(stretches + 1);
    const { from, length, count } = copies;
    const startsAt = (i: number): number => (from[i] ?? 0) >>> scale;
    for (let i = 0; i < count; i++) starts[startsAt(i) + 1] = (starts[startsAt(i) + 1] ?? 0) + 1;
    for (let s = 0; s < stretches; s++) starts[s + 1] = (starts[s + 1] ?? 0) + (starts[s] ?? 0);
    const order = new Int32Array(count);
    const place = starts.slice();
    for (let i = 0; i < count; i++) {
      const at = place[startsAt(i)] ?? 0;
      order[at] = i;
      place[startsAt(i)] = at + 1;
    }
    const before = new Int32Array(stretches);
    let best = -1;
    let bestEnd = -1;
    for (let s = 0; s < stretches; s++) {
      before[s] = best;
      for (let k = starts[s] ?? 0; k < (starts[s + 1] ?? 0); k++) {
        const i = order[k] ?? 0;
        const end = (from[i] ?? 0) + (length[i] ?? 0);
        if (end > bestEnd) {
          bestEnd = end;
          best = i;
        }
      }
    }
    this.#starts = starts;
    this.#order = order;
    this.#before = before;
  }

  /** The copy that holds `offset`, or else one that ends before it; −1 if there is none. */
  find(offset: number): number {
    const { from, length } = this.#copies;
    const stretch = offset >>> this.#scale;
    const first = this.#starts[stretch] ?? 0;
    const last = Math.min(this.#starts[stretch + 1] ?? 0, first + LOOKS);
    let best = this.#before[stretch] ?? -1;
    let bestLength = best < 0 ? 0 : (length[best] ?? 0);
    let bestEnd = best < 0 ? -1 : (from[best] ?? 0) + bestLength;
    for (let k = first; k < last; k++) {
      const i = this.#order[k] ?? 0;
      const start = from[i] ?? 0;
      if (start > offset) continue;
      const size = length[i] ?? 0;
      const end = start + size;
      // One that holds it before one that ends before it; of two that hold it, the longer one.
      if (bestEnd <= offset ? end > bestEnd : end > offset && size > bestLength) {
        best = i;
        bestEnd = end;
        bestLength = size;
      }
    }
    return best;
  }
}

/** Maps addresses of the base's program to those of the target's. */
export class AddressMap {
  /** Whether the last address that was mapped lay in something that is copied. */
  sure = false;
  readonly #copies: Copies;
  readonly #finder: CopyFinder;
  readonly #base: Layout;
  readonly #target: Layout;

  constructor(copies: Copies, baseSize: number, base: Layout, target: Layout) {
    this.#copies = copies;
    this.#finder = new CopyFinder(copies, baseSize);
    this.#base = base;
    this.#target = target;
  }

  /** The likely address in the target. */
  map(address: number): number {
    this.sure = false;
    const { parts } = this.#base;
    for (let p = 0; p < parts.length; p++) {
      const part = parts[p];
      if (part === undefined || address < part.address || address >= part.address + part.memory) continue;
      const inside = address - part.address;
      if (inside < part.size) return this.#mapOffset(inside + part.offset, address);
      // Memory that is not in the file moves with the end of its part.
      const other = this.#target.parts[p];
      return other === undefined ? address : inside - part.size + other.address + other.size;
    }
    return address;
  }

  #mapOffset(offset: number, address: number): number {
    const copy = this.#finder.find(offset);
    if (copy < 0) return address;
    const from = this.#copies.from[copy] ?? 0;
    const moved = this.#target.addressOf(offset + (this.#copies.to[copy] ?? 0) - from);
    if (moved < 0) return address;
    this.sure = offset < from + (this.#copies.length[copy] ?? 0);
    return moved;
  }
}
