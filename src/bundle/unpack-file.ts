/**
 * One file of a bundle: decoded, counted and hashed while it is written.
 *
 * Invariant: no file is closed before its size and SHA-256 are the manifest's, however it is encoded; never more bytes are written
 * than the manifest says.
 */
import { createHash } from 'node:crypto';
import { UpdateError } from '../errors.ts';
import type { ManifestFile } from './manifest.ts';
import { decodeMember, type DecodeOptions } from './member-decoder.ts';
import { misfit } from './misfit.ts';

/** Receives one file. */
export interface FileSink {
  /** Done with the chunk once it resolves: its memory is then used for something else. */
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
 * @throws UpdateError what `decodeMember` throws; its code for bytes that do not fit when size or SHA-256 are not the manifest's;
 * and what `target` rejects with
 */
export async function unpackFile(
  stored: AsyncIterable<Uint8Array>,
  entry: ManifestFile,
  target: UnpackSink,
  options: DecodeOptions,
): Promise<void> {
  const sink = await sinking(target.open(entry.path, entry.mode));
  try {
    await decode(stored, entry, sink, options);
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
  options: DecodeOptions,
): Promise<void> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of decodeMember(stored, entry, options)) {
    size += chunk.length;
    if (size > entry.size) throw misfit(entry, `${String(entry.size)} bytes, found more`);
    const written = sinking(sink.write(chunk));
    // While it is written; what went wrong there comes out when it is waited for.
    written.catch(() => undefined);
    hash.update(chunk);
    await written;
  }
  if (size !== entry.size) throw misfit(entry, `${String(entry.size)} bytes, found ${String(size)}`);
  const sum = hash.digest('hex');
  if (sum !== entry.sha256) throw misfit(entry, `SHA-256 ${entry.sha256}, found ${sum}`);
}

async function sinking<T>(step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    throw UpdateError.from(error, 'INTERNAL', 'writing an unpacked file');
  }
}
