/**
 * The members of a tar archive (POSIX.1-2024, pax: ustar interchange format), read as a stream.
 *
 * Invariants: every byte is accounted for: the members stand one behind the other, each a header, its body, and zeros up to the next
 * block of 512, so that nothing can hide between them. No byte but those of headers is copied.
 */
import { UpdateError } from '../errors.ts';
import { quote } from './quote.ts';
import { isZero, parseTarHeader, TAR_BLOCK_BYTES, type TarHeader } from './tar-header.ts';

const EMPTY = Buffer.alloc(0);

/** One member, as it stands in the archive. */
export interface TarMember extends TarHeader {
  /**
   * Its bytes, each chunk the reader's until it asks for the next one. Read before the next member is asked for; what is left then is
   * passed over.
   */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Bytes that a member takes: header and body, filled to whole blocks of 512. */
export function memberLength(size: number): number {
  return TAR_BLOCK_BYTES + Math.ceil(size / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES;
}

/**
 * Reads an archive member by member, up to the first block of zeros or the end of `chunks`.
 *
 * @param chunks - the archive's bytes, each chunk ours until we ask for the next; what it throws comes out as it is
 * @throws UpdateError `BUNDLE_ARCHIVE_INVALID` where it is not a ustar archive
 */
export async function* tarMembers(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<TarMember, void, undefined> {
  const source = chunks[Symbol.asyncIterator]();
  const bytes = new Bytes(source);
  try {
    for (;;) {
      const block = await bytes.exactly(TAR_BLOCK_BYTES, 'a header');
      const header = block === null ? null : parseTarHeader(block);
      if (header === null) return;
      const body = bytes.body(header);
      yield { ...header, body };
      while ((await body.next()).done !== true);
      const padding = memberLength(header.size) - TAR_BLOCK_BYTES - header.size;
      const zeros = padding === 0 ? EMPTY : await bytes.exactly(padding, 'zeros');
      if (zeros === null || !isZero(zeros))
        throw invalid(`${String(padding)} zeros behind ${quote(header.name)}, found something else`);
    }
  } finally {
    await source.return?.();
  }
}

type Body = AsyncIterable<Uint8Array> & { next(): Promise<IteratorResult<Uint8Array>> };

/** The archive's bytes, taken piece by piece. */
class Bytes {
  readonly #source: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = EMPTY;

  constructor(source: AsyncIterator<Uint8Array>) {
    this.#source = source;
  }

  /** At least one byte and at most `limit`, without a copy; null at the end. */
  async #some(limit: number): Promise<Uint8Array | null> {
    while (this.#chunk.length === 0) {
      const next = await this.#source.next();
      if (next.done === true) return null;
      this.#chunk = next.value;
    }
    const piece = this.#chunk.subarray(0, limit);
    this.#chunk = this.#chunk.subarray(piece.length);
    return piece;
  }

  /** A copy of so many bytes; null when there is not one more. */
  async exactly(length: number, what: string): Promise<Buffer | null> {
    const copy = Buffer.alloc(length);
    let filled = 0;
    while (filled < length) {
      const piece = await this.#some(length - filled);
      if (piece === null && filled === 0) return null;
      if (piece === null) throw invalid(`${String(length)} bytes of ${what}, found ${String(filled)}`);
      copy.set(piece, filled);
      filled += piece.length;
    }
    return copy;
  }

  /** A member's bytes. A reader that stops early does not end it, so that what is left can be passed over. */
  body(header: TarHeader): Body {
    const pieces = this.#pieces(header);
    const next = (): Promise<IteratorResult<Uint8Array>> => pieces.next();
    return { next, [Symbol.asyncIterator]: () => ({ next }) };
  }

  async *#pieces({ name, size }: TarHeader): AsyncGenerator<Uint8Array, void, undefined> {
    for (let left = size; left > 0;) {
      const piece = await this.#some(left);
      if (piece === null) throw invalid(`${String(left)} more bytes of ${quote(name)}, found the end`);
      left -= piece.length;
      yield piece;
    }
  }
}

function invalid(expected: string): UpdateError {
  return new UpdateError('BUNDLE_ARCHIVE_INVALID', `archive: expected ${expected}`);
}
