/**
 * The payload of a bundle, decoded block by block out of a file that can be read anywhere.
 *
 * Invariants:
 * - Of a signed bundle no byte is decoded before its block has been compared with what the signature's own pass saw
 *   (`seen-blocks.ts`), so that a writer between the two passes gains nothing.
 * - Memory is a few blocks, used again and again: what is yielded is the reader's only until it asks for more.
 */
import { UpdateError } from '../errors.ts';
import { decodeBase64urlInto } from './base64url.ts';
import type { RandomAccess } from './random-access.ts';
import { readAhead } from './read-ahead.ts';
import type { SeenBlocks } from './seen-blocks.ts';

/** The bytes that are read and checked at once: 1 MiB. */
export const BLOCK_BYTES = 1024 * 1024;

/** Characters of a group of base64, and the bytes that it stands for. */
const GROUP_CHARS = 4;
const GROUP_BYTES = 3;

/** Where the payload of a bundle lies, and what the file's blocks were. */
export interface PayloadSource {
  /** Bytes of the whole file. */
  readonly size: number;
  /** Offset of the first character and how many there are. */
  readonly payload: { readonly start: number; readonly length: number };
  /** Each MiB of the file, as the signature's pass saw it; `unverified` reads without any check (inspection only). */
  readonly blocks: SeenBlocks | 'unverified';
}

/** How many blocks a file of `size` bytes has. */
export function blockCount(size: number): number {
  return Math.ceil(size / BLOCK_BYTES);
}

/**
 * Reads one block of the file, whole.
 *
 * @param index - from 0
 * @param size - the file's size when reading began, bytes
 * @param into - where to; a buffer of its own unless told
 * @throws UpdateError `CANCELLED`, `BUNDLE_CHANGED` when the file became shorter, `BUNDLE_NOT_FOUND` when it cannot be read
 */
export async function readBlock(
  file: RandomAccess,
  index: number,
  size: number,
  signal: AbortSignal,
  into?: Buffer,
): Promise<Buffer> {
  if (signal.aborted)
    throw new UpdateError('CANCELLED', 'reading the bundle was cancelled', { cause: signal.reason });
  const start = index * BLOCK_BYTES;
  const length = Math.min(BLOCK_BYTES, size - start);
  const block = into?.subarray(0, length) ?? Buffer.allocUnsafe(length);
  const read = await readFrom(file, block, start);
  if (read !== block.length)
    throw new UpdateError(
      'BUNDLE_CHANGED',
      `expected ${String(size)} bytes, the file ends at ${String(start + read)}`,
    );
  return block;
}

async function readFrom(file: RandomAccess, block: Buffer, start: number): Promise<number> {
  try {
    return await file.read(block, start);
  } catch (error) {
    throw UpdateError.from(error, 'BUNDLE_NOT_FOUND', 'the bundle cannot be read');
  }
}

/**
 * All blocks of the file, in order; the next one is read while the current one is in use.
 *
 * @returns each block until the next is asked for
 * @throws UpdateError as {@link readBlock}
 */
export function readBlocks(
  file: RandomAccess,
  size: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  return readAhead(blocksInTurn(file, size, signal));
}

async function* blocksInTurn(
  file: RandomAccess,
  size: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const length = Math.min(BLOCK_BYTES, size);
  const buffers = inTurn(length);
  for (let index = 0; index < blockCount(size); index += 1)
    yield await readBlock(file, index, size, signal, buffers());
}

/** Two buffers, one after the other: one is filled while the other is in use. */
function inTurn(length: number): () => Buffer {
  let [next, other] = [Buffer.allocUnsafeSlow(length), Buffer.allocUnsafeSlow(length)];
  return () => {
    [next, other] = [other, next];
    return next;
  };
}

/**
 * The decoded bytes of the payload, in order, in chunks of at most 768 KiB. The next one is read, checked and decoded while the
 * current one is in use.
 *
 * @param from - the decoded byte to start at
 * @returns each chunk until the next is asked for
 * @throws UpdateError `BUNDLE_CHANGED`, `JWS_MALFORMED` where the text is not canonical base64url, and as {@link readBlock}
 */
export function payloadBytes(
  file: RandomAccess,
  source: PayloadSource,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  return readAhead(decodedInTurn(file, source, from, signal));
}

async function* decodedInTurn(
  file: RandomAccess,
  { size, payload, blocks }: PayloadSource,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const end = payload.start + payload.length;
  let at = payload.start + Math.floor(from / GROUP_BYTES) * GROUP_CHARS;
  let skip = from % GROUP_BYTES;
  // A block stands behind the characters that are left of the one before it: at most an incomplete group.
  const text = Buffer.allocUnsafeSlow(GROUP_CHARS + Math.min(BLOCK_BYTES, size));
  const decoded = inTurn(Math.ceil((text.length / GROUP_CHARS) * GROUP_BYTES));
  let rest = 0;
  while (at < end) {
    const index = Math.floor(at / BLOCK_BYTES);
    const block = await readBlock(file, index, size, signal, text.subarray(GROUP_CHARS));
    checkBlock(block, index, blocks);
    const blockStart = index * BLOCK_BYTES;
    const first = GROUP_CHARS + at - blockStart - rest;
    const last = GROUP_CHARS + Math.min(end - blockStart, block.length);
    at = blockStart + block.length;
    rest = at < end ? (last - first) % GROUP_CHARS : 0;
    const bytes = decoded();
    const length = decodeBase64urlInto(text.subarray(first, last - rest), bytes, 'the payload');
    text.copy(text, GROUP_CHARS - rest, last - rest, last);
    yield bytes.subarray(skip, length);
    skip = 0;
  }
}

function checkBlock(block: Buffer, index: number, blocks: PayloadSource['blocks']): void {
  if (blocks === 'unverified' || blocks.same(index, block)) return;
  throw new UpdateError(
    'BUNDLE_CHANGED',
    `MiB ${String(index)} differs from what the signature was checked over`,
  );
}
