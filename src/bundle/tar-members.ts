/**
 * The members of a tar archive (POSIX.1-2024, pax: ustar interchange format), read as a stream by `tar-stream`.
 *
 * Invariant: whatever `tar-stream` reads but does not show (pax and GNU headers, zero blocks between members) is seen here
 * as a gap before the next member.
 */
import { Readable } from 'node:stream';
import { extract as tarExtract, type Header } from 'tar-stream';
import { UpdateError } from '../errors.ts';

/** One member, as it stands in the archive. Read its `body` to the end before asking for the next. */
export interface TarMember {
  readonly name: string;
  /** `file`, `symlink`, …; `unknown` for types that have no name. */
  readonly type: string;
  /** Bytes of its body, as its header says. */
  readonly size: number;
  /** The offset of its body in the archive, bytes. */
  readonly start: number;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Bytes that a member takes: header and body, filled to whole blocks of 512. */
export function memberLength(size: number): number {
  return 512 + Math.ceil(size / 512) * 512;
}

/**
 * Reads an archive member by member, holding about one chunk at a time.
 *
 * @param chunks - the archive's bytes; what it throws as an `UpdateError` comes out as it is
 * @throws UpdateError `BUNDLE_ARCHIVE_INVALID` where it is not a tar archive
 */
export async function* tarMembers(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<TarMember, void, undefined> {
  const extract = tarExtract();
  const entries = extract[Symbol.asyncIterator]();
  const source = Readable.from(chunks, { highWaterMark: 1 });
  source.once('error', (error) => {
    extract.destroy(error);
  });
  extract.once('close', () => source.destroy());
  source.pipe(extract);
  try {
    for (;;) {
      const next = await reading(entries.next());
      if (next.done === true) return;
      const { header } = next.value;
      yield {
        name: header.name,
        type: typeOf(header),
        size: header.size,
        start: bodyOffset(header),
        body: bodyOf(next.value),
      };
    }
  } finally {
    source.destroy();
    extract.destroy();
  }
}

async function* bodyOf(entry: AsyncIterable<unknown>): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = entry[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  for (;;) {
    const next = await reading(chunks.next());
    if (next.done === true) return;
    yield next.value;
  }
}

async function reading<T>(step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    throw UpdateError.from(error, 'BUNDLE_ARCHIVE_INVALID', 'expected a tar archive');
  }
}

/** Types that `tar-stream` 3 has no name for come as null, which its types do not say. */
function typeOf(header: Header): string {
  const type: unknown = header.type;
  return typeof type === 'string' ? type : 'unknown';
}

/** `tar-stream` 3 counts the offset, but its types do not say so. */
function bodyOffset(header: Header): number {
  const offset: unknown = Reflect.get(header, 'byteOffset');
  if (typeof offset !== 'number') throw new UpdateError('INTERNAL', 'expected tar-stream to count offsets');
  return offset;
}
