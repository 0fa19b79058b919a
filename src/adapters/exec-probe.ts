/**
 * The health check that runs a program.
 *
 * Invariants: one that does not end in time is killed with its whole group; it gets nothing that is private to the daemon; what it
 * prints is never held whole.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';
import { UpdateError, hasErrno } from '../errors.ts';
import type { HealthProbe, ProbeResult } from '../services/ports.ts';
import { throwIfCancelled } from './disk-errors.ts';
import { boundedLook, oneLine } from './probe-look.ts';
import { withoutPrivate } from './workload-env.ts';

/** How much of the end of its output is kept, bytes. */
const TAIL_BYTES = 4_096;
/** How long the output of a program that has ended may take to arrive: a child that it left may hold the pipe open, ms. */
const DRAIN_MS = 100;

/** What {@link createExecProbe} needs. */
export interface ExecProbeOptions {
  /** The program and its arguments; no shell. */
  readonly command: readonly string[];
  /** The time that one look may take, ms. */
  readonly timeoutMs: number;
  /** Put over the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The last line of what a program said, on either stream. */
function tailOf(child: ChildProcessByStdio<null, Readable, Readable>): () => string {
  let tail = Buffer.alloc(0);
  const keep = (chunk: Buffer): void => {
    tail = Buffer.concat([tail, chunk]).subarray(-TAIL_BYTES);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  return () => oneLine(tail.toString().trimEnd().split('\n').at(-1) ?? '');
}

function run(
  [file = '', ...args]: readonly string[],
  env: Readonly<Record<string, string>>,
  stop: AbortSignal,
): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    throwIfCancelled(stop);
    // A group of its own, so that its children end with it.
    const child = spawn(file, args, {
      detached: true,
      cwd: '/',
      env: { ...withoutPrivate(process.env), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const tail = tailOf(child);
    let drain: NodeJS.Timeout | undefined;
    const letGo = (): void => {
      stop.removeEventListener('abort', kill);
      child.stdout.destroy();
      child.stderr.destroy();
      clearTimeout(drain);
    };
    const kill = (): void => {
      // Its leader has not been waited for, so the number is still its own.
      try {
        if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
          process.kill(-child.pid, 'SIGKILL');
      } catch (error) {
        if (!hasErrno(error, 'ESRCH', 'EPERM')) reject(UpdateError.from(error));
      }
      letGo();
      reject(new UpdateError('CANCELLED', 'the work was cancelled', { cause: stop.reason }));
    };
    stop.addEventListener('abort', kill, { once: true });
    child.once('error', (error) => {
      letGo();
      reject(new Error(`${file} cannot be started: ${error.message}`));
    });
    child.once('exit', (code, signal) => {
      stop.removeEventListener('abort', kill);
      const end = (): void => {
        letGo();
        const how = code === null ? `signal ${String(signal)}` : `exit code ${String(code)}`;
        const said = tail();
        resolve({ healthy: code === 0, detail: said === '' ? how : `${how}: ${said}` });
      };
      child.once('close', end);
      drain = setTimeout(end, DRAIN_MS);
    });
  });
}

/**
 * The health check by a program: exit code 0 is healthy. The last line of its output is told with the result. It runs in `/`,
 * without a shell, with the daemon's environment but for what is private to the daemon.
 *
 * There is no address at which somebody could answer, so `answered` is always false.
 *
 * @example
 * await createExecProbe({ command: ['/usr/lib/app/check', '--now'], timeoutMs: 2_000 }).look(signal);
 * // { healthy: false, detail: 'exit code 1: database is starting' }
 */
export function createExecProbe({ command, timeoutMs, env = {} }: ExecProbeOptions): HealthProbe {
  return {
    address: command.join(' '),
    look: (signal) => boundedLook({ timeoutMs, signal }, (stop) => run(command, env, stop)),
    answered: async (signal) => {
      throwIfCancelled(signal);
      return Promise.resolve(false);
    },
  };
}
