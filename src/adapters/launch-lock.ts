/**
 * The lock of the launchers of one state directory: two that start at the same instant would both count a start.
 *
 * It is an empty SQLite database in an exclusive transaction: Node has no words for flock(2), and SQLite's lock is the kernel's, freed
 * however its holder ends, and by `execve` too, since its descriptor is closed then.
 *
 * Invariant: it is never what keeps a daemon from its start. Where it cannot be made, there is none, and that is told.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { UpdateError } from '../errors.ts';
import type { Clock } from '../services/ports.ts';

/** A launcher hashes a program of 161 MB and starts a guard. */
const PATIENCE_MS = 20_000;
const POLL_MS = 25;
/** `SQLITE_BUSY` (sqlite.org/rescode.html). */
const BUSY = 5;

const never = new AbortController().signal;

/** The lock, or why there is none. */
export interface LaunchLock {
  readonly missing: string | null;
  /** Frees it; a daemon that is launched has it freed by `execve`. */
  release(): void;
}

/**
 * Waits until no other launcher decides, and holds the lock then.
 *
 * @param path - absolute; made with mode 0600 where it is not there
 * @throws UpdateError `ALREADY_RUNNING` where another launcher does not come to an end
 */
export async function holdLaunchLock(
  path: string,
  clock: Pick<Clock, 'monotonic' | 'sleep'>,
): Promise<LaunchLock> {
  const deadline = clock.monotonic() + PATIENCE_MS;
  let db: DatabaseSync | null = null;
  try {
    // SQLite would make it with 0644.
    closeSync(openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600));
    const opened = (db = new DatabaseSync(path, { timeout: 0 }));
    while (!taken(opened)) {
      if (clock.monotonic() > deadline)
        throw new UpdateError(
          'ALREADY_RUNNING',
          `expected to be the only one that starts a daemon, found that another has held ${path} for ${String(PATIENCE_MS / 1000)} s`,
        );
      await clock.sleep(POLL_MS, never);
    }
    return {
      missing: null,
      release: () => {
        opened.close();
      },
    };
  } catch (error) {
    db?.close();
    if (error instanceof UpdateError) throw error;
    return { missing: UpdateError.from(error).message, release: () => undefined };
  }
}

function taken(db: DatabaseSync): boolean {
  try {
    db.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if ((error as { errcode?: number }).errcode === BUSY) return false;
    throw error;
  }
}
