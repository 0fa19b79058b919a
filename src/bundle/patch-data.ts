/**
 * Codes data that is copied. Tables of numbers and addresses change by words, so words that differ are tried against what moved
 * the words before them; everything else are changes of bytes.
 */
import type { Addresses } from './patch-addresses.ts';
import type { ByteChanges } from './patch-changes.ts';
import type { Piece } from './patch-code.ts';
import type { BitCoder } from './patch-coder.ts';
import { read32, write32 } from './patch-fields.ts';
import type { Layout } from './patch-layout.ts';
import { Flags, Symbols } from './patch-numbers.ts';

const CELL = 64;

/** Whether a word may be an address: no; yes, and it likely stays; yes, and it likely moves. */
const POINTER = { no: 0, stays: 1, moves: 2 } as const;

/** How a word changed. */
const BY = { pointer: 0, relative: 1, last: 2, second: 3, third: 4, near: 5, bytes: 6, same: 7 } as const;

/** The model of data that is copied. */
export class DataModel {
  readonly #coder: BitCoder;
  readonly #base: Layout;
  readonly #target: Layout;
  readonly #addresses: Addresses;
  readonly #changes: ByteChanges;
  readonly #cells = new Flags(32);
  readonly #differs = new Flags(3 * 2 * 32);
  readonly #ways = new Symbols(3 * 64, 3);
  /** How far the words before moved, the latest first. */
  readonly #deltas = new Int32Array(3);
  /** What a word would be, changed in each way. */
  readonly #values = new Int32Array(BY.bytes);
  #cellHistory = 0;
  #wordHistory = 0;
  #wayHistory = 0;

  constructor(coder: BitCoder, base: Layout, target: Layout, addresses: Addresses, changes: ByteChanges) {
    this.#coder = coder;
    this.#base = base;
    this.#target = target;
    this.#addresses = addresses;
    this.#changes = changes;
  }

  /** Codes a piece. `known`: the target's bytes are there, else they get there. */
  code(piece: Piece, known: boolean): void {
    const { old, at, out, to, length, oldOffset } = piece;
    for (let start = 0; start < length;) {
      // Cells end where words of the base do.
      const end = Math.min(length, start + CELL - ((oldOffset + start) & 7));
      let wrong = 0;
      if (known)
        for (let k = start; k < end; k++)
          if (old[at + k] !== out[to + k]) {
            wrong = 1;
            break;
          }
      wrong = this.#cells.code(this.#coder, this.#cellHistory & 31, wrong);
      this.#cellHistory = (this.#cellHistory << 1) | wrong;
      if (wrong === 0) {
        for (let k = start; k < end; k++) out[to + k] = old[at + k] ?? 0;
        this.#changes.calm();
      } else
        for (let k = start; k < end;)
          if (((oldOffset + k) & 3) === 0 && k + 4 <= end) {
            this.#word(piece, k);
            k += 4;
          } else {
            this.#changes.code(this.#coder, old, at + k, out, to + k, 40);
            k++;
          }
      start = end;
    }
  }

  #word({ old, at, out, to, oldOffset, oldAddress, newAddress }: Piece, k: number): void {
    const was = read32(old, at + k);
    const now = read32(out, to + k);
    const even = ((oldOffset + k) & 7) === 0;
    const address = (was - this.#base.originLow) | 0;
    let pointer = was;
    let kind: number = POINTER.no;
    if (even && this.#base.holds(address) && read32(old, at + k + 4) === this.#base.originHigh) {
      pointer = (this.#addresses.guess(address) + this.#target.originLow) | 0;
      kind = pointer === was ? POINTER.stays : POINTER.moves;
    }
    const context = ((kind * 2 + (even ? 1 : 0)) << 5) | (this.#wordHistory & 31);
    const differs = this.#differs.code(this.#coder, context, was === now ? 0 : 1);
    this.#wordHistory = (this.#wordHistory << 1) | differs;
    if (differs === 0) {
      write32(out, to + k, was);
      if (kind !== POINTER.no) this.#addresses.learn(address, (was - this.#target.originLow) | 0);
      this.#changes.calm();
      this.#wayHistory = (this.#wayHistory << 3) | BY.same;
      return;
    }
    const relative =
      oldAddress < 0 || newAddress < 0 ? was : this.#relative(was, oldAddress + k, newAddress + k);
    const near = (was + this.#addresses.near(was)) | 0;
    const ways = this.#values;
    const deltas = this.#deltas;
    ways[BY.pointer] = pointer;
    ways[BY.relative] = relative;
    ways[BY.last] = was + (deltas[0] ?? 0);
    ways[BY.second] = was + (deltas[1] ?? 0);
    ways[BY.third] = was + (deltas[2] ?? 0);
    ways[BY.near] = near;
    let way: number = BY.pointer;
    while (way < BY.bytes && (ways[way] !== now || now === was)) way++;
    way = this.#ways.code(this.#coder, (kind << 6) | (this.#wayHistory & 63), way);
    this.#wayHistory = (this.#wayHistory << 3) | way;
    if (way < BY.bytes) write32(out, to + k, ways[way] ?? 0);
    else
      for (let i = 0; i < 4; i++) this.#changes.code(this.#coder, old, at + k + i, out, to + k + i, 41 + i);
    const value = read32(out, to + k);
    if (kind !== POINTER.no) this.#addresses.learn(address, (value - this.#target.originLow) | 0);
    else if (way !== BY.relative) this.#addresses.learnNear(was, value);
    this.#moved((value - was) | 0);
  }

  // A distance, as tables of jumps and of unwinding hold it.
  #relative(was: number, oldAddress: number, newAddress: number): number {
    const address = (oldAddress + was) | 0;
    return this.#base.holds(address) ? (this.#addresses.guess(address) - newAddress) | 0 : was;
  }

  #moved(delta: number): void {
    const deltas = this.#deltas;
    if (deltas[0] === delta) return;
    if (deltas[1] !== delta) deltas[2] = deltas[1] ?? 0;
    deltas[1] = deltas[0] ?? 0;
    deltas[0] = delta;
  }
}
