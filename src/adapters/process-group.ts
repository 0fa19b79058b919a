/**
 * A workload's processes: the leader, and whatever it started in the session that it leads (so also helpers that made a
 * process group of their own; a helper that made a session of its own is out of reach on purpose).
 *
 * Invariant: nothing is sent a signal unless the session is proved to be the recorded one. Proofs are the leader with
 * the recorded start time, a member that was seen in the session when that was proved, or a member with the launch id
 * in its environment. A session that has members keeps its number from being used again, so one proof is enough.
 */
import { UpdateError, hasErrno } from '../errors.ts';
import type { Clock } from '../services/ports.ts';
import { hasEnded, hasVariable, readStat, sessionMembers, type ProcessStat } from './process-identity.ts';
import type { ProcessRecord } from './process-record.ts';
import { LAUNCH_ID_VARIABLE } from './workload-env.ts';

/** How long SIGKILL is repeated before it is called a failure, ms. */
const KILL_BOUND_MS = 5_000;
const POLL_MS = { first: 4, longest: 50 } as const;

const FOREVER = new AbortController().signal;

/** The processes of one launch. */
export interface ProcessGroup {
  /** Members that have not ended; none when the session is not proved to be this launch's. */
  members(): Promise<ProcessStat[]>;
  /**
   * SIGTERM to the leader; once it has ended, or after `graceMs`, SIGKILL to everybody. Resolves with true when there
   * was anything to end, and only when nothing is left. `WORKLOAD_STOP_FAILED` if something is left 5 s later.
   */
  end(graceMs: number): Promise<boolean>;
}

function send(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // Gone meanwhile, or it has become another user's: then it is still there at the deadline, which is reported.
    if (!hasErrno(error, 'ESRCH', 'EPERM')) throw UpdateError.from(error, 'WORKLOAD_STOP_FAILED', signal);
  }
}

function describe(members: readonly ProcessStat[]): string {
  return members.map(({ pid, state }) => `${String(pid)} (state ${state})`).join(', ');
}

/**
 * The group that a launch made.
 *
 * @param launch - pid, start time and launch id; the caller has compared the boot id
 */
export function processGroup(
  launch: Pick<ProcessRecord, 'pid' | 'startTime' | 'launchId'>,
  clock: Pick<Clock, 'monotonic' | 'sleep'>,
): ProcessGroup {
  const keyOf = (stat: Pick<ProcessStat, 'pid' | 'startTime'>): string =>
    `${String(stat.pid)}@${String(stat.startTime)}`;
  const proven = new Set([keyOf(launch)]);

  const isProved = async (all: readonly ProcessStat[], alive: readonly ProcessStat[]): Promise<boolean> => {
    const leader = all.find(({ pid }) => pid === launch.pid);
    if (leader !== undefined && leader.startTime !== launch.startTime) return false;
    if (all.some((stat) => proven.has(keyOf(stat)))) return true;
    for (const { pid, startTime } of alive)
      if (startTime >= launch.startTime && (await hasVariable(pid, LAUNCH_ID_VARIABLE, launch.launchId)))
        return true;
    return false;
  };

  const members = async (): Promise<ProcessStat[]> => {
    const all = await sessionMembers(launch.pid);
    const alive = all.filter((stat) => !hasEnded(stat));
    if (!(await isProved(all, alive))) return [];
    for (const stat of alive) proven.add(keyOf(stat));
    return alive;
  };

  /** Polls until `done`, or until `ms` are over; says which. */
  const poll = async (ms: number, done: () => Promise<boolean>): Promise<boolean> => {
    const deadline = clock.monotonic() + ms;
    for (let pause: number = POLL_MS.first; ; pause = Math.min(pause * 2, POLL_MS.longest)) {
      if (await done()) return true;
      const left = deadline - clock.monotonic();
      if (left <= 0) return false;
      await clock.sleep(Math.min(pause, left), FOREVER);
    }
  };

  const leaderEnded = async (): Promise<boolean> => {
    const stat = await readStat(launch.pid);
    return hasEnded(stat) || stat?.startTime !== launch.startTime;
  };

  return {
    members,
    end: async (graceMs) => {
      let left = await members();
      if (left.length === 0) return false;
      if (graceMs > 0 && left.some(({ pid }) => pid === launch.pid)) {
        send(launch.pid, 'SIGTERM');
        await poll(graceMs, leaderEnded);
      }
      const gone = await poll(KILL_BOUND_MS, async () => {
        left = await members();
        // Again in each round: a member may have forked while the others were killed.
        for (const group of new Set(left.map((stat) => stat.group))) send(-group, 'SIGKILL');
        return left.length === 0;
      });
      if (!gone)
        throw new UpdateError(
          'WORKLOAD_STOP_FAILED',
          `expected no process of the workload ${String(KILL_BOUND_MS / 1000)} s after SIGKILL, found ${describe(left)}`,
        );
      return true;
    },
  };
}
