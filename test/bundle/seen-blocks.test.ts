import { describe, expect, it } from 'vitest';
import { watchBlocks } from '../../src/bundle/seen-blocks.ts';
import { noise } from '../fixtures/noise.ts';

describe('watchBlocks', () => {
  const blocks = [noise(100_000), Buffer.alloc(0), noise(7), Buffer.alloc(50)];
  const watched = (): ReturnType<typeof watchBlocks> => {
    const seen = watchBlocks();
    for (const block of blocks) seen.see(block);
    return seen;
  };

  it('knows each block in its place', () => {
    const seen = watched();
    expect(seen.count).toBe(4);
    for (const [index, block] of blocks.entries()) expect(seen.same(index, Buffer.from(block))).toBe(true);
  });

  it('finds one changed bit wherever it is', () => {
    const seen = watched();
    for (const at of [0, 1, 16, 99_984, 99_999]) {
      const changed = Buffer.from(noise(100_000));
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(seen.same(0, changed), String(at)).toBe(false);
    }
  });

  it('takes no block in another place, none that is shorter or longer, and none that it never saw', () => {
    const seen = watchBlocks();
    const block = Buffer.alloc(64);
    seen.see(block);
    seen.see(Buffer.alloc(64, 1));
    expect(seen.same(1, block)).toBe(false);
    expect(seen.same(0, block.subarray(1))).toBe(false);
    expect(seen.same(0, Buffer.alloc(65))).toBe(false);
    expect(seen.same(2, block)).toBe(false);
  });
});
