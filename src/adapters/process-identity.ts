/**
 * Who a process is, as Linux tells in `/proc` (proc(5)). A pid alone says nothing: pids are used again. A process is
 * known by the boot of the kernel, its pid and its start time together.
 */
import { readFile, readdir } from 'node:fs/promises';
import { constants } from 'node:os';
import { UpdateError, hasErrno } from '../errors.ts';

/** What `/proc/<pid>/stat` says of a process. */
export interface ProcessStat {
  readonly pid: number;
  /** One letter as in proc(5); `Z` and `X` are processes that have ended. */
  readonly state: string;
  readonly group: number;
  readonly session: number;
  /** Clock ticks from the boot to its start; `exec` does not change it. */
  readonly startTime: number;
  readonly threads: number;
}

/** A file of a process, or null when the process has gone or does not let us look. */
async function readOf(pid: number, name: string): Promise<string | null> {
  try {
    return await readFile(`/proc/${String(pid)}/${name}`, 'latin1');
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return null;
    throw UpdateError.from(error, 'INTERNAL', `cannot read /proc/${String(pid)}/${name}`);
  }
}

/**
 * Reads one line of `/proc/<pid>/stat`. The name in parentheses may itself hold spaces and parentheses, so the fields
 * are counted from the last `)`.
 *
 * @returns null when the line is not of that shape
 */
export function parseStat(line: string): ProcessStat | null {
  const close = line.lastIndexOf(')');
  const fields = line
    .slice(close + 2)
    .trim()
    .split(' ');
  const [state] = fields;
  // Numbered as in proc(5), where the first after the name is field 3.
  const field = (number: number): number => Number(fields[number - 3]);
  const pid = Number.parseInt(line, 10);
  const numbers = { group: field(5), session: field(6), threads: field(20), startTime: field(22) };
  if (close < 0 || state === undefined || ![pid, ...Object.values(numbers)].every(Number.isSafeInteger))
    return null;
  return { pid, state, ...numbers };
}

/** The process with this pid, also when it is a zombie; null when there is none. */
export async function readStat(pid: number): Promise<ProcessStat | null> {
  const line = await readOf(pid, 'stat');
  return line === null ? null : parseStat(line);
}

/**
 * Whether it has ended: gone, or a zombie that nobody has waited for yet (in a container perhaps never). A zombie whose
 * other threads go on has not.
 */
export function hasEnded(stat: ProcessStat | null): boolean {
  if (stat === null) return true;
  return (stat.state === 'Z' || stat.state === 'X') && stat.threads <= 1;
}

/**
 * How a process ended that is a zombie still: the exit status of proc(5), field 52 of `stat`, in the form of waitpid(2).
 *
 * @returns null when it is no zombie with this start time, or we may not know (then the kernel says 0, which is taken for what it says)
 */
export async function readExitStatus(
  pid: number,
  startTime: number,
): Promise<{ readonly code: number | null; readonly signal: string | null } | null> {
  const line = await readOf(pid, 'stat');
  const stat = line === null ? null : parseStat(line);
  if (line === null || stat?.startTime !== startTime || stat.state !== 'Z') return null;
  const status = Number(line.trim().split(' ').at(-1));
  if (!Number.isSafeInteger(status)) return null;
  const number = status & 0x7f;
  if (number === 0) return { code: (status >> 8) & 0xff, signal: null };
  const name = Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
  return { code: null, signal: name ?? `signal ${String(number)}` };
}

/** Whether a process has a handler for a signal (`SigCgt` of proc(5)); false when it has gone. */
export async function catchesSignal(pid: number, signal: keyof typeof constants.signals): Promise<boolean> {
  const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec((await readOf(pid, 'status')) ?? '')?.[1];
  return mask !== undefined && ((BigInt(`0x${mask}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
}

/** The command line, arguments separated by NUL; empty for a zombie, null when the process has gone. */
export function readCommandLine(pid: number): Promise<string | null> {
  return readOf(pid, 'cmdline');
}

/** Whether a process was started with this variable in its environment; false when we may not look. */
export async function hasVariable(pid: number, name: string, value: string): Promise<boolean> {
  const environment = await readOf(pid, 'environ');
  return environment?.split('\0').includes(`${name}=${value}`) ?? false;
}

/** All processes of a session, zombies included. Every process group belongs to one session as a whole. */
export async function sessionMembers(session: number): Promise<ProcessStat[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const stats = await Promise.all(pids.map(readStat));
  return stats.filter((stat): stat is ProcessStat => stat?.session === session);
}

/**
 * The id of this boot of the kernel (random(4)).
 *
 * @throws UpdateError `WORKLOAD_SPAWN_FAILED` where there is no Linux `/proc`
 */
export async function readBootId(): Promise<string> {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'latin1')).trim();
  } catch (error) {
    throw UpdateError.from(error, 'WORKLOAD_SPAWN_FAILED', 'expected a Linux /proc that names this boot');
  }
}
