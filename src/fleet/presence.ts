/**
 * Tells the fleet that this host is there, and how it is: on change, and now and then.
 *
 * Invariants: changes that follow each other closely are told once; the same again is told only when it is time; nobody waits for it.
 */
import { UpdateError } from '../errors.ts';
import type { Clock, Reporter } from '../services/ports.ts';
import { isRefusal } from './faults.ts';
import type { PresenceRecord } from './records.ts';

/** What {@link createPresence} needs. */
export interface PresenceOptions {
  /** How the host is now. */
  readonly facts: () => Promise<Omit<PresenceRecord, 'everyMs'>>;
  /** Writes it. `FLEET_UNREACHABLE` */
  readonly put: (record: PresenceRecord) => Promise<void>;
  readonly clock: Clock;
  readonly reporter: Reporter;
  /** How often it is told though nothing changed, ms; 300,000 unless told. Each time a fifth earlier or later. */
  readonly everyMs?: number;
}

/** The presence of a host. */
export interface Presence {
  /** Something may have changed, or there is a new connection: then all is told again. */
  wake(anew?: boolean): void;
  /** Tells that the daemon stops, and nothing more; never rejects. */
  close(): Promise<void>;
}

/** So long is waited for more changes, ms. */
const GATHER_MS = 1_000;
const SPREAD = 0.2;

/** Makes it; it tells for the first time when it is woken. */
export function createPresence(options: PresenceOptions): Presence {
  const { facts, put, clock, reporter, everyMs = 300_000 } = options;
  const closing = new AbortController();
  let last: string | null = null;
  let nap: AbortController | null = null;
  let changed = false;
  let running: Promise<void> | null = null;
  let told: string | null = null;
  const isOpen = (): boolean => !closing.signal.aborted;
  const isChanged = (): boolean => changed;

  const tell = async (state?: 'stopped'): Promise<void> => {
    try {
      const record = { ...(await facts()), everyMs: Math.round(everyMs * (1 + SPREAD)) };
      const now = state === undefined ? record : { ...record, state };
      const text = JSON.stringify(now);
      if (text === last) return;
      await put(now);
      last = text;
      told = null;
    } catch (error) {
      // It is told again when there is a connection, or when it is time. Of one that is lost the link tells; not of a bucket that is full.
      const fault = UpdateError.from(error);
      if ((fault.code === 'FLEET_UNREACHABLE' && !isRefusal(error)) || fault.message === told) return;
      told = fault.message;
      reporter.report({ kind: 'warning', error: fault.toRecord() });
    }
  };
  const sleep = async (ms: number): Promise<void> => {
    nap = new AbortController();
    await clock.sleep(ms, AbortSignal.any([nap.signal, closing.signal])).catch(() => undefined);
    nap = null;
  };
  const run = async (): Promise<void> => {
    while (isOpen()) {
      changed = false;
      await tell();
      await sleep(everyMs * (1 + SPREAD * (2 * clock.random() - 1)));
      if (isChanged()) await clock.sleep(GATHER_MS, closing.signal).catch(() => undefined);
      else last = null;
    }
  };

  return {
    wake: (anew = false) => {
      changed = true;
      if (anew) last = null;
      nap?.abort();
      if (isOpen()) running ??= run();
    },
    close: async () => {
      closing.abort();
      await running;
      if (running !== null) await tell('stopped');
    },
  };
}
