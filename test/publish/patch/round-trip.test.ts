import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makePatch } from '../../../src/publish/patch/make-patch.ts';
import { noise, patchOf, roundTrip } from './support/patching.ts';

const text = (repeat: number): Buffer =>
  Buffer.from(Array.from({ length: repeat }, (_, i) => `line ${String(i)} of a text\n`).join(''));

describe('a patch gives the target back', () => {
  const large = noise(300_000);
  const empty = new Uint8Array(0);
  it.each<[string, Uint8Array, Uint8Array]>([
    ['both empty', empty, empty],
    ['from nothing', empty, Buffer.from('hello')],
    ['to nothing', Buffer.from('hello'), empty],
    ['one byte', Buffer.from('a'), Buffer.from('b')],
    ['shorter than a seed', Buffer.from('fifteen bytes!!'), Buffer.from('fifteen bytes??')],
    ['identical', large, large],
    ['text with an insertion', text(5000), Buffer.concat([text(2000), Buffer.from('new\n'), text(5000)])],
    ['nothing in common', large, noise(300_000, 7)],
    ['a base much larger', large, large.subarray(100_000, 100_100)],
    ['a target much larger', large.subarray(5000, 5100), large],
    ['zeros', new Uint8Array(200_000), new Uint8Array(300_000)],
    ['zeros with one byte', new Uint8Array(200_000), new Uint8Array(200_000).fill(1, 100_000, 100_001)],
    ['halves swapped', large, Buffer.concat([large.subarray(150_001), large.subarray(0, 150_001)])],
    ['the end of the base', large, large.subarray(large.length - 40)],
    ['every 50th byte another', large, large.map((byte, i) => (i % 50 === 0 ? byte + 1 : byte))],
  ])('%s', async (_, base, target) => {
    await roundTrip(base, target);
  });
});

describe('a patch is small', () => {
  it('for identical files', async () => {
    expect((await roundTrip(noise(1_000_000), noise(1_000_000))).length).toBeLessThan(64);
  });

  it('for a table of addresses that all moved', async () => {
    const table = (move: number): Uint8Array => {
      const file = Buffer.alloc(80_000);
      for (let i = 0; i < 10_000; i++) file.writeUInt32LE(0x10000 + i * 48 + move, i * 8);
      return Buffer.concat([noise(100), file]);
    };
    expect((await roundTrip(table(0), table(0x740))).length).toBeLessThan(1500);
  });
});

describe('any edits', () => {
  const edit = fc.record({
    kind: fc.constantFrom('insert', 'remove', 'overwrite', 'move', 'add'),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    size: fc.integer({ min: 1, max: 400 }),
    to: fc.double({ min: 0, max: 1, noNaN: true }),
    seed: fc.nat(),
  });
  const start = fc.oneof(
    fc.uint8Array({ maxLength: 2000 }),
    fc.tuple(fc.nat(), fc.integer({ min: 0, max: 20_000 })).map(([seed, size]) => noise(size, seed)),
    fc.integer({ min: 0, max: 600 }).map((lines) => new Uint8Array(text(lines))),
    fc
      .uint8Array({ minLength: 1, maxLength: 16 })
      .map((unit) => new Uint8Array(3000).map((_, i) => unit[i % unit.length]!)),
  );

  it('come back', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(start, fc.array(edit, { maxLength: 12 }), async (base, edits) => {
        let target = Buffer.from(base);
        for (const { kind, at, size, to, seed } of edits) {
          const from = Math.floor(at * target.length);
          const [head, middle, tail] = [
            target.subarray(0, from),
            target.subarray(from, from + size),
            target.subarray(from + size),
          ];
          const rest = Buffer.concat([head, tail]);
          const place = Math.floor(to * rest.length);
          if (kind === 'insert') target = Buffer.concat([head, noise(size, seed), middle, tail]);
          else if (kind === 'remove') target = rest;
          else if (kind === 'overwrite') target = Buffer.concat([head, noise(middle.length, seed), tail]);
          else if (kind === 'move')
            target = Buffer.concat([rest.subarray(0, place), middle, rest.subarray(place)]);
          else target = Buffer.concat([head, middle.map((byte) => byte + seed), tail]);
        }
        await roundTrip(base, target);
      }),
      { numRuns: 60 },
    );
  });
});

describe('making', () => {
  it('gives the same patch for the same files', async () => {
    const [base, target] = [noise(50_000), noise(50_000).map((byte, i) => (i % 997 === 0 ? 0 : byte))];
    expect(Buffer.from(await patchOf(base, target)).equals(await patchOf(base, target))).toBe(true);
  });

  it('does not write over what is there, and does nothing once it is cancelled', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'patch-'));
    try {
      const [file, out] = [join(folder, 'file'), join(folder, 'out')];
      await writeFile(file, 'content');
      await writeFile(out, 'precious');
      await expect(makePatch({ base: file, target: file, out })).rejects.toMatchObject({ code: 'EEXIST' });
      const cancelled = makePatch({ base: file, target: file, out: `${out}2`, signal: AbortSignal.abort() });
      await expect(cancelled).rejects.toMatchObject({ code: 'CANCELLED' });
      expect(await readFile(out, 'utf8')).toBe('precious');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('stops in the middle when it is cancelled', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'patch-'));
    try {
      const [base, target, out] = [join(folder, 'base'), join(folder, 'target'), join(folder, 'out')];
      await writeFile(base, noise(4_000_000));
      await writeFile(target, noise(4_000_000, 9));
      const controller = new AbortController();
      const made = makePatch({ base, target, out, signal: controller.signal });
      setImmediate(() => {
        controller.abort();
      });
      await expect(made).rejects.toMatchObject({ code: 'CANCELLED' });
      await expect(readFile(out)).rejects.toMatchObject({ code: 'ENOENT' });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
