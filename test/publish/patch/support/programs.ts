/** Small programs made of functions that call each other, so that an insertion moves addresses everywhere. */
import { noise } from './patching.ts';

export const CODE_AT = 0x1000;

/** Functions of fixed bodies; `extra` makes one of them longer. */
function bodies(count: number, extra: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    // Four bytes at a time, with upper bits that no address-holding instruction of either machine has.
    const body = noise(64 + (i % 7) * 16 + (i === 3 ? extra : 0), i + 1);
    return body.map((byte) => (byte & 0x1f) | 0x40);
  });
}

function starts(parts: readonly Uint8Array[], callSize: number): number[] {
  let at = CODE_AT;
  return parts.map((body) => {
    const start = at;
    at += body.length + 4 * callSize;
    return start;
  });
}

/** x86-64: each function ends with four calls. */
export function x86Code(count: number, extra: number): Buffer {
  const all = bodies(count, extra);
  const at = starts(all, 5);
  return Buffer.concat(
    all.flatMap((body, i) => {
      const calls = Buffer.alloc(20);
      for (let c = 0; c < 4; c++) {
        const here = at[i]! + body.length + c * 5;
        calls[c * 5] = 0xe8;
        calls.writeInt32LE(at[(i * 31 + c * 17) % count]! - here - 5, c * 5 + 1);
      }
      return [body, calls];
    }),
  );
}

/** arm64: each function ends with two BL, and an ADRP with an ADD. */
export function armCode(count: number, extra: number): Buffer {
  const all = bodies(count, extra);
  const at = starts(all, 4);
  return Buffer.concat(
    all.flatMap((body, i) => {
      const here = at[i]! + body.length;
      const words = Buffer.alloc(16);
      for (let c = 0; c < 2; c++) {
        const distance = at[(i * 31 + c * 17) % count]! - here - c * 4;
        words.writeUInt32LE((0x94000000 | ((distance >> 2) & 0x3ffffff)) >>> 0, c * 4);
      }
      const named = at[(i * 13) % count]!;
      const pages = (named >> 12) - ((here + 8) >> 12);
      words.writeUInt32LE((0x90000000 | ((pages & 3) << 29) | (((pages >> 2) & 0x7ffff) << 5) | 9) >>> 0, 8);
      words.writeUInt32LE((0x91000000 | ((named & 0xfff) << 10) | (9 << 5) | 9) >>> 0, 12);
      return [body, words];
    }),
  );
}

/** An ELF file of one segment of code. */
export function elf(machine: number, code: Uint8Array): Buffer {
  const file = Buffer.alloc(CODE_AT + code.length);
  file.writeUInt32BE(0x7f454c46, 0);
  file.writeUInt16BE(0x0201, 4);
  file.writeUInt16LE(machine, 18);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(1, 64);
  file.writeUInt32LE(5, 68);
  for (const field of [96, 104]) file.writeBigUInt64LE(BigInt(file.length), field);
  file.set(code, CODE_AT);
  return file;
}

/** A Mach-O file of one segment of code. */
export function macho(machine: number, code: Uint8Array): Buffer {
  const file = Buffer.alloc(CODE_AT + code.length);
  file.writeUInt32LE(0xfeedfacf, 0);
  file.writeUInt32LE(machine, 4);
  file.writeUInt32LE(1, 16);
  file.writeUInt32LE(0x19, 32);
  file.writeUInt32LE(72, 36);
  file.writeBigUInt64LE(0x100000000n, 56);
  for (const field of [64, 80]) file.writeBigUInt64LE(BigInt(file.length), field);
  file.writeUInt32LE(5, 92);
  file.set(code, CODE_AT);
  return file;
}

/** A PE32+ file of one section of code. */
export function pe(machine: number, code: Uint8Array): Buffer {
  const file = Buffer.alloc(CODE_AT + code.length);
  file.writeUInt16BE(0x4d5a, 0);
  file.writeUInt32LE(64, 60);
  file.writeUInt32BE(0x50450000, 64);
  file.writeUInt16LE(machine, 68);
  file.writeUInt16LE(1, 70);
  file.writeUInt16LE(112, 84);
  file.writeUInt16LE(0x20b, 88);
  file.writeBigUInt64LE(0x140000000n, 112);
  const section = 64 + 24 + 112;
  for (const [field, value] of [
    [8, code.length],
    [12, CODE_AT],
    [16, code.length],
    [20, CODE_AT],
    [36, 0x20000000],
  ] as const)
    file.writeUInt32LE(value, section + field);
  file.set(code, CODE_AT);
  return file;
}
