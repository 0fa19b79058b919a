/**
 * What the daemon tells systemd: sd_notify(3), by the program `systemd-notify(1)`, since Node has no AF_UNIX datagram sockets.
 *
 * Invariants:
 * - Without `NOTIFY_SOCKET` nothing is ever started.
 * - At most one `systemd-notify` runs; what is told meanwhile becomes one message: the newest status wins, READY and STOPPING are
 *   never lost.
 * - A status is one line: no text of a workload can become an assignment of its own.
 * - Nothing here fails the daemon: the first failure in a row is one warning.
 */
import { spawn } from 'node:child_process';
import { UpdateError } from '../errors.ts';

/** What systemd is told; several things go as one message. */
export interface Notice {
  /** The start is over. */
  readonly ready?: true;
  /** The stop has begun. */
  readonly stopping?: true;
  /** For people, shown by `systemctl status`. */
  readonly status?: string;
  /** The event loop turns. */
  readonly watchdog?: true;
  /** The start or the stop may take this much longer, ms from now. */
  readonly extendMs?: number;
}

/** The service manager that started the daemon. */
export interface ServiceManager {
  /** Whether there is one that listens. */
  readonly listens: boolean;
  /** How long it waits for a sign of life before it kills the daemon, ms; null: it does not watch. */
  readonly watchdogMs: number | null;
  /** Hands it over, in the background. */
  notify(notice: Notice): void;
  /** Resolves once everything that was told has been handed over, or could not be; never rejects. */
  settled(): Promise<void>;
}

/** What systemd put into the environment for its talk with the daemon. */
export interface NotifySettings {
  readonly socket: string | null;
  readonly watchdogMs: number | null;
}

/** The variables of that talk; no child may have them. */
const TALK = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'] as const;

/**
 * Reads the variables of systemd's protocol, and takes them out of the environment, so that no child is given them (as
 * `sd_notify` and `sd_watchdog_enabled` do with `unset_environment`).
 *
 * @param env - changed by this
 * @param pid - of this process: a watchdog that is meant for another one is not ours (sd_watchdog_enabled(3))
 */
export function takeNotifySettings(env: NodeJS.ProcessEnv, pid: number): NotifySettings {
  const socket = env['NOTIFY_SOCKET'] ?? '';
  const usec = Number(env['WATCHDOG_USEC'] ?? 0);
  const watched = env['WATCHDOG_PID'] ?? '';
  const ours = Number.isSafeInteger(usec) && usec > 0 && (watched === '' || watched === String(pid));
  for (const name of TALK) Reflect.deleteProperty(env, name);
  return {
    socket: socket === '' ? null : socket,
    watchdogMs: socket !== '' && ours ? usec / 1000 : null,
  };
}

/** What {@link createServiceManager} needs. */
export interface ServiceManagerOptions extends NotifySettings {
  /** Where `systemd-notify` is looked for. */
  readonly path: string | undefined;
  /** Hears of the first failure in a row. */
  readonly warn: (error: UpdateError) => void;
  /** The program; `systemd-notify` unless told. */
  readonly program?: string;
  /** How long one message may take, ms; 10 s unless told. */
  readonly patienceMs?: number;
}

/** `systemd-notify` itself waits up to 5 s until systemd has read the message. */
const PATIENCE_MS = 10_000;
/** Longer ones are of no use on one line of a terminal. */
const STATUS_MAX = 300;

/** One line of printable text. */
function oneLine(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return line.length > STATUS_MAX ? `${line.slice(0, STATUS_MAX - 1)}…` : line;
}

/** A notice as arguments of `systemd-notify`: assignments as in sd_notify(3). */
export function assignments(notice: Notice): string[] {
  const { ready, stopping, status, watchdog, extendMs } = notice;
  return [
    // Who stops is not starting any more.
    ...(ready === true && stopping !== true ? ['READY=1'] : []),
    ...(stopping === true ? ['STOPPING=1'] : []),
    ...(status === undefined ? [] : [`STATUS=${oneLine(status)}`]),
    ...(watchdog === true ? ['WATCHDOG=1'] : []),
    ...(extendMs === undefined ? [] : [`EXTEND_TIMEOUT_USEC=${String(Math.ceil(extendMs) * 1000)}`]),
  ];
}

interface Sending {
  readonly program: string;
  readonly env: NodeJS.ProcessEnv;
  readonly patienceMs: number;
}

/** Runs `systemd-notify` once; resolves with what went wrong, in words. */
function send(args: readonly string[], { program, env, patienceMs }: Sending): Promise<string | null> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: patienceMs,
      killSignal: 'SIGKILL',
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (said.length < STATUS_MAX) said += text;
    });
    child.once('error', (error) => {
      resolve(error.message);
    });
    child.once('exit', (code, signal) => {
      if (code === 0) resolve(null);
      else resolve(`${signal ?? `exit code ${String(code)}`}${said === '' ? '' : `: ${oneLine(said)}`}`);
    });
  });
}

/**
 * The service manager of this process. `systemd-notify` waits until systemd has read the message (a barrier, systemd ≥ 246): else it
 * might be gone before systemd looks up whose process it was. Its messages count with `NotifyAccess=all` only; see
 * docs/decisions/0013-talk-with-systemd.md.
 *
 * @example
 * const manager = createServiceManager({ ...takeNotifySettings(process.env, process.pid), path: process.env['PATH'], warn });
 * manager.notify({ ready: true, status: '1.3.0 healthy' });
 */
export function createServiceManager(options: ServiceManagerOptions): ServiceManager {
  const { socket, watchdogMs, path, warn, program = 'systemd-notify', patienceMs = PATIENCE_MS } = options;
  const env = { ...(path === undefined ? {} : { PATH: path }), NOTIFY_SOCKET: socket ?? '' };
  let pending: Notice | null = null;
  let handing: Promise<void> | null = null;
  let failing = false;

  const handOver = async (): Promise<void> => {
    while (pending !== null) {
      const args = assignments(pending);
      pending = null;
      const failure = await send(args, { program, env, patienceMs });
      if (failure !== null && !failing)
        warn(
          new UpdateError(
            'SERVICE_MANAGER_UNREACHABLE',
            `expected ${program} to tell systemd ${args.join(' ')}, found ${failure}`,
          ),
        );
      failing = failure !== null;
    }
    handing = null;
  };

  return {
    listens: socket !== null,
    watchdogMs,
    notify: (notice) => {
      if (socket === null) return;
      pending = { ...pending, ...notice };
      handing ??= handOver();
    },
    settled: () => handing ?? Promise.resolve(),
  };
}
