/**
 * What a patch says of the target's bytes, given the base. One model, run by both ends over the same history: the maker has the
 * target's bytes and the model writes what they are; the applier has none and the model reads them.
 *
 * Invariants: everything that a piece of work looks at lies in its own bytes and {@link MARGIN} bytes around it in the base,
 * {@link BEFORE} bytes before it in the target; memory is fixed, whatever the sizes; nothing depends on chance, time or the machine.
 */
import { Addresses } from './patch-addresses.ts';
import { ByteMixer } from './patch-bytes.ts';
import { ByteChanges } from './patch-changes.ts';
import { CodeModel, type Piece } from './patch-code.ts';
import type { BitCoder } from './patch-coder.ts';
import { DataModel } from './patch-data.ts';
import { ARM_REACH } from './patch-fields.ts';
import type { PatchHeader } from './patch-header.ts';
import type { Layout } from './patch-layout.ts';
import { Flags } from './patch-numbers.ts';
import type { AddressMap } from './patch-shifts.ts';

/** Bytes of the base that are read around what is copied; zeros stand for what is outside the file. */
export const MARGIN = ARM_REACH;

/** Bytes of the target that are looked at before what is made; zeros stand for what is before its start. */
export const BEFORE = 8;

/** The most bytes that are told to be unchanged at once. */
const PIECE = 4096;

/** The models of bytes have from 2^12 to 2^19 memories for each context. */
const MIN_BITS = 12;
const MAX_BITS = 19;
const MAX_ADDRESS_BITS = 18;
const MAX_GIVEN_BITS = 16;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const NOTHING = new Uint8Array(0);

/** The model of a target. */
export class TargetModel {
  readonly #coder: BitCoder;
  readonly #base: Layout;
  readonly #target: Layout;
  readonly #code: CodeModel | null;
  readonly #data: DataModel;
  readonly #literals: ByteMixer;
  readonly #changed = new Flags(64);
  // One for all pieces: there are hundreds of thousands.
  readonly #piece: Mutable<Piece> = {
    old: NOTHING,
    at: 0,
    out: NOTHING,
    to: 0,
    length: 0,
    oldOffset: 0,
    oldAddress: -1,
    newAddress: -1,
  };
  #history = 0;

  /** Starts a model for a patch with this header; `map` tells where what is copied goes. */
  constructor(coder: BitCoder, { machine, base, target, targetSize }: PatchHeader, map: AddressMap) {
    // A small file fills few memories, and need not wait for large tables.
    const bits = Math.min(MAX_BITS, Math.max(MIN_BITS, 32 - Math.clz32(targetSize >>> 3)));
    const addresses = new Addresses(map, Math.min(MAX_ADDRESS_BITS, bits));
    const changes = new ByteChanges(bits);
    this.#literals = new ByteMixer(bits);
    this.#coder = coder;
    this.#base = base;
    this.#target = target;
    this.#code =
      machine === 'none'
        ? null
        : new CodeModel(
            coder,
            machine === 'arm64',
            base,
            target,
            addresses,
            changes,
            Math.min(MAX_GIVEN_BITS, bits),
          );
    this.#data = new DataModel(coder, base, target, addresses, changes);
  }

  /** Codes bytes that no copy gives, from `start` to before `end`. */
  literals(out: Uint8Array, start: number, end: number): void {
    let last = 0;
    for (let i = start - 4; i < start; i++) last = (last << 8) | (out[i] ?? 0);
    for (let i = start; i < end; i++) {
      const byte = this.#literals.code(
        this.#coder,
        last & 255,
        last & 0xffff,
        last & 0xffffff,
        last,
        out[i] ?? 0,
      );
      out[i] = byte;
      last = (last << 8) | byte;
    }
  }

  /**
   * Codes bytes that are copied, though not all unchanged.
   *
   * @param old - bytes of the base; what is copied starts at `at` and at `oldOffset` of the file
   * @param out - bytes of the target; it goes to `to`, and to `newOffset` of the file
   * @param known - whether `out` holds them already
   */
  copy(
    old: Uint8Array,
    at: number,
    oldOffset: number,
    out: Uint8Array,
    to: number,
    newOffset: number,
    length: number,
    known: boolean,
  ): void {
    for (let done = 0; done < length;) {
      const offset = oldOffset + done;
      const part = this.#base.partAt(offset);
      const size = Math.min(PIECE, length - done, this.#base.edgeAfter(offset) - offset);
      const piece = this.#piece;
      piece.old = old;
      piece.at = at + done;
      piece.out = out;
      piece.to = to + done;
      piece.length = size;
      piece.oldOffset = offset;
      piece.oldAddress = part === null ? -1 : offset - part.offset + part.address;
      piece.newAddress = this.#target.addressOf(newOffset + done);
      const code = part?.code === true && piece.newAddress >= 0 ? this.#code : null;
      let changed = 0;
      if (known)
        for (let i = 0; i < size; i++)
          if (old[piece.at + i] !== out[piece.to + i]) {
            changed = 1;
            break;
          }
      const context = (this.#history & 15) | (code === null ? 0 : 16) | (size === PIECE ? 32 : 0);
      changed = this.#changed.code(this.#coder, context, changed);
      this.#history = (this.#history << 1) | changed;
      if (changed === 0) take(piece);
      else if (code !== null) code.code(piece, known);
      else this.#data.code(piece, known);
      done += size;
    }
  }
}

// For a few bytes a loop is quicker, and makes no garbage.
function take({ old, at, out, to, length }: Piece): void {
  if (length >= 512) out.set(old.subarray(at, at + length), to);
  else for (let i = 0; i < length; i++) out[to + i] = old[at + i] ?? 0;
}
