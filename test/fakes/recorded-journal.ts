import type { Clock, Journal } from '../../src/services/ports.ts';
import { memoryJournal } from './journal.ts';

type Write = 'enter' | 'close' | 'suspend' | 'spend' | 'refuse' | 'seen' | 'pardon';

/** A call that wrote, with the time at which it did. */
export interface JournalEntry {
  readonly method: Write;
  readonly args: readonly unknown[];
  readonly at: number;
}

/** A journal whose content is the list of the calls that wrote, so that any moment of it can be gone back to. */
export interface RecordedJournal extends Journal {
  /** What is durable now. A list that was returned once never changes. */
  readonly entries: readonly JournalEntry[];
}

/** What {@link recordedJournal} needs. */
export interface RecordedJournalOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** What an earlier daemon left. */
  readonly entries?: readonly JournalEntry[];
  /**
   * Called before a write happens, which is the one moment at which it becomes durable as a whole, as a transaction of SQLite does;
   * what it throws is what the write rejects with.
   */
  readonly before?: (method: Write, args: readonly unknown[]) => void;
}

/** A journal in memory with the durability of the real one: each call is durable as a whole when it resolves, or not at all. */
export async function recordedJournal(options: RecordedJournalOptions): Promise<RecordedJournal> {
  const { clock, before = () => undefined } = options;
  let replayed: number | null = null;
  const inner = memoryJournal({ now: () => replayed ?? clock.now() });
  let entries: readonly JournalEntry[] = [];

  const call = (method: Write, args: readonly unknown[]): Promise<unknown> =>
    (inner[method] as (...given: readonly unknown[]) => Promise<unknown>)(...args);
  for (const entry of options.entries ?? []) {
    replayed = entry.at;
    await call(entry.method, entry.args);
  }
  replayed = null;
  entries = options.entries ?? [];

  const write = async (method: Write, args: readonly unknown[]): Promise<void> => {
    before(method, args);
    const at = clock.now();
    await call(method, args);
    entries = [...entries, { method, args, at }];
  };
  return {
    ...inner,
    get entries() {
      return entries;
    },
    enter: (...args) => write('enter', args),
    close: (...args) => write('close', args),
    suspend: () => write('suspend', []),
    spend: (...args) => write('spend', args),
    pardon: (...args) => write('pardon', args),
    refuse: (...args) => write('refuse', args),
    seen: async (digest) => {
      if (!entries.some(({ method, args }) => method === 'seen' && args[0] === digest))
        await write('seen', [digest]);
      return inner.seen(digest);
    },
  };
}
