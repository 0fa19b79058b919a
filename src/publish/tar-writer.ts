import { Readable } from 'node:stream';
import { pack as tarPack, type Pack } from 'tar-stream';
import { ARCHIVE_UNIT } from '../bundle/bundle-reader.ts';

/** A member to write. */
export interface TarInput {
  readonly name: string;
  readonly mode: number;
  /** Bytes that `body` will give, exactly. */
  readonly size: number;
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * Writes a ustar archive as a stream of chunks, zero-filled to a multiple of 1536 bytes. The same members and time give the
 * same bytes: owner 0, one time for all.
 *
 * @param members - in their order; each body is read when its turn comes
 * @param time - modification time of every member, ms since 1970
 */
export async function* writeTar(
  members: readonly TarInput[],
  time: number,
): AsyncGenerator<Buffer, void, undefined> {
  const pack = tarPack();
  const feeding = feed(pack, members, time).catch((error: unknown) => {
    pack.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  let length = 0;
  for await (const chunk of pack as AsyncIterable<Buffer>) {
    length += chunk.length;
    yield chunk;
  }
  await feeding;
  yield Buffer.alloc((ARCHIVE_UNIT - (length % ARCHIVE_UNIT)) % ARCHIVE_UNIT);
}

async function feed(pack: Pack, members: readonly TarInput[], time: number): Promise<void> {
  // tar-stream writes the time in 31 bits.
  const mtime = new Date(Math.min(time, 0x7fff_ffff * 1000));
  for (const { name, mode, size, body } of members) {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const entry = pack.entry({ name, mode, size, mtime, uid: 0, gid: 0, type: 'file' }, (error) => {
      if (error) reject(error);
      else resolve(undefined);
    });
    const source = Readable.from(body, { highWaterMark: 1 });
    source.once('error', reject);
    source.pipe(entry);
    await promise;
  }
  pack.finalize();
}
