import type { Part } from '../../bundle/patch-layout.ts';
import type { Program } from './program.ts';

const LOAD = 1;
const EXECUTABLE = 1;

/** The loaded segments of an ELF file; null if it is none. Source: System V ABI, chapters 4 and 5. */
export function elfParts(view: DataView): Program | null {
  // \x7fELF, 64 bits, little-endian
  if (view.byteLength < 64 || view.getUint32(0) !== 0x7f454c46 || view.getUint16(4) !== 0x0201) return null;
  const machine = view.getUint16(18, true);
  const start = Number(view.getBigUint64(32, true));
  const step = view.getUint16(54, true);
  const count = view.getUint16(56, true);
  const parts: Part[] = [];
  for (let i = 0; i < count; i++) {
    const at = start + i * step;
    const number = (field: number): number => Number(view.getBigUint64(at + field, true));
    if (view.getUint32(at, true) !== LOAD) continue;
    const code = (view.getUint32(at + 4, true) & EXECUTABLE) !== 0;
    parts.push({ offset: number(8), address: number(16), size: number(32), memory: number(40), code });
  }
  return { machine: machine === 62 ? 'x86-64' : machine === 183 ? 'arm64' : 'none', parts };
}
