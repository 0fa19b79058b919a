/**
 * One file of a bundle: decoded, counted and hashed while it is written.
 *
 * Invariant: memory stays bounded (a window of 8 MiB and a few chunks), whatever the bytes claim.
 */
import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdDecompress } from 'node:zlib';
import { UpdateError } from '../errors.ts';
import type { ManifestFile } from './manifest.ts';

/** The largest window (as a power of two) that a compressed file may ask for: 8 MiB, what zstd levels 1 to 19 need. */
export const ZSTD_WINDOW_LOG = 23;

/** Receives one file. */
export interface FileSink {
  write(chunk: Uint8Array): Promise<void>;
  /** Called once the file's size and SHA-256 are right. */
  close(): Promise<void>;
  /** Called instead of `close` when the file is refused; frees what is open. */
  discard?(): Promise<void>;
}

/** Receives the files of a bundle, one after the other. The same shape as the port `UnpackTarget`. */
export interface UnpackSink {
  open(path: string, mode: number): Promise<FileSink>;
}

/**
 * Decodes one member of the archive into `target`.
 *
 * @param stored - the member's bytes as they stand in the archive
 * @param entry - the manifest's line for it
 * @throws UpdateError `BUNDLE_CHECKSUM_MISMATCH`, `CANCELLED`, and what `stored` and `target` reject with
 */
export async function unpackFile(
  stored: AsyncIterable<Uint8Array>,
  entry: ManifestFile,
  target: UnpackSink,
  signal: AbortSignal,
): Promise<void> {
  const sink = await sinking(target.open(entry.path, entry.mode));
  try {
    await decode(stored, entry, sink, signal);
  } catch (error) {
    if (sink.discard !== undefined) await sinking(sink.discard());
    throw error;
  }
  await sinking(sink.close());
}

async function decode(
  stored: AsyncIterable<Uint8Array>,
  entry: ManifestFile,
  sink: FileSink,
  signal: AbortSignal,
): Promise<void> {
  const hash = createHash('sha256');
  let size = 0;
  const decoder = createZstdDecompress({
    chunkSize: 128 * 1024,
    params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG },
  });
  try {
    await pipeline(
      stored,
      decoder,
      async (decoded: AsyncIterable<Buffer>) => {
        for await (const chunk of decoded) {
          size += chunk.length;
          if (size > entry.size) throw mismatch(entry, `${String(entry.size)} bytes, found more`);
          hash.update(chunk);
          await sinking(sink.write(chunk));
        }
      },
      { signal },
    );
  } catch (error) {
    if (error instanceof UpdateError) throw error;
    if (signal.aborted) throw new UpdateError('CANCELLED', 'unpacking was cancelled', { cause: error });
    // Everything else that can fail in here is the decoder.
    throw mismatch(entry, 'one whole zstd stream, found something else', error);
  }
  // Node ends the stream quietly at what follows the last frame; only the count shows that something did.
  if (decoder.bytesWritten !== entry.stored_size)
    throw mismatch(
      entry,
      `a zstd stream of ${String(entry.stored_size)} bytes, found ${String(decoder.bytesWritten)}`,
    );
  if (size !== entry.size) throw mismatch(entry, `${String(entry.size)} bytes, found ${String(size)}`);
  const sum = hash.digest('hex');
  if (sum !== entry.sha256) throw mismatch(entry, `SHA-256 ${entry.sha256}, found ${sum}`);
}

async function sinking<T>(step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    throw UpdateError.from(error, 'INTERNAL', 'writing an unpacked file');
  }
}

function mismatch(entry: ManifestFile, expected: string, cause?: unknown): UpdateError {
  return new UpdateError('BUNDLE_CHECKSUM_MISMATCH', `${entry.path}: expected ${expected}`, { cause });
}
