import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteMixer } from '../../src/bundle/patch-bytes.ts';
import { CODER_HEAD, MAX_BYTES_PER_BIT, RangeDecoder, type BitCoder } from '../../src/bundle/patch-coder.ts';
import { Flags, Numbers, Symbols } from '../../src/bundle/patch-numbers.ts';
import { RangeEncoder } from '../../src/publish/patch/range-encoder.ts';

/** Runs the same code at both ends; returns what the reading end got. */
function bothEnds<T>(
  run: (coder: BitCoder, values: readonly T[]) => T[],
  values: readonly T[],
  blank: T,
): T[] {
  const encoder = new RangeEncoder();
  run(encoder, values);
  const bytes = encoder.finish();
  const decoder = new RangeDecoder(1);
  decoder.give(bytes);
  decoder.begin();
  const read = run(
    decoder,
    values.map(() => blank),
  );
  expect(decoder.buffered).toBe(0);
  expect(decoder.missing).toBe(0);
  return read;
}

describe('what is written is read, to the last byte', () => {
  it('bits of any likelihood', () => {
    const bits = fc.array(fc.tuple(fc.integer({ min: 24, max: 65512 }), fc.integer({ min: 0, max: 1 })), {
      maxLength: 400,
    });
    fc.assert(
      fc.property(bits, (given) => {
        const run = (coder: BitCoder, values: readonly number[]): number[] =>
          values.map((bit, i) => coder.code(given[i]![0], bit));
        const values = given.map(([, bit]) => bit);
        expect(bothEnds(run, values, 0)).toEqual(values);
      }),
    );
  });

  it('long runs of the unlikely and the likely, with carries', () => {
    for (const [one, bit] of [
      [24, 1],
      [24, 0],
      [65512, 0],
      [65512, 1],
    ] as const) {
      const values = Array.from({ length: 5000 }, (_, i) => (i % 1000 === 999 ? 1 - bit : bit));
      expect(
        bothEnds((coder, all: readonly number[]) => all.map((value) => coder.code(one, value)), values, 0),
      ).toEqual(values);
    }
  });

  it('numbers, symbols, flags and bytes', () => {
    const number = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 0xffffffff }));
    fc.assert(
      fc.property(fc.array(number, { maxLength: 300 }), (values) => {
        const run = (coder: BitCoder, all: readonly number[]): number[] => {
          const models = {
            numbers: new Numbers(2),
            symbols: new Symbols(1, 3),
            flags: new Flags(1),
            bytes: new ByteMixer(12),
          };
          return all.map((value, i) => {
            if (i % 4 === 0) return models.numbers.code(coder, i % 8 === 0 ? 0 : 1, value);
            if (i % 4 === 1) return models.symbols.code(coder, 0, value & 7);
            if (i % 4 === 2) return models.flags.code(coder, 0, value & 1);
            return models.bytes.code(coder, i & 255, i, i >> 1, i >> 2, value & 255);
          });
        };
        const kept = values.map((value, i) => [value, value & 7, value & 1, value & 255][i % 4]!);
        expect(bothEnds(run, values, 0)).toEqual(kept);
      }),
    );
  });
});

it('one bit takes no more input than it may, and what is missing is counted', () => {
  const decoder = new RangeDecoder(1);
  decoder.give(Uint8Array.from({ length: CODER_HEAD }, () => 0xff));
  decoder.begin();
  let before = 0;
  for (let i = 0; i < 10_000; i++) {
    decoder.code(i % 2 === 0 ? 24 : 65512);
    expect(decoder.missing - before).toBeLessThanOrEqual(MAX_BYTES_PER_BIT);
    before = decoder.missing;
  }
  expect(before).toBeGreaterThan(0);
});

it('bytes that follow a pattern become cheap', () => {
  const encoder = new RangeEncoder();
  const mixer = new ByteMixer(12);
  for (let i = 1; i < 20_000; i++) mixer.code(encoder, (i - 1) % 7, 0, 0, 0, i % 7);
  expect(encoder.length).toBeLessThan(200);
});
