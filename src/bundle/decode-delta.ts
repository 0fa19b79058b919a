/**
 * A file that is made from one of the base's: patched, or the same.
 *
 * Invariants: the base is only read, in bounded pieces, and closed in the end; nothing but the result's own size and SHA-256 says
 * that it was the right one.
 */
import { UpdateError } from '../errors.ts';
import type { ManifestFile } from './manifest.ts';
import { misfit } from './misfit.ts';
import { applyPatch } from './patch.ts';
import type { BaseFiles, RandomAccess } from './random-access.ts';

const CHUNK_BYTES = 1024 * 1024;

type BaseFile = Awaited<ReturnType<BaseFiles['open']>>;

/**
 * Applies a patch to its file of the base.
 *
 * @param stored - the patch
 * @throws UpdateError `DELTA_BASE_MISSING`, `DELTA_FAILED` when it cannot be applied or the base cannot be read, `CANCELLED`, and
 * what `stored` rejects with
 */
export async function* decodePatch(
  stored: AsyncIterable<Uint8Array>,
  entry: ManifestFile,
  base: BaseFiles | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await openBase(entry, base);
  const patch = counted(stored);
  try {
    yield* gathered(applyPatch(patch.bytes, reading(file, entry), entry.size, signal));
    if ((await patch.rest()) > 0)
      throw misfit(entry, `a patch of ${String(patch.read())} bytes, found ${String(entry.stored_size)}`);
  } catch (error) {
    if (error instanceof UpdateError) throw error;
    if (signal.aborted) throw cancelled(error);
    throw misfit(entry, 'a patch that can be applied, found something else', error);
  } finally {
    await file.close();
  }
}

/**
 * Copies its file of the base.
 *
 * @throws UpdateError `DELTA_BASE_MISSING`, `DELTA_FAILED` when the base cannot be read, `CANCELLED`
 */
export async function* decodeSame(
  entry: ManifestFile,
  base: BaseFiles | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await openBase(entry, base);
  try {
    const source = reading(file, entry);
    // One byte more than expected shows a file that is longer; a shorter one shows itself by its size.
    for (let position = 0; position <= entry.size;) {
      if (signal.aborted) throw cancelled(signal.reason);
      const chunk = new Uint8Array(Math.min(CHUNK_BYTES, entry.size + 1 - position));
      const count = await source.read(chunk, position);
      if (count === 0) return;
      yield chunk.subarray(0, count);
      position += count;
    }
  } finally {
    await file.close();
  }
}

async function openBase(entry: ManifestFile, base: BaseFiles | undefined): Promise<BaseFile> {
  const path = entry.base_path ?? entry.path;
  if (base === undefined)
    throw new UpdateError(
      'DELTA_BASE_MISSING',
      `${entry.path}: expected a base that holds ${path}, found none`,
    );
  return base.open(path);
}

/** A base that cannot be read is a reason for the full bundle, like one that is not the right one. */
function reading(file: RandomAccess, entry: ManifestFile): RandomAccess {
  return {
    size: file.size,
    read: async (buffer, position) => {
      try {
        return await file.read(buffer, position);
      } catch (error) {
        throw misfit(entry, 'a base that can be read', error);
      }
    },
  };
}

/** The patch, and what its reader left of it. */
function counted(stored: AsyncIterable<Uint8Array>): {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Bytes that were read. */
  readonly read: () => number;
  /** Reads what is left, and says how many bytes it was. */
  readonly rest: () => Promise<number>;
} {
  const source = stored[Symbol.asyncIterator]();
  let count = 0;
  const next = async (): Promise<IteratorResult<Uint8Array>> => {
    const result = await source.next();
    if (result.done === true) return result;
    count += result.value.length;
    // A copy: its reader may look ahead, and the member's own chunks are ours only until the next.
    return { done: false, value: Uint8Array.from(result.value) };
  };
  return {
    // Without `return`: a reader that stops early does not end the member.
    bytes: { [Symbol.asyncIterator]: () => ({ next }) },
    read: () => count,
    rest: async () => {
      const before = count;
      while ((await next()).done !== true);
      return count - before;
    },
  };
}

/** Small chunks, of which a patch may give thousands, together; each is the reader's until it asks for the next. */
async function* gathered(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const block = new Uint8Array(CHUNK_BYTES);
  let filled = 0;
  for await (const chunk of chunks) {
    if (filled > 0 && filled + chunk.length > block.length) {
      yield block.subarray(0, filled);
      filled = 0;
    }
    if (filled === 0 && chunk.length >= block.length / 2) {
      yield chunk;
      continue;
    }
    block.set(chunk, filled);
    filled += chunk.length;
  }
  if (filled > 0) yield block.subarray(0, filled);
}

function cancelled(cause: unknown): UpdateError {
  return new UpdateError('CANCELLED', 'unpacking was cancelled', { cause });
}
