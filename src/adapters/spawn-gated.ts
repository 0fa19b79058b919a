/** Starts a program behind the gate (`gate-script.ts`), and sees it through. */
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { open, type FileHandle } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { UpdateError } from '../errors.ts';
import type { Clock, ProcessExit } from '../services/ports.ts';
import { gated, isAtGate } from './gate-script.ts';
import type { HeldSocket } from './listen-sockets.ts';
import { readCommandLine } from './process-identity.ts';

/** How long the shell may take from the open gate to its `exec`, ms; after that the launch counts as done. */
const EXEC_BOUND_MS = 5_000;
const EXEC_POLL_MS = 2;
/** A shell ends with these when `exec` fails (POSIX, sh, "Exit Status"). */
const EXEC_FAILED: readonly (number | null)[] = [126, 127];

/** A shell at its gate, which is to become a program. */
export interface Spawned {
  readonly pid: number;
  readonly gate: Socket;
  readonly exited: Promise<ProcessExit>;
  /** How it ended; null while it runs. */
  exit: () => ProcessExit | null;
  /** SIGKILL to the leader; nothing if it has ended. */
  kill: () => void;
}

/** Waits until the child has a pid. */
async function spawned(child: ChildProcess, gateFd: number): Promise<Spawned> {
  let exit: ProcessExit | null = null;
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once('exit', (code, signal) => {
      exit = { code, signal };
      resolve(exit);
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  // Later errors are failed sends of signals, which this file does not send through the child.
  child.on('error', () => undefined);
  const gate = child.stdio[gateFd] as Socket;
  // A shell that has gone closes its end; `exited` tells of that.
  gate.on('error', () => undefined);
  return { pid: child.pid ?? 0, gate, exited, exit: () => exit, kill: () => void child.kill('SIGKILL') };
}

/**
 * Starts a program behind the gate, in a session and process group of its own.
 *
 * @param sockets - its descriptors from 3 on
 * @throws UpdateError `WORKLOAD_SPAWN_FAILED`
 */
export async function spawnGated(
  argv: readonly string[],
  env: Record<string, string>,
  output: 'inherit' | { readonly file: string },
  sockets: readonly Pick<HeldSocket, 'fd'>[],
): Promise<Spawned> {
  let log: FileHandle | null = null;
  try {
    if (output !== 'inherit') log = await open(output.file, 'a', 0o600);
    const out = log?.fd ?? 'inherit';
    const { file, args, gateFd } = gated(argv, sockets.length > 0);
    const stdio: StdioOptions =
      sockets.length > 0 ? ['pipe', out, out, ...sockets.map(({ fd }) => fd)] : ['ignore', out, out, 'pipe'];
    // Detached: a session and a group of its own. The program's stdin is /dev/null.
    return await spawned(spawn(file, args, { env, detached: true, stdio }), gateFd);
  } catch (error) {
    throw UpdateError.from(error, 'WORKLOAD_SPAWN_FAILED', `cannot start ${argv.join(' ')}`);
  } finally {
    await log?.close();
  }
}

/** How a process ended, for people. */
export function describeExit({ code, signal }: ProcessExit): string {
  return signal ?? `exit code ${String(code)}`;
}

/**
 * Waits until the shell, whose gate is open, has become the program.
 *
 * @param program - for the message
 * @throws UpdateError `WORKLOAD_START_FAILED` where the shell could not execute it
 */
export async function untilExecuted(
  { pid, exit }: Pick<Spawned, 'pid' | 'exit'>,
  program: string,
  clock: Pick<Clock, 'monotonic' | 'sleep'>,
): Promise<void> {
  const deadline = clock.monotonic() + EXEC_BOUND_MS;
  while (exit() === null && clock.monotonic() < deadline) {
    const commandLine = await readCommandLine(pid);
    // Empty: a zombie, whose exit is about to be told.
    if (commandLine !== null && commandLine !== '' && !isAtGate(commandLine)) return;
    await clock.sleep(EXEC_POLL_MS, new AbortController().signal);
  }
  const exited = exit();
  if (exited !== null && EXEC_FAILED.includes(exited.code))
    throw new UpdateError(
      'WORKLOAD_START_FAILED',
      `expected ${program} to start, found that it could not be executed (${describeExit(exited)})`,
    );
}
