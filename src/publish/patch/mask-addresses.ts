import { ARM, armKind, KIND, read32, write32, x86Field } from '../../bundle/patch-fields.ts';
import type { Layout, Part } from '../../bundle/patch-layout.ts';
import type { ProgramLayout } from './program-layout.ts';

/** Positions masked between two breaks. */
const STRIDE = 1 << 22;

/**
 * Puts zeros for the addresses in the code of a program, in place: code that only moved then looks the same, so that it is found.
 * Yields now and then, for a break.
 */
export function* maskAddresses(
  file: Uint8Array,
  { machine, layout }: ProgramLayout,
): Generator<void, void, undefined> {
  if (machine === 'none') return;
  for (const part of layout.parts) {
    if (!part.code) continue;
    const end = part.offset + part.size;
    const mask = machine === 'x86-64' ? maskX86 : maskArm;
    for (let at = part.offset + 4; at < end; yield)
      at = mask(file, layout, part, at, Math.min(at + STRIDE, end));
  }
}

function maskX86(file: Uint8Array, layout: Layout, part: Part, start: number, end: number): number {
  const move = part.address - part.offset;
  const last = part.offset + part.size - 4;
  let at = start;
  while (at < end) {
    const field = at <= last ? x86Field(file, at) : 0;
    if (field !== 0 && !((field & 7) === KIND.absolute && layout.originLow === 0)) {
      const from = (field & 7) === KIND.absolute ? -layout.originLow : at + move + 4 + (field >> 3);
      if (layout.holds((from + read32(file, at)) | 0)) {
        write32(file, at, 0);
        at += 3;
      }
    }
    at++;
  }
  return at;
}

/** The bits of an instruction that hold an address, by its {@link ARM} kind. */
const ADDRESS_BITS = Int32Array.of(0, 0x03ffffff, 0x60ffffe0, 0x003ffc00);

function maskArm(file: Uint8Array, _layout: Layout, part: Part, start: number, end: number): number {
  const move = part.address - part.offset;
  const last = part.offset + part.size - 4;
  let at = start + (-(start + move) & 3);
  for (; at < end && at <= last; at += 4) {
    const word = read32(file, at);
    const kind = armKind(word);
    if (kind !== ARM.none) write32(file, at, word & ~(ADDRESS_BITS[kind] ?? 0));
  }
  return Math.max(at, end);
}
