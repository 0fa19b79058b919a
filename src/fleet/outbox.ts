/**
 * Sends what is in the outbox, in order, and takes out of it what was acknowledged.
 *
 * Invariants:
 * - Nothing leaves the outbox before the fleet has it: a crash between the two sends it again, under the same id.
 * - In order: one that cannot be sent holds back those behind it, so that whoever reads never sees an end before an earlier one.
 * - Nobody waits for it, and a fault of it is only told.
 */
import { UpdateError } from '../errors.ts';
import type { AttemptRecord, Clock, Journal, Quarantine, Reporter } from '../services/ports.ts';
import { outcomeRecord, type OutcomeTeller } from './outcome.ts';
import type { OutcomeRecord } from './records.ts';

/** What {@link createOutbox} needs. */
export interface OutboxOptions {
  readonly journal: Pick<Journal, 'outbox' | 'delivered'>;
  readonly quarantine: Pick<Quarantine, 'get'>;
  /** Sends one; see `Outcomes` in `src/adapters/nats-outcomes.ts`. */
  readonly publish: (record: OutcomeRecord) => Promise<void>;
  readonly teller: OutcomeTeller;
  readonly clock: Clock;
  readonly reporter: Reporter;
}

/** The sender of the outbox. */
export interface Outbox {
  /** There may be something to send, or a way to send it. */
  wake(): void;
  /** Waits until what is being sent is sent or failed, and sends nothing more; never rejects. */
  close(): Promise<void>;
}

/** So many are read at once. */
const BATCH = 32;
/** Waits between tries, ms: uniform up to `baseMs`, which doubles up to `capMs`. A new connection does not wait for it. */
const PACE = { baseMs: 2_000, capMs: 300_000 } as const;

/**
 * Makes the sender; it looks for the first time when it is woken.
 *
 * @example
 * const outbox = createOutbox({ journal, quarantine, publish: outcomes.publish, teller, clock, reporter });
 * link.each(async () => outbox.wake());
 */
export function createOutbox(options: OutboxOptions): Outbox {
  const { journal, quarantine, publish, teller, clock, reporter } = options;
  const closing = new AbortController();
  let wanted = false;
  let running: Promise<void> | null = null;
  let nap: AbortController | null = null;
  let told: string | null = null;

  /** An outcome without its evidence is worth more than none. */
  const evidenceOf = async ({ digest }: AttemptRecord): ReturnType<Quarantine['get']> => {
    try {
      return digest === null ? null : await quarantine.get(digest);
    } catch (error) {
      reporter.report({ kind: 'warning', error: UpdateError.from(error).toRecord() });
      return null;
    }
  };
  const isOpen = (): boolean => !closing.signal.aborted;
  const isWanted = (): boolean => wanted;

  const send = async (): Promise<void> => {
    for (;;) {
      const batch = await journal.outbox(BATCH);
      for (const attempt of batch) {
        if (!isOpen()) return;
        await publish(outcomeRecord(attempt, await evidenceOf(attempt), teller));
        await journal.delivered(attempt.id);
      }
      if (batch.length < BATCH) return;
    }
  };
  const tryOnce = async (): Promise<boolean> => {
    try {
      await send();
      told = null;
      return true;
    } catch (error) {
      const fault = UpdateError.from(error, 'FLEET_UNREACHABLE');
      // The same again is no news.
      if (told !== fault.message) reporter.report({ kind: 'warning', error: fault.toRecord() });
      told = fault.message;
      return false;
    }
  };
  const rest = async (failures: number): Promise<void> => {
    nap = new AbortController();
    const longest = Math.min(PACE.capMs, PACE.baseMs * 2 ** Math.min(failures - 1, 16));
    const either = AbortSignal.any([nap.signal, closing.signal]);
    await clock.sleep(clock.random() * longest, either).catch(() => undefined);
    nap = null;
  };
  const run = async (): Promise<void> => {
    let failures = 0;
    do {
      wanted = false;
      failures = (await tryOnce()) ? 0 : failures + 1;
      if (failures > 0) await rest(failures);
    } while (isOpen() && (failures > 0 || isWanted()));
  };
  const start = (): void => {
    running ??= run().finally(() => {
      running = null;
      if (wanted && isOpen()) start();
    });
  };

  return {
    wake: () => {
      wanted = true;
      nap?.abort();
      if (isOpen()) start();
    },
    close: async () => {
      closing.abort();
      await running;
    },
  };
}
