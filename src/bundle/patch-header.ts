/**
 * The head of a patch: how large the files are, how their programs are laid out, how many copies there are.
 */
import { MAX_COPIES, MAX_FILE } from './patch-copies.ts';
import type { BitCoder } from './patch-coder.ts';
import { LayoutModel, MACHINES, NO_LAYOUT, sound, type Layout, type Machine } from './patch-layout.ts';
import { Numbers } from './patch-numbers.ts';

/** The first bytes of a patch: a name, and the version of the format. */
export const MAGIC = Uint8Array.of(0x43, 0x44, 0x50, 0x01);

/** What is known of a patch before its copies. */
export interface PatchHeader {
  readonly baseSize: number;
  readonly targetSize: number;
  readonly machine: Machine;
  readonly base: Layout;
  readonly target: Layout;
  readonly copies: number;
}

/** What the reading side gives to {@link codeHeader}. */
export const NO_HEADER: PatchHeader = {
  baseSize: 0,
  targetSize: 0,
  machine: 'none',
  base: NO_LAYOUT,
  target: NO_LAYOUT,
  copies: 0,
};

/** Codes a header; null if what is read is out of range. */
export function codeHeader(coder: BitCoder, header: PatchHeader): PatchHeader | null {
  const numbers = new Numbers(1);
  const layouts = new LayoutModel();
  const baseSize = numbers.code(coder, 0, header.baseSize);
  const targetSize = numbers.code(coder, 0, header.targetSize);
  const machine = MACHINES[numbers.code(coder, 0, MACHINES.indexOf(header.machine))];
  const base = layouts.code(coder, header.base);
  const target = layouts.code(coder, header.target);
  const copies = numbers.code(coder, 0, header.copies);
  if (baseSize > MAX_FILE || targetSize > MAX_FILE || machine === undefined || copies > MAX_COPIES)
    return null;
  if (!sound(base, baseSize) || !sound(target, targetSize)) return null;
  return { baseSize, targetSize, machine, base, target, copies };
}
