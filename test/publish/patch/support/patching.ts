import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyPatch } from '../../../../src/bundle/patch.ts';
import type { RandomAccess } from '../../../../src/bundle/random-access.ts';
import { makePatch } from '../../../../src/publish/patch/make-patch.ts';

/** Bytes as a base. */
export function inMemory(bytes: Uint8Array): RandomAccess {
  return {
    size: bytes.length,
    read: async (buffer, position) => {
      const part = bytes.subarray(position, position + buffer.length);
      buffer.set(part);
      return part.length;
    },
  };
}

/** Makes a patch out of bytes. */
export async function patchOf(base: Uint8Array, target: Uint8Array): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'patch-'));
  try {
    const [from, to, out] = [join(folder, 'base'), join(folder, 'target'), join(folder, 'patch')];
    await writeFile(from, base);
    await writeFile(to, target);
    const { storedSize } = await makePatch({ base: from, target: to, out });
    const patch = await readFile(out);
    if (patch.length !== storedSize) throw new Error('the size is wrong');
    return patch;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A patch in chunks. */
export async function* inChunks(patch: Uint8Array, size = patch.length): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < patch.length; at += size) yield patch.subarray(at, at + size);
}

/** What a patch gives; the chunks one after the other. */
export async function applied(
  patch: AsyncIterable<Uint8Array>,
  base: RandomAccess,
  size: number,
  signal = new AbortController().signal,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let made = 0;
  for await (const chunk of applyPatch(patch, base, size, signal)) {
    made += chunk.length;
    if (made > size) throw new Error(`more than ${String(size)} bytes came out`);
    if (chunk.length > 1024 * 1024) throw new Error('a chunk is too large');
    // The buffer is used again.
    chunks.push(Uint8Array.from(chunk));
  }
  return Buffer.concat(chunks);
}

/** A patch made and applied; fails unless the target comes out. Returns the patch. */
export async function roundTrip(base: Uint8Array, target: Uint8Array): Promise<Uint8Array> {
  const patch = await patchOf(base, target);
  const result = await applied(inChunks(patch), inMemory(base), target.length);
  if (!result.equals(target)) throw new Error('the patch does not give the target');
  return patch;
}

/** Bytes without a pattern, the same at every call (a linear congruential generator). */
export function noise(length: number, seed = 1): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}
