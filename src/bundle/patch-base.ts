/**
 * Reads from the base what a patch copies: many places at once, one batch ahead of the work.
 *
 * Invariant: a batch takes at most {@link BATCH_BYTES} and the gaps between its places; two are held.
 */
import { UpdateError } from '../errors.ts';
import { MARGIN } from './patch-model.ts';
import { WORK_BYTES, type Work } from './patch-work.ts';
import type { RandomAccess } from './random-access.ts';

const BATCH_BYTES = 256 * 1024;
const BATCH_WORK = 128;
/** Reading a gap of so many bytes costs less than a read of its own. */
const GAP = 8192;

/** Pieces of work and their bytes of the base: for each, `old[at]` is the first, with MARGIN bytes before and after. */
export interface Batch {
  readonly work: readonly Readonly<Work>[];
  readonly old: Uint8Array;
}

/** What is read at once: from `start` to before `end` of the base, to `at` of the arena. */
interface Stretch {
  readonly start: number;
  end: number;
  readonly at: number;
}

const NOTHING = new Uint8Array(0);

/** Gives work its bytes of the base, batch by batch; they are there until the batch after is asked for. */
export async function* readBase(
  work: Iterator<Work, void>,
  base: RandomAccess,
): AsyncGenerator<Batch, void, undefined> {
  let arena = new Arena();
  let other = new Arena();
  let ahead = startBatch(work, base, arena);
  try {
    while (ahead !== null) {
      const batch: Batch = await ahead;
      [arena, other] = [other, arena];
      ahead = startBatch(work, base, arena);
      // Its failure is seen when it is waited for; until then it is nobody's.
      ahead?.catch(() => undefined);
      yield batch;
    }
  } finally {
    // When the work ends early, nothing reads any more once this has returned: the base may be closed.
    await ahead?.catch(() => undefined);
  }
}

/** Memory that is used again for every second batch. */
class Arena {
  #bytes = NOTHING;

  /** At least `size` bytes, with whatever was in them. */
  take(size: number): Uint8Array {
    if (this.#bytes.length < size) this.#bytes = new Uint8Array(size);
    return this.#bytes;
  }
}

function startBatch(work: Iterator<Work, void>, base: RandomAccess, arena: Arena): Promise<Batch> | null {
  const batch: Work[] = [];
  for (let bytes = 0; bytes + WORK_BYTES <= BATCH_BYTES && batch.length < BATCH_WORK;) {
    const next = work.next();
    if (next.done === true) break;
    batch.push(next.value);
    bytes += next.value.length;
  }
  return batch.length === 0 ? null : readBatch(batch, base, arena);
}

async function readBatch(batch: readonly Work[], base: RandomAccess, arena: Arena): Promise<Batch> {
  const stretches: Stretch[] = [];
  let size = 0;
  for (const item of batch.filter(({ from }) => from >= 0).sort((a, b) => a.from - b.from)) {
    const start = item.from - MARGIN;
    const end = item.from + item.length + MARGIN;
    let home = stretches.at(-1);
    if (home === undefined || start > home.end + GAP)
      stretches.push((home = { start, end: start, at: size }));
    size += Math.max(0, end - home.end);
    home.end = Math.max(home.end, end);
    item.at = home.at + item.from - home.start;
  }
  const old = arena.take(size);
  await Promise.all(stretches.map((stretch) => readStretch(stretch, old, base)));
  return { work: batch, old };
}

// What is outside the file is zero.
async function readStretch({ start, end, at }: Stretch, old: Uint8Array, base: RandomAccess): Promise<void> {
  const first = Math.max(0, start);
  const last = Math.min(end, base.size);
  const inside = old.subarray(at + first - start, at + last - start);
  old.fill(0, at, at + first - start).fill(0, at + last - start, at + end - start);
  const read = await base.read(inside, first);
  if (read !== inside.length)
    throw new UpdateError(
      'DELTA_FAILED',
      `expected ${String(inside.length)} bytes of the base at ${String(first)}, found ${String(read)}`,
    );
}
