import type { Part } from '../../bundle/patch-layout.ts';
import type { Program } from './program.ts';

const SEGMENT_64 = 0x19;
const EXECUTABLE = 4;

/** The segments of a Mach-O file for one machine; null if it is none. Source: Apple, <mach-o/loader.h>. */
export function machoParts(view: DataView): Program | null {
  if (view.byteLength < 32 || view.getUint32(0, true) !== 0xfeedfacf) return null;
  const machine = view.getUint32(4, true);
  const count = view.getUint32(16, true);
  const parts: Part[] = [];
  for (let i = 0, at = 32; i < count; i++) {
    if (view.getUint32(at, true) === SEGMENT_64) {
      const segment = at;
      const number = (field: number): number => Number(view.getBigUint64(segment + field, true));
      const code = (view.getUint32(at + 60, true) & EXECUTABLE) !== 0;
      parts.push({ address: number(24), memory: number(32), offset: number(40), size: number(48), code });
    }
    // A command has at least 8 bytes; fewer would go round in a circle.
    at += Math.max(8, view.getUint32(at + 4, true));
  }
  return { machine: machine === 0x01000007 ? 'x86-64' : machine === 0x0100000c ? 'arm64' : 'none', parts };
}
