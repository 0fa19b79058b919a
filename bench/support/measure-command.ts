/**
 * How long a command takes, and what it needs. Reads `/proc`, so it measures on Linux only.
 *
 * Commands are measured one after the other: the CPU time is what all children of this process took meanwhile.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { residentBytes } from './process-memory.ts';

/** What one run of a command took. */
export interface Measured {
  /** Wall time from its start to its end, seconds. */
  readonly seconds: number;
  /** User and system time of the command and its children, seconds; exact to 10 ms. */
  readonly cpuSeconds: number;
  /** Most resident memory of the command itself, bytes; looked at every 2 ms. */
  readonly peakBytes: number;
}

const LOOK_MS = 2;

/** USER_HZ, which `/proc` counts in: 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

/**
 * Runs a command to its end, with its output thrown away, and measures it.
 *
 * @param argv - the program and its arguments; no shell
 * @throws Error when it cannot be started or does not end with 0; the message holds what it wrote to stderr
 * @example
 * const { seconds } = await measureCommand(['zstd', '-d', '-f', 'x.zst', '-o', 'x']);
 */
export async function measureCommand(argv: readonly [string, ...string[]]): Promise<Measured> {
  const [program, ...args] = argv;
  const before = childTicks();
  const started = performance.now();
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  let peakBytes = 0;
  const look = setInterval(() => {
    if (child.pid !== undefined) peakBytes = Math.max(peakBytes, residentBytes('VmHWM', child.pid) ?? 0);
  }, LOOK_MS);
  try {
    const { code, seconds } = await new Promise<{ code: number | null; seconds: number }>(
      (resolve, reject) => {
        let ended = started;
        child.once('error', reject);
        child.once('exit', () => (ended = performance.now()));
        child.once('close', (status) => {
          resolve({ code: status, seconds: (ended - started) / 1000 });
        });
      },
    );
    if (code !== 0)
      throw new Error(`${argv.join(' ')}: expected exit code 0, found ${String(code)}: ${complaint}`);
    return { seconds, cpuSeconds: (childTicks() - before) / TICKS_PER_SECOND, peakBytes };
  } finally {
    clearInterval(look);
  }
}

/** CPU time of all children of this process that have ended (`proc(5)`: cutime and cstime), in ticks. */
function childTicks(): number {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  // The name, in parentheses, may hold anything; cutime is the 16th field, the 14th after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[13]) + Number(fields[14]);
}
