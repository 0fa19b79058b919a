/**
 * The payload of a bundle, decoded block by block out of a file that can be read anywhere.
 *
 * Invariant: of a signed bundle no byte is decoded before its block has been compared with the hash that the signature's
 * own pass kept, so that a writer between the two passes gains nothing.
 */
import { createHash } from 'node:crypto';
import { UpdateError } from '../errors.ts';
import { decodeBase64url } from './base64url.ts';
import type { RandomAccess } from './random-access.ts';

/** The bytes that are read, hashed and checked at once: 1 MiB. */
export const BLOCK_BYTES = 1024 * 1024;

const HASH_BYTES = 32;

/** Where the payload of a bundle lies, and the hashes of the file's blocks. */
export interface PayloadSource {
  /** Bytes of the whole file. */
  readonly size: number;
  /** Offset of the first character and how many there are. */
  readonly payload: { readonly start: number; readonly length: number };
  /** SHA-256 of each MiB of the file, one after the other; `unverified` reads without any check (inspection only). */
  readonly blocks: Buffer | 'unverified';
}

/** The SHA-256 of one block. */
export function blockHash(block: Uint8Array): Buffer {
  return createHash('sha256').update(block).digest();
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
 * @throws UpdateError `CANCELLED`, `BUNDLE_CHANGED` when the file became shorter, `BUNDLE_NOT_FOUND` when it cannot be read
 */
export async function readBlock(
  file: RandomAccess,
  index: number,
  size: number,
  signal: AbortSignal,
): Promise<Buffer> {
  if (signal.aborted)
    throw new UpdateError('CANCELLED', 'reading the bundle was cancelled', { cause: signal.reason });
  const start = index * BLOCK_BYTES;
  const block = Buffer.allocUnsafe(Math.min(BLOCK_BYTES, size - start));
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
 * The decoded bytes of the payload, in order, in chunks of at most 768 KiB.
 *
 * @param from - the decoded byte to start at
 * @throws UpdateError `BUNDLE_CHANGED`, `JWS_MALFORMED` where the text is not canonical base64url, and as {@link readBlock}
 */
export async function* payloadBytes(
  file: RandomAccess,
  source: PayloadSource,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const end = source.payload.start + source.payload.length;
  let at = source.payload.start + Math.floor(from / 3) * 4;
  let skip = from % 3;
  let rest = '';
  while (at < end) {
    const index = Math.floor(at / BLOCK_BYTES);
    const block = await readBlock(file, index, source.size, signal);
    checkBlock(block, index, source.blocks);
    const blockStart = index * BLOCK_BYTES;
    const text = rest + block.toString('latin1', at - blockStart, Math.min(end - blockStart, block.length));
    at = blockStart + block.length;
    const whole = at < end ? text.length - (text.length % 4) : text.length;
    rest = text.slice(whole);
    const bytes = decodeBase64url(text.slice(0, whole), 'the payload');
    yield bytes.subarray(skip);
    skip = 0;
  }
}

function checkBlock(block: Buffer, index: number, blocks: PayloadSource['blocks']): void {
  if (blocks === 'unverified') return;
  const expected = blocks.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
  if (!blockHash(block).equals(expected))
    throw new UpdateError(
      'BUNDLE_CHANGED',
      `MiB ${String(index)} differs from what the signature was checked over`,
    );
}
