/**
 * Asks for the next item while the current one is still in use, so that reading and using go on at once.
 *
 * Invariants: at most one item is asked for ahead; once this has ended, however it ended, nothing is under way any more.
 *
 * A source may use its buffers again: an item is the reader's until it asks for the next one, so two buffers are enough.
 *
 * @example
 * for await (const block of readAhead(blocks)) hash.update(block); // the next block is read meanwhile
 */
export async function* readAhead<T>(source: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  const items = source[Symbol.asyncIterator]();
  let next = items.next();
  try {
    for (;;) {
      const current = await next;
      if (current.done === true) return;
      next = items.next();
      // Thrown when its turn comes; a reader that stops before that does not need it.
      next.catch(() => undefined);
      yield current.value;
    }
  } finally {
    await next.catch(() => undefined);
    await items.return?.();
  }
}
