/**
 * Runs one program of the operator's to its end.
 *
 * Invariants:
 * - No shell. A session and a process group of its own, of which nothing is left when this resolves or rejects.
 * - It gets the environment that is handed over and nothing else, no stdin, and no descriptor of the daemon's.
 * - What is kept of its output is bounded; it never blocks on a full pipe.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { hasErrno } from '../errors.ts';
import type { ProcessExit } from '../services/ports.ts';

/** The last bytes of stdout and stderr together that are kept. */
const TAIL_BYTES = 4096;
/** How long output may still come once nothing of the group is left, ms: something may have left the group with the pipe. */
const DRAIN_MS = 200;
/** How long SIGKILL may take, ms. */
const KILL_BOUND_MS = 2_000;
const POLL_MS = 10;

/** What is run, and how long it may take. */
export interface HookProcess {
  /** A program by its absolute path, and its arguments. */
  readonly argv: readonly string[];
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** From SIGTERM to SIGKILL, ms. */
  readonly graceMs: number;
}

/** How it ended. */
export interface HookEnd extends ProcessExit {
  /** Ended because it took too long, or because the signal fired; null: by itself. */
  readonly stopped: 'timeout' | 'signal' | null;
  /** The end of what it wrote to stdout and stderr. */
  readonly output: string;
}

/** Sends a signal to a whole group; false when there is none any more. */
function sendToGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-group, signal);
    return true;
  } catch (error) {
    // EPERM: all that is left of it has become another user's.
    if (hasErrno(error, 'ESRCH', 'EPERM')) return false;
    throw error;
  }
}

/** Keeps the end of what comes. */
function tailOf(child: ChildProcess): () => string {
  let tail = Buffer.alloc(0);
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      tail = Buffer.concat([tail, chunk]).subarray(-TAIL_BYTES);
    });
  return () => tail.toString('utf8');
}

/** SIGKILL for what is left of a group, until nothing is. */
async function sweep(group: number): Promise<void> {
  const deadline = performance.now() + KILL_BOUND_MS;
  // Again in each round: a member may have forked meanwhile. One that is a zombie nobody reaps does no harm.
  while (sendToGroup(group, 'SIGKILL') && performance.now() < deadline) await delay(POLL_MS);
}

/**
 * Runs a program until it ends by itself, takes too long, or the signal fires; then ends what is left of its group: SIGTERM to all of
 * it, and SIGKILL once the program has ended, or after `graceMs`.
 *
 * @throws Node's own error when it cannot be started (`ENOENT`, `EACCES`, `ENOEXEC`, `EAGAIN`, …)
 */
export async function runHookProcess(
  { argv: [program = '', ...args], env, timeoutMs, graceMs }: HookProcess,
  signal: AbortSignal,
): Promise<HookEnd> {
  const child = spawn(program, args, { env, cwd: '/', detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once('exit', (code, by) => {
      resolve({ code, signal: by });
    });
  });
  const closed = new Promise((resolve) => child.once('close', resolve));
  const output = tailOf(child);
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  const group = child.pid ?? 0;
  const ended = new AbortController();
  const stop = async (why: 'timeout' | 'signal'): Promise<'timeout' | 'signal'> => {
    sendToGroup(group, 'SIGTERM');
    await Promise.race([exited, after(graceMs, ended.signal)]);
    sendToGroup(group, 'SIGKILL');
    return why;
  };
  const cut = Promise.race([after(timeoutMs, ended.signal), fired(signal, ended.signal)]);
  try {
    const first = await Promise.race([exited.then(() => null), cut]);
    const stopped = first === null ? null : await stop(first);
    const exit = await exited;
    await sweep(group);
    await Promise.race([closed, after(DRAIN_MS, ended.signal)]);
    return { ...exit, stopped, output: output() };
  } finally {
    ended.abort();
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

/** Resolves after `ms`; once `end` fires it never does. */
function after(ms: number, end: AbortSignal): Promise<'timeout'> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      resolve('timeout');
    }, ms);
    const clear = (): void => {
      clearTimeout(timer);
    };
    end.addEventListener('abort', clear, { once: true });
  });
}

/** Resolves once the signal fires; once `end` fires it never does. */
function fired(signal: AbortSignal, end: AbortSignal): Promise<'signal'> {
  return new Promise((resolve) => {
    const tell = (): void => {
      resolve('signal');
    };
    if (signal.aborted) tell();
    signal.addEventListener('abort', tell, { once: true, signal: end });
  });
}
