/**
 * Applies patches (the format is described in docs/decisions/0008-delta-format.md).
 *
 * Invariants, whatever the bytes of the patch: no more than `size` bytes come out; the base is read only inside; memory is bounded by
 * the model's tables, {@link MAX_COPIES} copies and a few buffers; the event loop gets its turn after every few milliseconds of work.
 * Whether the result is right is for the caller to say, by its SHA-256.
 */
import { UpdateError } from '../errors.ts';
import { readBase } from './patch-base.ts';
import { CODER_HEAD } from './patch-coder.ts';
import { CopiesModel, emptyCopies, type Copies } from './patch-copies.ts';
import { codeHeader, MAGIC, NO_HEADER, type PatchHeader } from './patch-header.ts';
import { PatchInput } from './patch-input.ts';
import { BEFORE, TargetModel } from './patch-model.ts';
import { AddressMap } from './patch-shifts.ts';
import { Turns } from './patch-turns.ts';
import { workOf } from './patch-work.ts';
import type { RandomAccess } from './random-access.ts';

const CHUNK_BYTES = 128 * 1024;
const COPIES_AT_ONCE = 512;

/**
 * Applies a patch, streaming: yields the target's bytes in order, in chunks of at most 1 MiB. A chunk is the reader's until it asks
 * for the one after the next: two buffers take turns.
 *
 * The patch is read once, front to back, at most about 1 MiB ahead; the base is read by position.
 *
 * @param patch - the bytes of the patch, cut in any way
 * @param base - the file that the patch was made from
 * @param size - the size that the result must have, in bytes
 * @throws UpdateError `DELTA_FAILED` when the patch is malformed, is for a base or a result of another size, is cut off or has bytes
 * behind its end; `CANCELLED`; and what `patch` and `base` reject with, as it is
 *
 * @example
 * for await (const chunk of applyPatch(member, base, entry.size, signal)) await sink.write(chunk);
 */
export async function* applyPatch(
  patch: AsyncIterable<Uint8Array>,
  base: RandomAccess,
  size: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const input = new PatchInput(patch, signal);
  const turns = new Turns(signal);
  try {
    turns.check();
    const header = await readHeader(input, base, size);
    const copies = await readCopies(input, header, turns);
    yield* readTarget(input, header, copies, base, turns);
    if (!(await input.atEnd())) throw failed('a patch that ends with its last byte of the target');
  } finally {
    await input.close();
  }
}

async function readHeader(input: PatchInput, base: RandomAccess, size: number): Promise<PatchHeader> {
  await input.fill();
  if (input.decoder.buffered < MAGIC.length + CODER_HEAD) throw failed('a patch');
  if (MAGIC.some((byte) => input.decoder.take() !== byte)) throw failed('a patch of version 1');
  input.decoder.begin();
  const header = codeHeader(input.decoder, NO_HEADER);
  if (header === null || input.decoder.missing > 0) throw failed('a sound head of the patch');
  if (header.baseSize !== base.size)
    throw failed(`a base of ${String(header.baseSize)} bytes`, String(base.size));
  if (header.targetSize !== size)
    throw failed(`a patch for ${String(size)} bytes`, String(header.targetSize));
  return header;
}

async function readCopies(input: PatchInput, header: PatchHeader, turns: Turns): Promise<Copies> {
  const model = new CopiesModel();
  const copies = emptyCopies(header.copies);
  for (let i = 0; i < copies.count; i++) {
    if (i % COPIES_AT_ONCE === 0) {
      if (input.low) await input.fill();
      await turns.take();
    }
    if (
      !model.code(input.decoder, copies, i, header.baseSize, header.targetSize) ||
      input.decoder.missing > 0
    )
      throw failed('copies within both files');
  }
  return copies;
}

async function* readTarget(
  input: PatchInput,
  header: PatchHeader,
  copies: Copies,
  base: RandomAccess,
  turns: Turns,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { baseSize, targetSize } = header;
  const map = new AddressMap(copies, baseSize, header.base, header.target);
  const model = new TargetModel(input.decoder, header, map);
  await turns.take();
  // Each buffer starts with the last bytes of the one before: the model looks back at them.
  let out = new Uint8Array(BEFORE + CHUNK_BYTES);
  let other = new Uint8Array(BEFORE + CHUNK_BYTES);
  let end = BEFORE;
  for await (const { work, old } of readBase(workOf(copies, targetSize), base)) {
    turns.check();
    for (const { from, to, length, at } of work) {
      if (end + length > out.length) {
        yield out.subarray(BEFORE, end);
        other.set(out.subarray(end - BEFORE, end));
        [out, other] = [other, out];
        end = BEFORE;
      }
      if (input.low) await input.fill();
      if (from < 0) model.literals(out, end, end + length);
      else model.copy(old, at, from, out, end, to, length, false);
      if (input.decoder.missing > 0) throw failed('a patch that is not cut off');
      end += length;
      if (turns.due) await turns.take();
    }
  }
  if (end > BEFORE) yield out.subarray(BEFORE, end);
}

function failed(expected: string, found = 'something else'): UpdateError {
  return new UpdateError('DELTA_FAILED', `expected ${expected}, found ${found}`);
}
