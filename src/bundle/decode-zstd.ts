/**
 * A file that is stored whole, compressed with zstd (RFC 8878).
 *
 * Invariants: memory stays bounded (a window of 8 MiB and a few chunks), whatever the bytes claim; the member is exactly one
 * stream, with nothing behind it.
 */
import type { TransformOptions } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdDecompress, type ZstdOptions } from 'node:zlib';
import { UpdateError } from '../errors.ts';
import type { ManifestFile } from './manifest.ts';
import { misfit } from './misfit.ts';

/** The largest window (as a power of two) that a compressed file may ask for: 8 MiB, what zstd levels 1 to 19 need. */
export const ZSTD_WINDOW_LOG = 23;

/** Smaller ones cost more for their way between the threads than they save; larger ones fall out of the processor's cache. */
const CHUNK_BYTES = 1024 * 1024;

const DECODER: ZstdOptions & TransformOptions = {
  chunkSize: CHUNK_BYTES,
  params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG },
  // With one, each chunk fills the writing side, so that the next is asked for only when the last is used up.
  writableHighWaterMark: 1,
  readableHighWaterMark: 2 * CHUNK_BYTES,
};

/**
 * Decompresses one member, in chunks of at most 1 MiB. The work is done by libuv's threads, a chunk or two ahead of the reader.
 *
 * @param stored - each chunk is ours until we ask for the next one
 * @returns each chunk until the next one is asked for
 * @throws UpdateError `BUNDLE_CHECKSUM_MISMATCH` where it is not one whole stream, `CANCELLED`, and what `stored` rejects with
 */
export async function* decodeZstd(
  stored: AsyncIterable<Uint8Array>,
  entry: ManifestFile,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = createZstdDecompress(DECODER);
  const fed = pipeline(stored, decoder, { signal });
  // What it rejects with comes out of the decoder as well; and below it is waited for.
  fed.catch(() => undefined);
  try {
    for await (const chunk of decoder as AsyncIterable<Buffer>) {
      yield chunk;
      release(chunk);
    }
    await fed;
  } catch (error) {
    if (error instanceof UpdateError) throw error;
    if (signal.aborted) throw new UpdateError('CANCELLED', 'unpacking was cancelled', { cause: error });
    // Everything else that can fail in here is the decoder.
    throw misfit(entry, 'one whole zstd stream, found something else', error);
  } finally {
    decoder.destroy();
    await fed.catch(() => undefined);
  }
  // Node ends the stream quietly at what follows the last frame; only the count shows that something did.
  if (decoder.bytesWritten !== entry.stored_size)
    throw misfit(
      entry,
      `a zstd stream of ${String(entry.stored_size)} bytes, found ${String(decoder.bytesWritten)}`,
    );
}

/**
 * Gives a chunk's memory back at once. Left to the garbage collector, up to 64 MB of used chunks would lie about before it begins.
 * Only where the chunk is all of its memory: the decoder goes on filling the rest of one that it handed out in part.
 */
function release(chunk: Buffer): void {
  const { buffer } = chunk;
  if (buffer instanceof ArrayBuffer && chunk.length === buffer.byteLength) buffer.transfer(0);
}
