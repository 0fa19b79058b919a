/**
 * Asks a version to take nobody new, before it is stopped, and waits until whom it has are served.
 *
 * Invariants:
 * - It never takes longer than `timeoutMs`, and never holds an update back: what goes wrong is told, and the stop comes all the same.
 * - Only connections that the version accepted count: those that it opened itself (a database) may stay for ever.
 */
import * as http from 'node:http';
import * as https from 'node:https';
import type { Clock, Drain } from '../services/ports.ts';
import { readNetSockets, socketsOf, type NetSocket } from '../sockets/net-sockets.ts';
import type { Drained } from '../types.ts';
import { throwIfCancelled } from './disk-errors.ts';
import { hookEnvironment } from './hooks.ts';
import { runHookProcess } from './hook-process.ts';
import { describeFault, oneLine } from './probe-look.ts';
import { sessionMembers } from './process-identity.ts';
import { whyUntrusted } from './trusted-program.ts';

/** What {@link createDrain} needs. */
export interface DrainOptions {
  /** `hooks.drain`: run with `CORESDK_WORKLOAD_PID` and `CORESDK_WORKLOAD_VERSION`; null: none. */
  readonly hook: readonly string[] | null;
  /** `workload.drain_url`: asked by POST; null: not. */
  readonly url: string | null;
  /** For all of it together, ms. */
  readonly timeoutMs: number;
  /**
   * The check address of the version that runs: there `url` is asked, since at an address that two versions share nobody knows which of
   * them answers. null, or not given: at the URL's own.
   */
  readonly checkSocket?: () => string | null;
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
  /** The daemon's environment, of which a hook gets `PATH`, `HOME`, `LANG` and `TZ`. */
  readonly ownEnv?: Readonly<NodeJS.ProcessEnv>;
}

const POLL_MS = { first: 10, longest: 100 } as const;
/** From SIGTERM to SIGKILL for a hook that takes too long, ms. */
const HOOK_GRACE_MS = 1_000;

/** What a connection that is waited for looks like: accepted at one of these addresses, or at one of these ports of any address. */
interface Listening {
  readonly addresses: ReadonlySet<string>;
  readonly ports: ReadonlySet<string>;
}

const portOf = (address: string): string | null =>
  address.startsWith('tcp:') ? (/:(\d+)$/.exec(address)?.[1] ?? null) : null;

/** The sockets of everything that belongs to the workload; null when nobody may look. */
async function socketsOfWorkload(pid: number): Promise<NetSocket[] | null> {
  const members = await sessionMembers(pid);
  const sets = members.map((member) => socketsOf(member.pid)).filter((set) => set !== null);
  if (sets.length === 0) return null;
  const all = await readNetSockets();
  return all.filter(({ inode }) => sets.some((set) => set.has(inode)));
}

function listeningOf(sockets: readonly NetSocket[]): Listening {
  const addresses = sockets.filter(({ state }) => state === 'listening').map(({ local }) => local);
  return {
    addresses: new Set(addresses),
    ports: new Set(addresses.map(portOf).filter((port) => port !== null)),
  };
}

function countConnections(sockets: readonly NetSocket[], { addresses, ports }: Listening): number {
  return sockets.filter(({ state, local }) => {
    if (state !== 'connected') return false;
    const port = portOf(local);
    return port === null ? addresses.has(local) : ports.has(port);
  }).length;
}

/** Sends the request, and resolves with the status of the answer. */
function post(url: URL, socketPath: string | null, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const { request } = url.protocol === 'https:' ? https : http;
    const sent = request(url, {
      method: 'POST',
      agent: false,
      signal,
      headers: { 'content-length': 0 },
      ...(socketPath === null ? {} : { socketPath }),
    });
    sent.once('response', (response) => {
      response.resume();
      response.once('error', reject);
      response.once('end', () => {
        resolve(response.statusCode ?? 0);
      });
    });
    sent.once('error', reject);
    sent.end();
  });
}

/** Why the URL did not ask for the drain; null when it did. */
async function askUrl(
  address: string,
  socketPath: string | null,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    const status = await post(new URL(address), socketPath, signal);
    if (status >= 200 && status < 300) return null;
    return `expected workload.drain_url (${address}) to answer 2xx, found HTTP ${String(status)}`;
  } catch (error) {
    const why = signal.aborted ? 'no answer in time' : describeFault(error);
    return `expected workload.drain_url (${address}) to answer 2xx, found: ${why}`;
  }
}

/**
 * The drain that is configured; null where nothing is.
 *
 * `run` first runs the hook, if there is one, then sends the POST, if there is an address; then waits until the connections that the
 * workload's process group accepted are gone. `fault` tells of the first thing that went wrong: a hook that is not safe to run or fails, an
 * answer that is not 2xx, connections that were left when the time was over.
 *
 * @example
 * const drain = createDrain({ hook: null, url: 'http://127.0.0.1:7701/drain', timeoutMs: 10_000, clock: systemClock });
 * await drain?.run({ pid: 4711, version: '1.3.0' }, signal); // { tookMs: 120, connectionsLeft: 0, fault: null }
 */
export function createDrain(options: DrainOptions): Drain | null {
  const { hook, url, timeoutMs, clock } = options;
  if (hook === null && url === null) return null;

  const askHook = async (
    argv: readonly string[],
    { pid, version }: { readonly pid: number; readonly version: string },
    leftMs: number,
    signal: AbortSignal,
  ): Promise<string | null> => {
    const [program = ''] = argv;
    const name = `hooks.drain (${program})`;
    const wrong = await whyUntrusted(program);
    if (wrong !== null) return `${name}: ${wrong}`;
    const env = {
      ...hookEnvironment(options.ownEnv ?? process.env),
      CORESDK_HOOK: 'drain',
      CORESDK_WORKLOAD_PID: String(pid),
      CORESDK_WORKLOAD_VERSION: version,
    };
    try {
      const end = await runHookProcess({ argv, env, timeoutMs: leftMs, graceMs: HOOK_GRACE_MS }, signal);
      if (end.code === 0 && end.stopped === null) return null;
      const last = oneLine(end.output.trim().split('\n').at(-1) ?? '');
      const how =
        end.stopped === 'timeout' ? 'that it still ran' : (end.signal ?? `exit code ${String(end.code)}`);
      return `expected ${name} to end with 0, found ${how}${last === '' ? '' : `: ${last}`}`;
    } catch (error) {
      return `${name} could not be started: ${error instanceof Error ? error.message : String(error)}`;
    }
  };

  return {
    run: async (process, signal): Promise<Drained> => {
      throwIfCancelled(signal);
      const start = clock.monotonic();
      const leftMs = (): number => Math.max(0, start + timeoutMs - clock.monotonic());
      const faults: string[] = [];
      const done = (connectionsLeft: number | null): Drained => ({
        tookMs: Math.round(clock.monotonic() - start),
        connectionsLeft,
        fault: faults[0] ?? null,
      });
      // Only now: a version that drains closes what it listens on.
      const before = await socketsOfWorkload(process.pid);
      const listening = listeningOf(before ?? []);
      const told = (fault: string | null): void => {
        throwIfCancelled(signal);
        if (fault !== null) faults.push(fault);
      };
      if (hook !== null) told(await askHook(hook, process, leftMs(), signal));
      if (url !== null) {
        const timeout = AbortSignal.timeout(Math.ceil(leftMs()));
        told(await askUrl(url, options.checkSocket?.() ?? null, AbortSignal.any([signal, timeout])));
      }
      if (before === null) return done(null);
      for (let pause: number = POLL_MS.first; ; pause = Math.min(pause * 2, POLL_MS.longest)) {
        const sockets = await socketsOfWorkload(process.pid);
        const left = sockets === null ? 0 : countConnections(sockets, listening);
        if (left === 0) return done(0);
        if (leftMs() === 0) {
          faults.push(
            `expected nobody to be connected ${String(timeoutMs / 1000)} s after the drain began, found ${String(left)} connections`,
          );
          return done(left);
        }
        await clock.sleep(Math.min(pause, leftMs()), signal);
      }
    },
  };
}
