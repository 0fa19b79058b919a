import { Layout, MAX_PARTS, NO_LAYOUT, sound, type Machine } from '../../bundle/patch-layout.ts';
import { elfParts } from './elf-parts.ts';
import { machoParts } from './macho-parts.ts';
import { peParts } from './pe-parts.ts';
import type { Program } from './program.ts';

/** How a file is laid out as a program. */
export interface ProgramLayout {
  readonly machine: Machine;
  readonly layout: Layout;
}

const NO_PROGRAM: ProgramLayout = { machine: 'none', layout: NO_LAYOUT };

/**
 * Reads the layout of an executable (ELF, Mach-O or PE, 64 bits, little-endian). What is none, or is damaged, or has addresses that
 * a patch cannot hold, has no layout: its patch is right all the same, only larger.
 */
export function programLayout(file: Uint8Array): ProgramLayout {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  let program: Program | null;
  try {
    program = elfParts(view) ?? machoParts(view) ?? peParts(view);
  } catch (error) {
    // A header that points out of the file.
    if (error instanceof RangeError) return NO_PROGRAM;
    throw error;
  }
  if (program === null) return NO_PROGRAM;
  const parts = program.parts
    .map((part) => ({ ...part, size: Math.min(part.size, part.memory, file.length - part.offset) }))
    .filter(({ size }) => size > 0)
    .sort((a, b) => a.offset - b.offset)
    .slice(0, MAX_PARTS);
  const origin = Math.min(...parts.map(({ address }) => address));
  if (!Number.isSafeInteger(origin)) return NO_PROGRAM;
  const layout = new Layout(
    parts.map((part) => ({ ...part, address: part.address - origin })),
    origin % 2 ** 32,
    Math.floor(origin / 2 ** 32),
  );
  return sound(layout, file.length) ? { machine: program.machine, layout } : NO_PROGRAM;
}
