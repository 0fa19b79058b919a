/**
 * The workload's processes, for real (Linux).
 *
 * Invariants:
 * - The identity of a program is on disk before its first instruction runs: it waits at the gate (`gate-script.ts`).
 * - The records, one a place, name everything that may run: a launch first ends whatever the record of its place still names, and a
 *   record goes only when no process of its group is left, or when the other record names it.
 * - When `launch` rejects, nothing of it runs.
 * - What is adopted is the very process of the record: this boot, its pid and its start time.
 */
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { UpdateError, hasErrno } from '../errors.ts';
import type { Clock, LaunchedProcess, Place, ProcessExit, Processes, Survivor } from '../services/ports.ts';
import type { LaunchTarget } from '../types.ts';
import { CHECK_SOCKET_NAME } from '../sockets/check-socket-name.ts';
import type { CheckSocket, CheckSockets } from './check-sockets.ts';
import { nodeDisk, type Disk } from './disk.ts';
import { throwIfCancelled } from './disk-errors.ts';
import { checkExecutable } from './executable.ts';
import { GATE_WORD, gated, isAtGate } from './gate-script.ts';
import { openLibc } from './libc.ts';
import type { HeldSocket, ListenSockets } from './listen-sockets.ts';
import { processGroup, type ProcessGroup } from './process-group.ts';
import {
  catchesSignal,
  hasEnded,
  readBootId,
  readCommandLine,
  readExitStatus,
  readStat,
} from './process-identity.ts';
import {
  besideRecordPath,
  processRecordFile,
  type ProcessRecord,
  type ProcessRecordFile,
} from './process-record.ts';
import { workloadEnv } from './workload-env.ts';

/** How long the shell may take from the open gate to its `exec`, ms; after that the launch counts as done. */
const EXEC_BOUND_MS = 5_000;
const EXEC_POLL_MS = 2;
/** How often an adopted process is looked at, ms. */
const ADOPTED_POLL_MS = 200;
/** What tells a version that was started beside another that clients are its own now. */
const PROMOTION = 'SIGUSR2';
/** A shell ends with these when `exec` fails (POSIX, sh, "Exit Status"). */
const EXEC_FAILED: readonly (number | null)[] = [126, 127];

/** What {@link createProcesses} needs. */
export interface ProcessesOptions {
  /** Program and arguments; `{binary}` stands for the entry file of the version that is started. Not empty. */
  readonly command: readonly string[];
  /** `workload.env`, put over the daemon's own environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute path of the record of the running process; its folder exists, and holds that of what runs beside, too. */
  readonly recordPath: string;
  /** The daemon's own stdout and stderr, or a file that both are appended to (made with mode 0600). */
  readonly output: 'inherit' | { readonly file: string };
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
  /** Listening sockets that are passed on from descriptor 3, as systemd does (sd_listen_fds(3)); none unless given. */
  readonly sockets?: Pick<ListenSockets, 'open' | 'makeBlocking'>;
  /** Where two versions may run at once: each launch gets a check address of its own; null: they may not. */
  readonly check?: CheckSockets | null;
  /** Writes the record; the real disk unless told. */
  readonly disk?: Disk;
  /** The environment that is handed down; the daemon's own unless told. */
  readonly ownEnv?: Readonly<NodeJS.ProcessEnv>;
}

type HeldName = Pick<HeldSocket, 'fd' | 'name'>;

interface Spawned {
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

async function spawnGated(
  argv: readonly string[],
  env: Record<string, string>,
  output: ProcessesOptions['output'],
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

function describeExit({ code, signal }: ProcessExit): string {
  return signal ?? `exit code ${String(code)}`;
}

/**
 * Starts and ends the workload's processes, each launch in a session and process group of its own.
 *
 * - `launch` resolves once the program runs (its pid is the leader's). `WORKLOAD_START_FAILED`: the program cannot be
 *   executed; `WORKLOAD_SPAWN_FAILED`: this host cannot start processes or open the output file; `LISTEN_FAILED`; `DISK_FULL`,
 *   `STATE_DIR_UNUSABLE`: the record cannot be written; `CANCELLED`. One launch at a time in a place.
 * - `terminate` also sweeps a group whose leader has ended by itself; done already, it does nothing. With `graceMs` 0
 *   there is no SIGTERM. `WORKLOAD_STOP_FAILED` if something is left 5 s after SIGKILL.
 * - `endSurvivor` touches nothing unless boot id, pid and start time (or, with the leader gone, the launch id in a
 *   member's environment) are those of the record.
 *
 * @example
 * const processes = createProcesses({ command: ['{binary}', 'serve'], env: {}, recordPath: '/var/lib/coresdk/workload.json',
 *   output: 'inherit', clock: systemClock });
 * await processes.endSurvivor(10_000);
 * const workload = await processes.launch({ ref, entry }, signal);
 */
export function createProcesses(options: ProcessesOptions): Processes {
  const { clock, check = null } = options;
  const recordFiles: Readonly<Record<Place, ProcessRecordFile>> = {
    main: processRecordFile(options.disk ?? nodeDisk, options.recordPath),
    beside: processRecordFile(options.disk ?? nodeDisk, besideRecordPath(options.recordPath)),
  };
  const launches = new WeakMap<LaunchedProcess, { group: ProcessGroup; launchId: string }>();
  const never = new AbortController().signal;

  const endRecorded = async (place: Place, graceMs: number): Promise<Survivor | null> => {
    const recordFile = recordFiles[place];
    const record = await recordFile.read();
    const ended =
      record !== null &&
      record.bootId === (await readBootId()) &&
      (await processGroup(record, clock).end(graceMs));
    if (record !== null) check?.remove(record.launchId);
    await recordFile.remove();
    return ended ? { pid: record.pid, version: record.version } : null;
  };

  const endSurvivor = async (graceMs: number): Promise<Survivor | null> => {
    const beside = await endRecorded('beside', graceMs);
    const main = await endRecorded('main', graceMs);
    check?.removeAll();
    return main ?? beside;
  };

  const runsStill = async ({
    pid,
    startTime,
  }: Pick<ProcessRecord, 'pid' | 'startTime'>): Promise<boolean> => {
    const stat = await readStat(pid);
    return stat?.startTime === startTime && !hasEnded(stat);
  };

  /** The end of a process that this one did not start, or no longer knows as its child: nobody is told of it, so it is looked at. */
  const untilEnded = async (record: ProcessRecord): Promise<ProcessExit> => {
    while (await runsStill(record)) await clock.sleep(ADOPTED_POLL_MS, never);
    // After `execve` it is our child still, and a zombie that keeps its exit status.
    const exit = await readExitStatus(record.pid, record.startTime);
    if (exit !== null) void reap(record);
    return exit ?? { code: null, signal: null };
  };

  /** Nobody else waits for what this program became the parent of by `execve`; where it is not ours, init does. */
  const reap = async ({ pid, startTime }: ProcessRecord): Promise<void> => {
    try {
      // Whoever started it and knows it waits for it by itself, and has by then.
      await clock.sleep(ADOPTED_POLL_MS, never);
      if ((await readExitStatus(pid, startTime)) !== null) openLibc().reap(pid);
    } catch {
      // An entry in the table of processes is all that is lost, until the daemon ends.
    }
  };

  /** Waits until the shell has become the program. */
  const untilExecuted = async ({ pid, exit }: Spawned, program: string): Promise<void> => {
    const deadline = clock.monotonic() + EXEC_BOUND_MS;
    while (exit() === null && clock.monotonic() < deadline) {
      const commandLine = await readCommandLine(pid);
      // Empty: a zombie, whose exit is about to be told.
      if (commandLine !== null && commandLine !== '' && !isAtGate(commandLine)) return;
      await clock.sleep(EXEC_POLL_MS, never);
    }
    const exited = exit();
    if (exited !== null && EXEC_FAILED.includes(exited.code))
      throw new UpdateError(
        'WORKLOAD_START_FAILED',
        `expected ${program} to start, found that it could not be executed (${describeExit(exited)})`,
      );
  };

  const passGate = async (
    child: Spawned,
    launchId: string,
    { target, place, program }: { target: LaunchTarget; place: Place; program: string },
    signal: AbortSignal,
  ): Promise<ProcessGroup> => {
    const stat = await readStat(child.pid);
    if (stat === null)
      throw new UpdateError('WORKLOAD_SPAWN_FAILED', `process ${String(child.pid)} ended at the gate`);
    const identity = { pid: child.pid, startTime: stat.startTime, launchId };
    await recordFiles[place].write({ ...identity, bootId: await readBootId(), version: target.ref.version });
    throwIfCancelled(signal);
    const atGate = child.exit();
    if (atGate !== null)
      throw new UpdateError(
        'WORKLOAD_SPAWN_FAILED',
        `expected a process at the gate, found ${describeExit(atGate)}`,
      );
    const group = processGroup(identity, clock);
    child.gate.end(GATE_WORD);
    try {
      await untilExecuted(child, program);
      throwIfCancelled(signal);
    } catch (error) {
      await group.end(0);
      throw error;
    }
    return group;
  };

  /** The listening sockets for a launch; the last is its check address, where it has one. */
  const socketsFor = async (place: Place, own: CheckSocket | null): Promise<readonly HeldName[]> => {
    const held = (await options.sockets?.open()) ?? [];
    const other = await recordFiles[place === 'main' ? 'beside' : 'main'].read();
    // What ran before may have set it otherwise, and nothing of it is left; but not under the feet of one that runs.
    if (other === null) options.sockets?.makeBlocking();
    return own === null ? held : [...held, { fd: own.fd, name: CHECK_SOCKET_NAME }];
  };

  const launchWith = async (
    target: LaunchTarget,
    place: Place,
    launchId: string,
    own: CheckSocket | null,
    signal: AbortSignal,
  ): Promise<LaunchedProcess> => {
    const [program = '', ...args] = options.command.map((part) =>
      part.replaceAll('{binary}', () => target.entry),
    );
    const ownEnv = options.ownEnv ?? process.env;
    const path = await checkExecutable(program, { ...ownEnv, ...options.env }['PATH']);
    await endRecorded(place, 0);
    const sockets = await socketsFor(place, own);
    const names = sockets.map(({ name }) => name);
    const overlap = own === null ? null : { checkSocket: own.path, beside: place === 'beside' };
    const env = workloadEnv(ownEnv, options.env, launchId, names, overlap);
    const child = await spawnGated([path, ...args], env, options.output, sockets);
    try {
      const group = await passGate(child, launchId, { target, place, program: path }, signal);
      const launched: LaunchedProcess = { pid: child.pid, exited: child.exited };
      launches.set(launched, { group, launchId });
      return launched;
    } catch (error) {
      child.gate.destroy();
      if (error instanceof UpdateError && error.code === 'WORKLOAD_STOP_FAILED') throw error;
      // Still at the gate, or ended already.
      child.kill();
      await child.exited;
      await recordFiles[place].remove();
      throw UpdateError.from(error);
    }
  };

  return {
    launch: async (target, signal, place = 'main') => {
      throwIfCancelled(signal);
      const launchId = randomBytes(16).toString('hex');
      const own = check?.open(launchId, place) ?? null;
      try {
        return await launchWith(target, place, launchId, own, signal);
      } catch (error) {
        check?.remove(launchId);
        throw error;
      } finally {
        own?.release();
      }
    },

    terminate: async (launched, graceMs) => {
      const launch = launches.get(launched);
      if (launch === undefined)
        throw new UpdateError('INTERNAL', `process ${String(launched.pid)} was not launched here`);
      await launch.group.end(graceMs);
      await launched.exited;
      check?.remove(launch.launchId);
      for (const recordFile of Object.values(recordFiles)) {
        const record = await recordFile.read();
        if (record?.launchId === launch.launchId) await recordFile.remove();
      }
    },

    promote: async ({ pid }) => {
      // To a program without a handler it would be the end.
      if (!(await catchesSignal(pid, PROMOTION))) return;
      try {
        process.kill(pid, PROMOTION);
      } catch (error) {
        // It has just ended, which whoever waits for its exit is told of.
        if (!hasErrno(error, 'ESRCH')) throw UpdateError.from(error, 'INTERNAL', `cannot send ${PROMOTION}`);
      }
    },

    relieve: async () => {
      const record = await recordFiles.beside.read();
      if (record === null) return;
      // In this order, so that it is named at every moment.
      await recordFiles.main.write(record);
      await recordFiles.beside.remove();
      check?.relieve();
    },

    adopt: async (target) => {
      // What was tried beside it is nobody's any more.
      await endRecorded('beside', 0);
      const record = await recordFiles.main.read();
      if (record?.version !== target.ref.version) return null;
      if (record.bootId !== (await readBootId()) || !(await runsStill(record))) return null;
      const adopted: LaunchedProcess = { pid: record.pid, exited: untilEnded(record) };
      launches.set(adopted, { group: processGroup(record, clock), launchId: record.launchId });
      check?.adopt(record.launchId);
      return adopted;
    },

    endSurvivor,
  };
}
