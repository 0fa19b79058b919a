import { beforeAll, describe, expect, it } from 'vitest';
import { RangeDecoder } from '../../src/bundle/patch-coder.ts';
import { MAX_COPIES } from '../../src/bundle/patch-copies.ts';
import { codeHeader, NO_HEADER, type PatchHeader } from '../../src/bundle/patch-header.ts';
import { Layout } from '../../src/bundle/patch-layout.ts';
import { applyPatch } from '../../src/bundle/patch.ts';
import { UpdateError } from '../../src/errors.ts';
import { RangeEncoder } from '../../src/publish/patch/range-encoder.ts';
import { applied, inChunks, inMemory, noise, patchOf } from '../publish/patch/support/patching.ts';
import { elf, x86Code } from '../publish/patch/support/programs.ts';

const base = elf(62, x86Code(20, 0));
const target = Buffer.concat([elf(62, x86Code(20, 32)), noise(60)]);
const source = inMemory(base);
let patch: Uint8Array;
beforeAll(async () => {
  patch = await patchOf(base, target);
});

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'none';
  } catch (error) {
    if (error instanceof UpdateError) return error.code;
    throw error;
  }
}

describe('streaming', () => {
  it('does not care how the patch is cut', async () => {
    for (const size of [1, 2, 3, 5, 7, 64, 1000, patch.length - 1, patch.length])
      expect((await applied(inChunks(patch, size), source, target.length)).equals(target)).toBe(true);
  });

  it('reads the base only inside, and no more than a bounded piece at once', async () => {
    const large = noise(1_200_000);
    const reads: [number, number][] = [];
    const watched = {
      size: large.length,
      read: async (buffer: Uint8Array, position: number) => {
        reads.push([position, buffer.length]);
        return inMemory(large).read(buffer, position);
      },
    };
    expect((await applied(inChunks(await patchOf(large, large)), watched, large.length)).equals(large)).toBe(
      true,
    );
    expect(reads.every(([position, size]) => position >= 0 && position + size <= large.length)).toBe(true);
    expect(Math.max(...reads.map(([, size]) => size))).toBeLessThan(1024 * 1024);
  });

  it('leaves a chunk alone while the next one is made', async () => {
    const large = noise(600_000);
    const chunks = applyPatch(
      inChunks(await patchOf(large, large)),
      inMemory(large),
      large.length,
      new AbortController().signal,
    );
    let last: Uint8Array = new Uint8Array(0);
    let at = 0;
    for await (const chunk of chunks) {
      expect(Buffer.from(last).equals(large.subarray(at - last.length, at))).toBe(true);
      at += chunk.length;
      last = chunk;
    }
    expect(at).toBe(large.length);
  });
});

describe('a bad patch', () => {
  it('that is cut off anywhere is refused', async () => {
    for (let size = 0; size < patch.length; size++)
      expect(await codeOf(applied(inChunks(patch.subarray(0, size)), source, target.length))).toBe(
        'DELTA_FAILED',
      );
  });

  it('that goes on behind its end is refused', async () => {
    const longer = Buffer.concat([patch, Buffer.from([0])]);
    expect(await codeOf(applied(inChunks(longer, 64), source, target.length))).toBe('DELTA_FAILED');
  });

  it('with any bit flipped is refused, or gives bytes of the right number', async () => {
    for (let bit = 0; bit < patch.length * 8; bit += 3) {
      const bad = Uint8Array.from(patch);
      bad[bit >> 3]! ^= 1 << (bit & 7);
      try {
        const result = await applied(inChunks(bad), source, target.length);
        expect(result.length).toBe(target.length);
      } catch (error) {
        expect(error).toMatchObject({ code: 'DELTA_FAILED' });
      }
    }
  });

  it('of chance is refused, or gives bytes of the right number', async () => {
    for (let seed = 1; seed < 200; seed++) {
      const bad = Buffer.concat([patch.subarray(0, 4 + (seed % 40)), noise(300, seed)]);
      expect(['DELTA_FAILED', 'none']).toContain(await codeOf(applied(inChunks(bad), source, target.length)));
    }
  });

  it('for another result or another base is refused', async () => {
    for (const size of [0, target.length - 1, target.length + 1, 2 ** 40])
      expect(await codeOf(applied(inChunks(patch), source, size))).toBe('DELTA_FAILED');
    for (const other of [base.subarray(1), Buffer.concat([base, Buffer.from([0])])])
      expect(await codeOf(applied(inChunks(patch), inMemory(other), target.length))).toBe('DELTA_FAILED');
  });

  it('is refused as soon as it is cut off, not after zeros were read for the rest', async () => {
    const large = noise(600_000);
    const cut = (await patchOf(new Uint8Array(0), large)).subarray(0, 150_000);
    let made = 0;
    const counting = async (): Promise<void> => {
      const chunks = applyPatch(
        inChunks(cut),
        inMemory(Buffer.alloc(0)),
        large.length,
        new AbortController().signal,
      );
      for await (const chunk of chunks) made += chunk.length;
    };
    expect(await codeOf(counting())).toBe('DELTA_FAILED');
    expect(made).toBeLessThan(300_000);
  });

  it('a base that is shorter than it says is refused', async () => {
    const same = noise(50_000);
    const short = { size: same.length, read: async (buffer: Uint8Array) => buffer.length - 1 };
    expect(await codeOf(applied(inChunks(await patchOf(same, same)), short, same.length))).toBe(
      'DELTA_FAILED',
    );
  });

  it('whose head is out of range is refused', async () => {
    const part = { offset: 0, size: 10, address: 0, memory: 10, code: true };
    const layout = (bad: Partial<typeof part>): Layout => new Layout([{ ...part, ...bad }], 0, 0);
    const sizes = { baseSize: 100, targetSize: 100 };
    const fits: Partial<PatchHeader> = { ...sizes, base: layout({}), target: layout({}) };
    const bad: Partial<PatchHeader>[] = [
      { base: layout({ offset: 91 }) },
      { target: layout({ size: 101, memory: 101 }) },
      { base: layout({ memory: 9 }) },
      { target: layout({ address: 2 ** 31 - 10 }) },
      { copies: MAX_COPIES + 1 },
      { copies: 0xffffffff },
      { baseSize: 2 ** 30 + 1 },
    ];
    const read = (header: Partial<PatchHeader>): PatchHeader | null => {
      const encoder = new RangeEncoder();
      codeHeader(encoder, { ...NO_HEADER, ...fits, ...header });
      const decoder = new RangeDecoder(64);
      decoder.give(encoder.finish());
      decoder.begin();
      return codeHeader(decoder, NO_HEADER);
    };
    expect(read({})).toMatchObject(sizes);
    for (const header of bad) expect(read(header)).toBeNull();
  });
});

describe('errors and cancelling', () => {
  it('errors of the base and of the patch come out as they are', async () => {
    const fault = new Error('the disk is on fire');
    const broken = { size: base.length, read: () => Promise.reject(fault) };
    await expect(applied(inChunks(patch), broken, target.length)).rejects.toBe(fault);
    async function* breaking() {
      yield patch.subarray(0, 10);
      throw fault;
    }
    await expect(applied(breaking(), source, target.length)).rejects.toBe(fault);
  });

  it('is cancelled before, while it waits for the patch, and in the middle', async () => {
    expect(await codeOf(applied(inChunks(patch), source, target.length, AbortSignal.abort()))).toBe(
      'CANCELLED',
    );
    const waiting = new AbortController();
    async function* hanging(): AsyncGenerator<Uint8Array> {
      yield patch.subarray(0, 10);
      setImmediate(() => {
        waiting.abort();
      });
      await new Promise(() => {});
    }
    expect(await codeOf(applied(hanging(), source, target.length, waiting.signal))).toBe('CANCELLED');
    const large = noise(1_100_000);
    const middle = new AbortController();
    const cancelling = {
      size: large.length,
      read: (buffer: Uint8Array, position: number) => {
        if (position > 1_000_000) middle.abort();
        return inMemory(large).read(buffer, position);
      },
    };
    const work = applied(inChunks(await patchOf(large, large)), cancelling, large.length, middle.signal);
    expect(await codeOf(work)).toBe('CANCELLED');
  });

  it('ends the patch’s source when it ends early', async () => {
    let ended = false;
    async function* counting() {
      try {
        for (;;) yield patch;
      } finally {
        ended = true;
      }
    }
    expect(await codeOf(applied(counting(), source, 1))).toBe('DELTA_FAILED');
    expect(ended).toBe(true);
  });
});
