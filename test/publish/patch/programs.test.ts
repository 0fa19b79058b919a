import { describe, expect, it } from 'vitest';
import { programLayout } from '../../../src/publish/patch/program-layout.ts';
import { noise, roundTrip } from './support/patching.ts';
import { armCode, CODE_AT, elf, macho, pe, x86Code } from './support/programs.ts';

const FUNCTIONS = 1500;

describe('addresses that moved cost nearly nothing', () => {
  // In each, all but a few of 4500 to 6000 addresses differ.
  it.each([
    ['ELF, x86-64', (extra: number) => elf(62, x86Code(FUNCTIONS, extra))],
    ['ELF, arm64', (extra: number) => elf(183, armCode(FUNCTIONS, extra))],
    ['Mach-O, x86-64', (extra: number) => macho(0x01000007, x86Code(FUNCTIONS, extra))],
    ['Mach-O, arm64', (extra: number) => macho(0x0100000c, armCode(FUNCTIONS, extra))],
    ['PE, x86-64', (extra: number) => pe(0x8664, x86Code(FUNCTIONS, extra))],
    ['PE, arm64', (extra: number) => pe(0xaa64, armCode(FUNCTIONS, extra))],
  ])('%s', async (_, build) => {
    const patch = await roundTrip(build(0), build(48));
    expect(patch.length).toBeLessThan(600);
  });
});

it('a program for another machine is patched as data', async () => {
  await roundTrip(elf(62, x86Code(50, 0)), elf(183, armCode(50, 0)));
});

describe('layouts', () => {
  const code = x86Code(4, 0);
  it.each([
    ['ELF', elf(62, code), 0, 0],
    ['Mach-O', macho(0x01000007, code), 0, 1],
    ['PE', pe(0x8664, code), 0x40001000, 1],
  ])('%s', (_, file, low, high) => {
    const { machine, layout } = programLayout(file);
    expect(machine).toBe('x86-64');
    expect(layout).toMatchObject({ originLow: low, originHigh: high });
    expect(layout.partAt(CODE_AT)).toMatchObject({ code: true });
    expect(layout.partAt(file.length)).toBeNull();
  });

  it('a header that is cut off or damaged is no program, and is patched all the same', async () => {
    for (const whole of [elf(62, code), macho(0x01000007, code), pe(0x8664, code)]) {
      for (let size = 0; size < 280; size += 7)
        expect(() => programLayout(whole.subarray(0, size))).not.toThrow();
      for (let seed = 1; seed < 12; seed++) {
        const damaged = Buffer.from(whole);
        damaged.set(noise(8, seed), 4 + ((seed * 5) % 260));
        await roundTrip(damaged, whole);
      }
    }
  });
});
