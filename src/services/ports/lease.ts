import type { ErrorRecord } from '../../errors.ts';

/**
 * A place among the hosts of a group that may update at once, kept by a system outside of this host (FleetLock, NATS).
 *
 * It is held by this host for one attempt, and stays held, over restarts of the daemon and of the host, until it is released. Each method
 * is one try: whoever holds the lease (`adapters/lease-gate.ts`) remembers durably that it may be held, waits, and asks again.
 */
export interface Lease {
  /** What it is, for people and in messages: `the FleetLock server https://lock.example.com, group web`. */
  readonly name: string;
  /**
   * Takes a place, once. Held by this host already: does nothing.
   *
   * Rejects with `LEASE_HELD` when it is certain that nothing was taken, because all places are; with `FLEET_UNREACHABLE` when that is
   * not certain (no answer, an answer that makes no sense); with `CANCELLED`. After the latter two the place has to be released.
   *
   * @param attempt - the id of the attempt that it is for
   */
  acquire(attempt: string, signal: AbortSignal): Promise<void>;
  /**
   * Gives the place back, once; resolves when that is acknowledged. Not held by this host: does nothing.
   *
   * Rejects with `FLEET_UNREACHABLE`, `CANCELLED`.
   */
  release(attempt: string, signal: AbortSignal): Promise<void>;
  /**
   * The daemon starts again, and the place may be held for this attempt, which may go on: keeps it from now on, until it is released. Only
   * where a place has to be renewed.
   */
  keep?(attempt: string): void;
  /** Why the place is not held any more (`LEASE_HELD`); null while it is. Only where a place can be lost. */
  lost?(attempt: string): ErrorRecord | null;
}
