import { describe, expect, it } from 'vitest';
import { readAhead } from '../../src/bundle/read-ahead.ts';

/** Counts how many items were asked for, and whether it was ended. */
function numbers(
  count: number,
  fails?: number,
): AsyncIterable<number> & { asked: number; pending: number; ended: boolean } {
  const source = {
    asked: 0,
    pending: 0,
    ended: false,
    [Symbol.asyncIterator]: () => ({
      next: async (): Promise<IteratorResult<number>> => {
        const value = source.asked;
        source.asked += 1;
        source.pending += 1;
        await new Promise(setImmediate);
        source.pending -= 1;
        if (value === fails) throw new Error(`item ${String(value)}`);
        return value < count ? { done: false, value } : { done: true, value: undefined };
      },
      return: () => {
        source.ended = true;
        return Promise.resolve({ done: true as const, value: undefined });
      },
    }),
  };
  return source;
}

describe('readAhead', () => {
  it('gives everything in order', async () => {
    const got: number[] = [];
    for await (const item of readAhead(numbers(5))) got.push(item);
    expect(got).toEqual([0, 1, 2, 3, 4]);
  });

  it('has asked for exactly one item more than is in use', async () => {
    const source = numbers(5);
    for await (const item of readAhead(source)) expect(source.asked).toBe(item + 2);
  });

  it('throws what the source throws, when its turn comes', async () => {
    const got: number[] = [];
    const reading = async (): Promise<void> => {
      for await (const item of readAhead(numbers(5, 2))) got.push(item);
    };
    await expect(reading()).rejects.toThrow('item 2');
    expect(got).toEqual([0, 1]);
  });

  it('leaves nothing under way when its reader stops early', async () => {
    const source = numbers(5, 1);
    for await (const item of readAhead(source)) {
      expect(item).toBe(0);
      break;
    }
    expect(source.pending).toBe(0);
    expect(source.ended).toBe(true);
  });
});
