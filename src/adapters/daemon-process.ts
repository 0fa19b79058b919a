import { hasEnded, readBootId, readStat } from './process-identity.ts';
import type { DaemonRecord } from './daemon-record.ts';

/** A process as the record of the daemon names it. */
export type NamedProcess = NonNullable<DaemonRecord['process']>;

/** This process, as the record names it. `execve` changes none of it. */
export async function thisProcess(): Promise<NamedProcess> {
  const [bootId, stat] = await Promise.all([readBootId(), readStat(process.pid)]);
  return { bootId, pid: process.pid, startTime: stat?.startTime ?? 0 };
}

/** Whether a process that the record names runs still: the same boot, pid and start time, and not a zombie. */
export async function isRunning({ bootId, pid, startTime }: NamedProcess): Promise<boolean> {
  const [boot, stat] = await Promise.all([readBootId(), readStat(pid)]);
  return boot === bootId && stat?.startTime === startTime && !hasEnded(stat);
}

/** Whether two names are of the same process. */
export function isSameProcess(a: NamedProcess | null, b: NamedProcess | null): boolean {
  return a?.bootId === b?.bootId && a?.pid === b?.pid && a?.startTime === b?.startTime;
}
