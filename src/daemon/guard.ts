/**
 * The guard: a small process of the old daemon's program that watches the new one until it is trusted. Under a service manager it has
 * little to do, and ends with the daemon's cgroup or container; without one nobody else would see that a new daemon hangs or died.
 *
 * Invariants:
 * - It sends a signal only to the process that the record names, known by boot, pid and start time.
 * - It writes the record only while the daemon is stopped (SIGSTOP), so that they never write at once.
 * - It ends by itself: with the trial, when the daemon is stopped in good order, or when its time is over. Nothing that goes wrong meanwhile
 *   ends it: it says so, and looks again.
 */
import { isRunning, isSameProcess, type NamedProcess } from '../adapters/daemon-process.ts';
import { failTrial } from '../adapters/daemon-choice.ts';
import type { DaemonRecord } from '../adapters/daemon-record.ts';
import type { HandOverTimes } from '../adapters/succession.ts';
import { hasErrno, UpdateError } from '../errors.ts';
import type { Clock } from '../services/ports.ts';

const POLL_MS = 250;
/** Starts that may each take their whole deadline, their probation and the grace. */
const STARTS = 4;

/** What {@link guard} needs of the world. */
export interface GuardOptions {
  readonly attempt: string;
  readonly times: HandOverTimes;
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
  readonly read: () => Promise<DaemonRecord>;
  readonly write: (record: DaemonRecord) => Promise<void>;
  readonly isRunning?: (process: NamedProcess) => Promise<boolean>;
  readonly signal?: (process: NamedProcess, name: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL') => void;
  /** Starts the launcher, where nobody else does. */
  readonly start: () => Promise<void>;
  /** Hears of what goes wrong; of the same only once in a row. */
  readonly warn: (error: UpdateError) => void;
}

/** Why a guard ended. */
export type GuardEnd = 'trusted' | 'stopped' | 'fellBack' | 'timeOver';

function send({ pid }: NamedProcess, name: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!hasErrno(error, 'ESRCH', 'EPERM')) throw error;
  }
}

const never = new AbortController().signal;

/** Watches a trial to its end. */
export async function guard(options: GuardOptions): Promise<GuardEnd> {
  const { attempt, times, clock, read, write, start, warn } = options;
  const { isRunning: runs = isRunning, signal = send } = options;
  const end = clock.monotonic() + STARTS * (times.acknowledgeMs + times.probationMs + times.graceMs);
  let seen: NamedProcess | null = null;
  let since = clock.monotonic();
  let deadSince: number | null = null;

  /** Ends a daemon that does not acknowledge; one that does so at the last moment goes on. */
  const condemn = async (found: NamedProcess): Promise<void> => {
    signal(found, 'SIGSTOP');
    try {
      const record = await read();
      const { trial } = record;
      if (trial?.attempt !== attempt || trial.acknowledged || !isSameProcess(record.process, found)) return;
      const why = `did not acknowledge within ${String(times.acknowledgeMs / 1000)} s`;
      try {
        await write(failTrial(record, trial, why));
      } catch (error) {
        // It is of no use all the same, and its starts are counted.
        warn(UpdateError.from(error));
      }
      signal(found, 'SIGKILL');
    } finally {
      signal(found, 'SIGCONT');
    }
  };

  const look = async (): Promise<GuardEnd | null> => {
    const record = await read();
    const { process: found, trial } = record;
    if (found === null) return trial === null && record.failed === null ? 'trusted' : 'stopped';
    if (!isSameProcess(found, seen)) {
      seen = found;
      since = clock.monotonic();
      deadSince = null;
    }
    if (await runs(found)) {
      deadSince = null;
      if (trial?.attempt !== attempt) return 'fellBack';
      if (!trial.acknowledged && clock.monotonic() - since >= times.acknowledgeMs) await condemn(found);
    } else {
      deadSince ??= clock.monotonic();
      if (clock.monotonic() - deadSince >= times.graceMs) {
        deadSince = clock.monotonic();
        await start();
      }
    }
    return null;
  };

  let told = '';
  while (clock.monotonic() < end) {
    try {
      const how = await look();
      if (how !== null) return how;
      told = '';
    } catch (error) {
      const fault = UpdateError.from(error);
      if (fault.message !== told) warn(fault);
      told = fault.message;
    }
    await clock.sleep(POLL_MS, never);
  }
  return 'timeOver';
}
