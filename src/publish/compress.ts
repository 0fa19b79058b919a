import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress } from 'node:zlib';

/** What is known of a file once it is compressed. */
export interface Compressed {
  /** Bytes and SHA-256 of the file itself. */
  readonly size: number;
  readonly sha256: string;
  /** Bytes of the compressed file. */
  readonly storedSize: number;
}

/**
 * Compresses a file or bytes with zstd into a file, streaming.
 *
 * @param source - a path, or the bytes
 * @param out - the file to write; must not exist
 * @param level - zstd level, 1 to 19 (higher ones need a larger window than readers allow)
 */
export async function compressTo(
  source: string | Uint8Array,
  out: string,
  level: number,
): Promise<Compressed> {
  const hash = createHash('sha256');
  let size = 0;
  let storedSize = 0;
  const file = await open(out, 'wx', 0o600);
  try {
    await pipeline(
      async function* () {
        for await (const chunk of chunksOf(source)) {
          hash.update(chunk);
          size += chunk.length;
          yield chunk;
        }
      },
      createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: level } }),
      async (compressed: AsyncIterable<Buffer>) => {
        for await (const chunk of compressed) {
          storedSize += chunk.length;
          await file.writeFile(chunk);
        }
      },
    );
  } finally {
    await file.close();
  }
  return { size, sha256: hash.digest('hex'), storedSize };
}

async function* chunksOf(source: string | Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  if (typeof source !== 'string') {
    yield source;
    return;
  }
  for await (const chunk of createReadStream(source, { highWaterMark: 1024 * 1024 })) yield chunk as Buffer;
}
