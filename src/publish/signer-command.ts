/**
 * Running of a publisher's own signing command.
 *
 * Invariants:
 * - A command that is not waited for any more is killed. Of a line for the shell that is the shell: what it started sees its pipes
 *   closed. (A process group of its own would have no terminal, and could ask for no PIN.)
 * - No message or error holds the command's arguments, in which people put PINs.
 * - Output and time are bounded.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { hasErrno, UpdateError } from '../errors.ts';

/** A program with its arguments, or a line for `/bin/sh`. */
export type Command = string | readonly [string, ...string[]];

/** Limits of a run. */
export interface CommandLimits {
  /** The longest wait for the command to read on or to end, ms. */
  readonly timeoutMs: number;
  /** Kills it. */
  readonly signal?: AbortSignal | undefined;
}

/** A command that runs. Disposing of it kills it if it still does. */
export interface RunningCommand extends AsyncDisposable {
  /** Writes to its standard input; resolves when there is room for more. */
  write(chunk: string | Uint8Array): Promise<void>;
  /**
   * Ends its standard input and waits for its end.
   *
   * @returns what it wrote to standard output
   */
  finish(): Promise<Buffer>;
}

/** The most that a command may write to standard output, bytes. A signature has 1024 at most. */
export const MAX_OUTPUT_BYTES = 16 * 1024;

const MAX_STDERR_BYTES = 4 * 1024;

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** How a run ended: null for exit code 0. */
type Verdict = UpdateError | null;

/**
 * Starts a command with pipes for its standard streams, in this process's group and on its terminal, so that it can ask for a PIN
 * there and Ctrl-C reaches it. Its environment is this process's.
 *
 * All faults come from `write` and `finish`: `SIGNING_FAILED` when it cannot be started, does not end with exit code 0, writes
 * too much or takes too long; `CANCELLED`.
 */
export function startCommand(command: Command, { timeoutMs, signal }: CommandLimits): RunningCommand {
  const child = spawnPiped(command);
  const output: Buffer[] = [];
  let outputBytes = 0;
  let complaints = Buffer.alloc(0);
  let verdict: Verdict | undefined;
  const decided = Promise.withResolvers<undefined>();

  const decide = (found: Verdict): void => {
    if (verdict !== undefined) return;
    verdict = found;
    if (found !== null) kill(child);
    decided.resolve(undefined);
  };
  const cancel = (): void => {
    decide(new UpdateError('CANCELLED', 'the signer command was cancelled', { cause: signal?.reason }));
  };
  child.stdout.on('data', (chunk: Buffer) => {
    outputBytes += chunk.length;
    if (outputBytes <= MAX_OUTPUT_BYTES) output.push(chunk);
    else decide(failed(`at most ${String(MAX_OUTPUT_BYTES)} bytes of output, found more`));
  });
  child.stderr.on('data', (chunk: Buffer) => {
    complaints = Buffer.concat([complaints, chunk]).subarray(-MAX_STDERR_BYTES);
  });
  child.stdin.on('error', (error) => {
    // It stopped reading. Whether that is a fault, its exit code and its signature say.
    if (!hasErrno(error, 'EPIPE', 'ECONNRESET')) decide(failed(`to write to it, found ${codeOf(error)}`));
  });
  // Node's own error is no cause: it holds all arguments.
  child.on('error', (error) => {
    decide(failed(`to start it, found ${codeOf(error)}`));
  });
  child.once('close', (code, killedBy) => {
    const found = killedBy ?? String(code);
    decide(code === 0 ? null : failed(`exit code 0, found ${found}${lastLines(complaints)}`));
  });
  signal?.addEventListener('abort', cancel, { once: true });
  if (signal?.aborted === true) cancel();
  void decided.promise.then(() => signal?.removeEventListener('abort', cancel));

  const throwFault = (): void => {
    if (verdict !== undefined && verdict !== null) throw verdict;
  };
  /** Waits, but not for ever, and not once all is decided. */
  const waitFor = async (step: Promise<unknown>, what: string): Promise<void> => {
    const timer = setTimeout(() => {
      decide(
        failed(
          `it to ${what} within ${String(timeoutMs / 1000)} s, found it still busy${lastLines(complaints)}`,
        ),
      );
    }, timeoutMs);
    try {
      await Promise.race([step, decided.promise]);
    } finally {
      clearTimeout(timer);
    }
    throwFault();
  };

  return {
    async write(chunk) {
      throwFault();
      if (verdict === null || !child.stdin.writable) return;
      const { promise, resolve } = Promise.withResolvers<undefined>();
      if (child.stdin.write(chunk)) return;
      const done = (): void => {
        resolve(undefined);
      };
      child.stdin.once('drain', done).once('close', done);
      await waitFor(promise, 'read on');
      child.stdin.off('drain', done).off('close', done);
    },
    async finish() {
      child.stdin.end();
      await waitFor(decided.promise, 'end');
      return Buffer.concat(output);
    },
    async [Symbol.asyncDispose]() {
      decide(failed('to be waited for, found nobody'));
      await ended(child);
    },
  };
}

function spawnPiped(command: Command): Child {
  const [program, args] =
    typeof command === 'string' ? ['/bin/sh', ['-c', command]] : [command[0], command.slice(1)];
  try {
    return spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  } catch (error) {
    throw failed(`to start it, found ${codeOf(error)}`);
  }
}

/** A grandchild may hold the pipes open, so they are closed from this side. */
function kill(child: Child): void {
  child.kill('SIGKILL');
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
}

async function ended(child: Child): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const { promise, resolve } = Promise.withResolvers<undefined>();
  child.once('exit', () => {
    resolve(undefined);
  });
  await promise;
}

function failed(expected: string): UpdateError {
  return new UpdateError('SIGNING_FAILED', `the signer command: expected ${expected}`);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'an unknown fault';
}

/** The last lines that a command wrote for people: the last one alone is often only "Aborting." */
function lastLines(bytes: Buffer): string {
  const lines = bytes
    .toString('utf8')
    .split(/[\r\n]+/)
    .map((line) => line.replace(/[^\x20-\x7e]/g, '?').trim())
    .filter((line) => line !== '');
  const text = lines.slice(-3).join(' | ');
  return text === '' ? '' : `: ${text.length > 300 ? `…${text.slice(-300)}` : text}`;
}
