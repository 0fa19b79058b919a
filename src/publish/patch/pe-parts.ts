import type { Part } from '../../bundle/patch-layout.ts';
import type { Program } from './program.ts';

const EXECUTABLE = 0x20000000;

/** The sections of a PE32+ file; null if it is none. Source: Microsoft, “PE Format”. */
export function peParts(view: DataView): Program | null {
  if (view.byteLength < 64 || view.getUint16(0) !== 0x4d5a) return null;
  const pe = view.getUint32(60, true);
  // PE\0\0, and an optional header of 64 bits
  if (view.getUint32(pe) !== 0x50450000 || view.getUint16(pe + 24, true) !== 0x20b) return null;
  const machine = view.getUint16(pe + 4, true);
  const count = view.getUint16(pe + 6, true);
  const base = Number(view.getBigUint64(pe + 48, true));
  const start = pe + 24 + view.getUint16(pe + 20, true);
  const parts: Part[] = [];
  for (let at = start; at < start + count * 40; at += 40) {
    const number = (field: number): number => view.getUint32(at + field, true);
    const size = number(16);
    const memory = Math.max(size, number(8));
    parts.push({
      offset: number(20),
      address: base + number(12),
      size,
      memory,
      code: (number(36) & EXECUTABLE) !== 0,
    });
  }
  return { machine: machine === 0x8664 ? 'x86-64' : machine === 0xaa64 ? 'arm64' : 'none', parts };
}
