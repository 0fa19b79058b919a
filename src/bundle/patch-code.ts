/**
 * Codes machine code that is copied: addresses in it are guessed, what is left are changes of bytes.
 */
import { SOURCE, type Addresses } from './patch-addresses.ts';
import { ByteMixer } from './patch-bytes.ts';
import type { ByteChanges } from './patch-changes.ts';
import type { BitCoder } from './patch-coder.ts';
import {
  ARM,
  ARM_REACH,
  armKind,
  branchTarget,
  KIND,
  lowBits,
  lowScale,
  pageDistance,
} from './patch-fields.ts';
import { read32, write32, x86Field } from './patch-fields.ts';
import type { Layout } from './patch-layout.ts';
import { Flags } from './patch-numbers.ts';

/** Bytes in a cell: the least that is told to be as guessed. A field may reach out of its cell. */
const CELL = 64;

/** A piece of the base and where it goes. */
export interface Piece {
  /** The base's bytes; the piece starts at `at`. */
  readonly old: Uint8Array;
  readonly at: number;
  /** The target's bytes; the piece starts at `to`. */
  readonly out: Uint8Array;
  readonly to: number;
  readonly length: number;
  /** Offset in the base, and addresses of the first byte; −1 where there is none. */
  readonly oldOffset: number;
  readonly oldAddress: number;
  readonly newAddress: number;
}

/** The model of code that is copied. */
export class CodeModel {
  readonly #coder: BitCoder;
  readonly #arm: boolean;
  readonly #base: Layout;
  readonly #target: Layout;
  readonly #addresses: Addresses;
  readonly #changes: ByteChanges;
  readonly #cells = new Flags(32);
  readonly #hits = new Flags(5 * 8 * 16);
  readonly #others = new Flags(8);
  readonly #stays = new Flags(5 * 8);
  readonly #branches = new Flags(1);
  readonly #given: readonly [ByteMixer, ByteMixer, ByteMixer, ByteMixer];
  readonly #guessed = new Uint8Array(CELL + 4);
  #cellHistory = 0;
  #missHistory = 0;

  // The field that was looked at last.
  #kind = 0;
  #address = 0;
  #guess = 0;
  #word = 0;
  #source = 0;

  constructor(
    coder: BitCoder,
    arm: boolean,
    base: Layout,
    target: Layout,
    addresses: Addresses,
    changes: ByteChanges,
    bits: number,
  ) {
    this.#coder = coder;
    this.#arm = arm;
    this.#base = base;
    this.#target = target;
    this.#addresses = addresses;
    this.#changes = changes;
    this.#given = [new ByteMixer(12), new ByteMixer(bits), new ByteMixer(bits), new ByteMixer(bits)];
  }

  /** Codes a piece. `known`: the target's bytes are there, else they get there. */
  code(piece: Piece, known: boolean): void {
    const { out, to, length } = piece;
    const guessed = this.#guessed;
    for (let start = 0; start < length;) {
      const end = this.#guessCell(piece, start);
      let wrong = 0;
      if (known)
        for (let k = start; k < end; k++)
          if (guessed[k - start] !== out[to + k]) {
            wrong = 1;
            break;
          }
      wrong = this.#cells.code(this.#coder, this.#cellHistory & 31, wrong);
      this.#cellHistory = (this.#cellHistory << 1) | wrong;
      if (wrong === 0) {
        for (let k = start; k < end; k++) out[to + k] = guessed[k - start] ?? 0;
        this.#changes.calm();
      } else this.#cell(piece, start, end);
      start = end;
    }
  }

  #guessCell(piece: Piece, start: number): number {
    const { old, at, length } = piece;
    const guessed = this.#guessed;
    const stop = Math.min(start + CELL, length);
    let k = start;
    while (k < stop)
      if (this.#look(piece, k)) {
        write32(guessed, k - start, this.#word);
        k += 4;
      } else {
        guessed[k - start] = old[at + k] ?? 0;
        k++;
      }
    return k;
  }

  #cell(piece: Piece, start: number, end: number): void {
    const { old, at, out, to } = piece;
    let differing = 0;
    for (let k = start; k < end;)
      if (this.#look(piece, k)) {
        this.#field(piece, k);
        k += 4;
      } else {
        const context = Math.min(differing, 7) | ((this.#missHistory & 3) << 3);
        if (this.#changes.code(this.#coder, old, at + k, out, to + k, context)) differing++;
        k++;
      }
  }

  // Whether there is a field at `k`; if so, guesses what becomes of it.
  #look(piece: Piece, k: number): boolean {
    if (k + 4 > piece.length) return false;
    return this.#arm ? this.#lookArm(piece, k) : this.#lookX86(piece, k);
  }

  #lookX86({ old, at, oldAddress, newAddress }: Piece, k: number): boolean {
    const field = x86Field(old, at + k);
    if (field === 0) return false;
    const kind = field & 7;
    // In a program that may lie anywhere, code holds no absolute addresses.
    if (kind === KIND.absolute && this.#base.originLow === 0) return false;
    const after = k + 4 + (field >> 3);
    const from = kind === KIND.absolute ? -this.#base.originLow : oldAddress + after;
    const address = (from + read32(old, at + k)) | 0;
    if (!this.#base.holds(address)) return false;
    this.#kind = kind;
    this.#address = address;
    this.#guess = this.#addresses.guess(address);
    this.#source = this.#addresses.source;
    this.#word = (this.#guess - (kind === KIND.absolute ? -this.#target.originLow : newAddress + after)) | 0;
    return true;
  }

  #lookArm({ old, at, oldAddress, newAddress }: Piece, k: number): boolean {
    if (((oldAddress + k) & 3) !== 0) return false;
    const word = read32(old, at + k);
    const kind = armKind(word);
    if (kind === ARM.none) return false;
    const here = oldAddress + k;
    let address = -1;
    if (kind === ARM.branch) address = here + branchTarget(word);
    else if (kind === ARM.page) {
      const page = (here & ~0xfff) + pageDistance(word);
      const user = this.#lowOf(old, at + k, word & 31);
      address = user === 0 ? page : page + lowBits(user);
    } else {
      const page = this.#pageOf(old, at + k, (word >>> 5) & 31, here);
      if (page < 0) return false;
      address = page + lowBits(word);
    }
    if (!this.#base.holds(address)) return false;
    this.#kind = kind;
    this.#address = address;
    this.#guess = this.#addresses.guess(address);
    this.#source = this.#addresses.source;
    this.#word = placed(word, kind, this.#guess, newAddress + k);
    return true;
  }

  // The first of the next instructions that adds to the page in a register; 0 if none does.
  #lowOf(old: Uint8Array, at: number, register: number): number {
    for (let k = 4; k <= ARM_REACH - 4; k += 4) {
      const word = read32(old, at + k);
      if (armKind(word) === ARM.low && ((word >>> 5) & 31) === register) return word;
    }
    return 0;
  }

  // The page that one of the last instructions put into a register; −1 if none did.
  #pageOf(old: Uint8Array, at: number, register: number, here: number): number {
    for (let k = 4; k <= ARM_REACH; k += 4) {
      const word = read32(old, at - k);
      if (armKind(word) === ARM.page && (word & 31) === register)
        return ((here - k) & ~0xfff) + pageDistance(word);
    }
    return -1;
  }

  #field({ old, at, out, to, newAddress }: Piece, k: number): void {
    const coder = this.#coder;
    const kind = this.#kind;
    const source = this.#source;
    const was = read32(old, at + k);
    const now = read32(out, to + k);
    const word = this.#word;
    const hit = this.#hits.code(
      coder,
      ((source * 8 + kind) << 4) | (this.#missHistory & 15),
      now === word ? 1 : 0,
    );
    this.#missHistory = (this.#missHistory << 1) | (1 - hit);
    if (hit === 1) {
      write32(out, to + k, word);
      if (!this.#arm || kind === ARM.branch) this.#addresses.learn(this.#address, this.#guess);
      return;
    }
    let coded = word;
    let told = 0;
    if (source === SOURCE.learned) {
      coded = this.#withAddress(was, this.#addresses.mapped(this.#address), newAddress + k);
      if (coded !== word) told = this.#others.code(coder, kind, now === coded ? 1 : 0);
    }
    if (told === 0 && was !== word && (source !== SOURCE.learned || was !== coded)) {
      coded = was;
      told = this.#stays.code(coder, source * 8 + kind, now === was ? 1 : 0);
    }
    if (told === 1) {
      write32(out, to + k, coded);
      if (!this.#arm) this.#addresses.learn(this.#address, (this.#guess + coded - word) | 0);
      return;
    }
    if (this.#arm) {
      const branch =
        kind === ARM.branch
          ? this.#branches.code(coder, 0, armKind(now) === ARM.branch && (now ^ was) >>> 26 === 0 ? 1 : 0)
          : 0;
      if (branch === 0) {
        for (let i = 0; i < 4; i++) this.#changes.code(coder, old, at + k + i, out, to + k + i, 32);
        return;
      }
      const address = this.#giveAddress(newAddress + k + branchTarget(now));
      write32(out, to + k, placed(was, kind, address, newAddress + k));
      this.#addresses.learn(this.#address, address);
      return;
    }
    const address = this.#giveAddress((this.#guess + now - word) | 0);
    write32(out, to + k, this.#withAddress(was, address, newAddress + k));
    this.#addresses.learn(this.#address, address);
  }

  // What is in the field for an address of the target.
  #withAddress(was: number, address: number, here: number): number {
    return this.#arm ? placed(was, this.#kind, address, here) : (this.#word + address - this.#guess) | 0;
  }

  // An address in full, its upper bytes first, each in the light of those before and of the guess.
  #giveAddress(address: number): number {
    const guess = this.#guess;
    const coder = this.#coder;
    const [m3, m2, m1, m0] = this.#given;
    const b3 = m3.code(coder, this.#kind, guess >>> 24, 0, 0, address >>> 24);
    const g2 = (guess >>> 16) & 255;
    const b2 = m2.code(coder, g2, b3, g2 | (b3 << 8), this.#kind, (address >>> 16) & 255);
    const g1 = (guess >>> 8) & 255;
    const b1 = m1.code(coder, b2, g1 | (b2 << 8), b2 | (b3 << 8), this.#kind, (address >>> 8) & 255);
    const b0 = m0.code(coder, b1, guess & 255, b1 | (b2 << 8), this.#kind, address & 255);
    return (b3 << 24) | (b2 << 16) | (b1 << 8) | b0;
  }
}

// An arm64 instruction with another address in it.
function placed(word: number, kind: number, address: number, here: number): number {
  if (kind === ARM.branch) return (word & ~0x03ffffff) | (((address - here) >> 2) & 0x03ffffff);
  if (kind === ARM.page) {
    const pages = (address >> 12) - (here >> 12);
    return (word & ~0x60ffffe0) | ((pages & 3) << 29) | (((pages >> 2) & 0x7ffff) << 5);
  }
  return (word & ~0x003ffc00) | (((address & 0xfff) >> lowScale(word)) << 10);
}
