/**
 * A gate that also takes a lease: a place among the hosts of a group that may update at once.
 *
 * Invariants:
 * - The lease is asked for last, once windows and approvals are passed, and never kept while one of them is waited for.
 * - It is written down before it is asked for, and until giving it back was acknowledged: a crash anywhere in between ends in its being
 *   given back, once no attempt is under way. An attempt that goes on after a restart (`probing`, `rollingBack`) keeps it.
 * - One lease at a time: the next is asked for only when the last one was given back.
 * - Giving back blocks nobody: it goes on behind the daemon's back, and is tried until it is acknowledged.
 */
import { UpdateError } from '../errors.ts';
import type { Clock, Gate, Lease, Reporter, Waiting } from '../services/ports.ts';
import type { Attempt, Plan } from '../types.ts';
import { throwIfCancelled } from './disk-errors.ts';
import { leftBehind, type LeaseRecord, type LeaseRecords } from './lease-record.ts';

/** What {@link createLeaseGate} needs. */
export interface LeaseGateOptions {
  /** What is waited for first: windows, approvals. */
  readonly gate: Gate;
  readonly lease: Lease;
  readonly records: LeaseRecords;
  readonly clock: Clock;
  readonly reporter: Reporter;
}

/** Waits between two tries, ms: the first about `baseMs`, each longer than the one before, up to `capMs`. */
interface Pace {
  readonly baseMs: number;
  readonly capMs: number;
}

const HELD: Pace = { baseMs: 5_000, capMs: 120_000 };
const AWAY: Pace = { baseMs: 5_000, capMs: 300_000 };
/** How long the end of the daemon waits for what is being given back, ms; the next start goes on with it. */
const CLOSE_MS = 2_000;

/** A lease on its way back. */
interface Giving {
  readonly done: Promise<void>;
  /** The last try's, while there was one in vain. */
  fault: UpdateError | null;
}

/** Exponential, and between half and all of it, so that hosts which were refused together do not come back together. */
function paceMs({ baseMs, capMs }: Pace, failures: number, random: number): number {
  return Math.round(Math.min(capMs, baseMs * 2 ** (failures - 1)) * (0.5 + random / 2));
}

/** Resolves like `work`, or rejects with `CANCELLED` when the signal fires first. */
async function unlessCancelled(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const left = Promise.withResolvers<never>();
  const abort = (): void => {
    left.reject(
      new UpdateError('CANCELLED', 'the lease is not waited for any more', { cause: signal.reason }),
    );
  };
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    await Promise.race([work, left.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/**
 * Puts a lease behind a gate. `pass` rejects with what the gate rejects with, `CANCELLED`, and `STATE_DIR_UNUSABLE` or `DISK_FULL`
 * where the lease cannot be written down; it waits for as long as the lease is not to be had, and reports that it does.
 *
 * @example
 * const gate = createLeaseGate({ gate: createGate(…), lease: createFleetLock(…), records, clock, reporter });
 * await gate.pass(attempt, plan, signal);
 * await gate.release(attempt);
 * await gate.close();
 */
export function createLeaseGate(options: LeaseGateOptions): Gate & { close(): Promise<void> } {
  const { gate, lease, records, clock, reporter } = options;
  const closing = new AbortController();
  /** What is on disk; undefined before it was read. */
  let known: LeaseRecord | null | undefined;
  /** The lease that is being given back. */
  let giving: Giving | null = null;
  const pending = (): Giving | null => giving;
  /** One change of the record after the other. */
  let turn: Promise<unknown> = Promise.resolve();

  const warn = (error: unknown): void => {
    reporter.report({ kind: 'warning', error: UpdateError.from(error).toRecord() });
  };
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = turn.then(work);
    turn = done.catch(() => undefined);
    return done;
  };
  const recorded = async (): Promise<LeaseRecord | null> => {
    // Once it was read, memory counts: it also knows what could not be removed from the disk.
    if (known === undefined) {
      known = await records.read();
      if (known?.at !== undefined && known.at !== lease.name) warn(leftBehind(known));
    }
    return known;
  };

  const untilAcknowledged = async (attempt: string, told: (fault: UpdateError) => void): Promise<boolean> => {
    for (let failures = 1; ; failures += 1)
      try {
        await lease.release(attempt, closing.signal);
        return true;
      } catch (error) {
        if (closing.signal.aborted) return false;
        const fault = UpdateError.from(error);
        told(fault);
        if (failures === 1) warn(fault);
        try {
          await clock.sleep(paceMs(AWAY, failures, clock.random()), closing.signal);
        } catch {
          return false;
        }
      }
  };
  /** Begins to give back what is held; does not wait for it. */
  const giveBack = (attempt: string): void => {
    if (giving !== null || closing.signal.aborted) return;
    const work = async (): Promise<void> => {
      const acknowledged = await untilAcknowledged(attempt, (fault) => {
        if (giving !== null) giving.fault = fault;
      });
      if (!acknowledged) return;
      known = null;
      // Where it cannot be removed, the next start gives back once more, which does nothing.
      await records.clear().catch(warn);
      giving = null;
    };
    giving = { done: Promise.resolve().then(work), fault: null };
  };

  const holds = (attempt: string): boolean => known?.attempt === attempt && giving === null;

  /** One try to take the lease; says why it was not to be had. */
  const take = async (attempt: string, signal: AbortSignal): Promise<UpdateError | null> =>
    inTurn(async () => {
      throwIfCancelled(signal);
      const before = await recorded();
      if (before !== null && before.attempt !== attempt) giveBack(before.attempt);
      if (pending() !== null) return null;
      if (before === null) {
        known = undefined;
        const record = { attempt, at: lease.name };
        await records.write(record);
        known = record;
      }
      try {
        await lease.acquire(attempt, signal);
        return null;
      } catch (error) {
        const fault = UpdateError.from(error);
        if (fault.code !== 'LEASE_HELD') giveBack(attempt);
        else {
          await records.clear();
          known = null;
        }
        return fault;
      }
    });

  const pass = async (attempt: Attempt, plan: Plan, signal: AbortSignal): Promise<void> => {
    const told: Waiting[] = [];
    const tell = (reason: string, until: number | null): void => {
      const waiting: Waiting = { for: 'lease', reason, until };
      told.push(waiting);
      reporter.report({ kind: 'waiting', waiting });
    };
    try {
      for (let failures = 1; ; failures += 1) {
        throwIfCancelled(closing.signal);
        await gate.pass(attempt, plan, signal);
        const back = pending();
        if (back !== null) {
          const why = back.fault === null ? '' : `: ${back.fault.message}`;
          tell(`the place in the fleet of an earlier try is given back to ${lease.name} first${why}`, null);
          await unlessCancelled(back.done, signal);
          continue;
        }
        const fault = await take(attempt.id, signal);
        if (fault === null) {
          if (holds(attempt.id)) return;
          continue;
        }
        if (fault.code !== 'LEASE_HELD' && fault.code !== 'FLEET_UNREACHABLE') throw fault;
        const waitMs = paceMs(fault.code === 'LEASE_HELD' ? HELD : AWAY, failures, clock.random());
        tell(fault.message, clock.now() + waitMs);
        await clock.sleep(waitMs, signal);
      }
    } catch (error) {
      await release(attempt);
      throw error;
    } finally {
      if (told.length > 0) reporter.report({ kind: 'waiting', waiting: null });
    }
  };

  const settle = (isOver: (attempt: string) => boolean): Promise<void> =>
    inTurn(async () => {
      const held = await recorded();
      if (held !== null && isOver(held.attempt)) giveBack(held.attempt);
    }).catch(warn);

  const release = async (attempt: Attempt): Promise<void> => {
    await gate.release(attempt);
    await settle((holder) => holder === attempt.id);
  };

  return {
    pass,
    release,
    lost: (attempt) => gate.lost?.(attempt) ?? lease.lost?.(attempt.id) ?? null,
    settle: async () => {
      await gate.settle?.();
      await settle(() => true);
    },
    close: async () => {
      const back = pending();
      if (back !== null) {
        const enough = new AbortController();
        const waited = clock.sleep(CLOSE_MS, enough.signal).catch(() => undefined);
        await Promise.race([back.done, waited]);
        enough.abort();
      }
      closing.abort(new UpdateError('CANCELLED', 'the daemon stops'));
      await Promise.all([pending()?.done, turn]);
    },
  };
}
