/**
 * Where the parts of a program lie in its file and in memory. The patch carries it, so that whoever applies one knows nothing of
 * executable formats.
 *
 * Invariant: offsets, sizes and addresses are below 2^31, and there are at most {@link MAX_PARTS} parts.
 */
import type { BitCoder } from './patch-coder.ts';
import { Numbers } from './patch-numbers.ts';

/** Whose instructions the code of a program is made of. */
export const MACHINES = ['none', 'x86-64', 'arm64'] as const;
export type Machine = (typeof MACHINES)[number];

/** The most parts of one program. */
export const MAX_PARTS = 32;

/** A stretch of the file, and where it lies in memory. */
export interface Part {
  /** First byte in the file, and bytes in the file. */
  readonly offset: number;
  readonly size: number;
  /** First address, counted from the program's origin, and bytes in memory: at least `size`, more where zeros follow. */
  readonly address: number;
  readonly memory: number;
  /** Whether it holds instructions. */
  readonly code: boolean;
}

/** Below it no value is taken for an address: small numbers are far too common. */
const FIRST_ADDRESS = 0x400;

const NOWHERE: Part = { offset: 0, size: 0, address: 0, memory: 0, code: false };

/** The parts of one program. */
export class Layout {
  readonly parts: readonly Part[];
  /** The address that the program itself gives to its address 0: lower and upper 32 bits. */
  readonly originLow: number;
  readonly originHigh: number;
  /** Addresses are from here… */
  readonly first = FIRST_ADDRESS;
  /** …to before here. */
  readonly end: number;
  readonly #edges: readonly number[];
  #last: Part = NOWHERE;

  constructor(parts: readonly Part[], originLow: number, originHigh: number) {
    this.parts = parts;
    this.originLow = originLow | 0;
    this.originHigh = originHigh | 0;
    this.#edges = parts.flatMap(({ offset, size }) => [offset, offset + size]).sort((a, b) => a - b);
    this.end = parts.reduce((end, part) => Math.max(end, part.address + part.memory), 0);
  }

  /** The part that holds an offset of the file. */
  partAt(offset: number): Part | null {
    if (offset >= this.#last.offset && offset < this.#last.offset + this.#last.size) return this.#last;
    for (const part of this.parts)
      if (offset >= part.offset && offset < part.offset + part.size) return (this.#last = part);
    return null;
  }

  /** The first offset after `offset` where a part starts or ends; infinite if there is none. */
  edgeAfter(offset: number): number {
    for (const edge of this.#edges) if (edge > offset) return edge;
    return Infinity;
  }

  /** The address of an offset of the file; −1 if it has none. */
  addressOf(offset: number): number {
    const part = this.partAt(offset);
    return part === null ? -1 : offset - part.offset + part.address;
  }

  /** Whether a value may be an address of the program. */
  holds(address: number): boolean {
    return address >= this.first && address < this.end;
  }
}

/** Codes layouts: one side writes what it is given, the other reads. */
export class LayoutModel {
  readonly #numbers = new Numbers(1);

  /** Codes a layout; what is read may be out of range, see {@link sound}. */
  code(coder: BitCoder, layout: Layout): Layout {
    const number = (value: number): number => this.#numbers.code(coder, 0, value);
    const originLow = number(layout.originLow >>> 0);
    const originHigh = number(layout.originHigh >>> 0);
    const count = Math.min(number(layout.parts.length), MAX_PARTS);
    const parts: Part[] = [];
    for (let i = 0; i < count; i++) {
      const part = layout.parts[i] ?? NOWHERE;
      const offset = number(part.offset);
      const size = number(part.size);
      const address = number(part.address);
      const memory = number(part.memory);
      parts.push({ offset, size, address, memory, code: number(part.code ? 1 : 0) === 1 });
    }
    return new Layout(parts, originLow, originHigh);
  }
}

/** Whether a layout keeps the limits above and lies within a file of `size` bytes. */
export function sound(layout: Layout, size: number): boolean {
  return layout.parts.every(
    (part) =>
      part.offset + part.size <= size && part.size <= part.memory && part.address + part.memory < 2 ** 31,
  );
}

/** The layout of what is no program. */
export const NO_LAYOUT = new Layout([], 0, 0);
