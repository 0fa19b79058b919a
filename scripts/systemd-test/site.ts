/** The host under test: a container in which the sidecar is installed as an operator installs it. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import type { AttemptProgress, Status } from '../../src/control/api.ts';
import { createControlClient, type ControlClient } from '../../src/control/client.ts';
import type { Machine } from './machine.ts';

/** The unit's name. */
export const UNIT = 'coresdk-sidecar.service';
/** Where the container sees what the host shares. */
export const SHARE = '/srv/coresdk-test';
/** Where it sees the Node that this runs on. */
export const NODE = '/srv/coresdk-test-node';
/** The feed as the container sees it. */
export const FEED_URL = `file://${SHARE}/feed`;

/** So long that only what never comes is missed: how fast this machine is decides nothing. */
const PATIENCE_MS = 150_000;

/** A process of the sidecar's user. */
export interface Process {
  readonly pid: number;
  readonly command: string;
}

/** What the checks ask of the host. */
export interface Site {
  readonly machine: Machine;
  readonly client: ControlClient;
  /** Writes the configuration; takes effect at the next start. */
  configure(config: object): Promise<void>;
  /** Properties of the unit, as `systemctl show` tells them. */
  show(...names: readonly string[]): Promise<Readonly<Record<string, string>>>;
  systemctl(...args: readonly string[]): Promise<string>;
  status(): Promise<Status | null>;
  /** Waits until the status is as wanted. */
  until(what: string, wanted: (status: Status) => boolean): Promise<Status>;
  /** Waits until a property of the unit is as wanted. */
  untilShows(name: string, wanted: (value: string) => boolean): Promise<string>;
  /** Begins an update from the feed, and waits until it is in `state`. */
  updateInto(state: string): Promise<string>;
  /** An update from the feed, to its end. */
  update(): Promise<AttemptProgress>;
  /** All processes of the sidecar's user, wherever they are. */
  processes(): Promise<Process[]>;
  /** Waits until the processes of the sidecar's user are as wanted. */
  untilProcesses(what: string, wanted: (processes: readonly Process[]) => boolean): Promise<Process[]>;
  /** From where on `logSince` is to be read. */
  logMark(): Promise<string>;
  /** What the unit's log says since the mark. */
  logSince(mark: string): Promise<string>;
  /** What `/version` of the workload says; null when nobody answers. */
  answer(): Promise<string | null>;
}

async function eventually<T>(what: string, look: () => Promise<T | null>, last: () => unknown): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (performance.now() > deadline)
      throw new Error(`not within ${String(PATIENCE_MS / 1000)} s: ${what}; found ${JSON.stringify(last())}`);
    await sleep(50);
  }
}

/** Every process of the user, as `pid command`; `/proc` of the container alone. */
const PROCESSES = `uid=$(id -u coresdk)
for p in /proc/[0-9]*; do
  [ "$(stat -c %u "$p" 2>/dev/null || true)" = "$uid" ] || continue
  c=$(tr '\\0' ' ' < "$p/cmdline" 2>/dev/null || true)
  [ -z "$c" ] || echo "\${p#/proc/} $c"
done`;

const ANSWER = `fetch('http://127.0.0.1:7701/version').then((r) => r.json()).then((j) => console.log(j.version), () => process.exit(1))`;

/** The site around a booted container. */
export function createSite(machine: Machine): Site {
  const client = createControlClient({ socket: machine.path('/var/lib/coresdk/control.sock') });
  let seen: unknown = null;
  const systemctl = (...args: readonly string[]): Promise<string> => machine.must('systemctl', args);
  const status = async (): Promise<Status | null> => {
    try {
      return await client.status();
    } catch {
      // The daemon is down, or on its way: the answer of a host that restarts.
      return null;
    }
  };
  const show: Site['show'] = async (...names) => {
    const lines = await systemctl('show', UNIT, `--property=${names.join(',')}`);
    return Object.fromEntries(
      lines.split('\n').map((line) => {
        const at = line.indexOf('=');
        return [line.slice(0, at), line.slice(at + 1)];
      }),
    );
  };
  const until: Site['until'] = (what, wanted) =>
    eventually(
      what,
      async () => {
        const now = await status();
        seen = now;
        return now !== null && wanted(now) ? now : null;
      },
      () => seen,
    );
  const processes: Site['processes'] = async () =>
    (await machine.sh(PROCESSES))
      .split('\n')
      .filter(Boolean)
      .map((line) => ({ pid: Number.parseInt(line, 10), command: line.replace(/^\d+ /, '').trim() }));
  return {
    machine,
    client,
    show,
    systemctl,
    status,
    until,
    configure: async (config) => {
      const text = Buffer.from(stringify(config)).toString('base64');
      await machine.sh(
        `install -d /etc/coresdk && echo ${text} | base64 -d > /etc/coresdk/sidecar.yaml && chmod 644 /etc/coresdk/sidecar.yaml`,
      );
    },
    untilShows: (name, wanted) =>
      eventually(
        `${name} of the unit`,
        async () => {
          const value = (await show(name))[name] ?? '';
          seen = value;
          return wanted(value) ? value : null;
        },
        () => seen,
      ),
    updateInto: async (state) => {
      const id = await client.update({ dryRun: false });
      await until(`the update is in ${state}`, (now) => now.state === state);
      return id;
    },
    update: async () => client.follow(await client.update({ dryRun: false })),
    processes,
    untilProcesses: (what, wanted) =>
      eventually(
        what,
        async () => {
          const now = await processes();
          seen = now;
          return wanted(now) ? now : null;
        },
        () => seen,
      ),
    logMark: async () => {
      const text = await machine.must('journalctl', [
        '--no-pager',
        '--output=cat',
        '-n',
        '0',
        '--show-cursor',
      ]);
      return text.replace(/^[\s\S]*-- cursor: /, '').trim();
    },
    logSince: (mark) =>
      machine.must('journalctl', ['--no-pager', '--output=cat', '--unit', UNIT, `--after-cursor=${mark}`]),
    answer: async () => {
      const { code, stdout } = await machine.run('node', ['-e', ANSWER]);
      return code === 0 ? stdout.trim() : null;
    },
  };
}

/** The log of the unit, for a run that failed. */
export async function logOf(machine: Machine): Promise<string> {
  const { stdout } = await machine.run('journalctl', [
    '--no-pager',
    '--output=cat',
    `--unit=${UNIT}`,
    '-n',
    '80',
  ]);
  return stdout;
}

/** The environment of a process of the container, as names. */
export async function environmentOf(machine: Machine, pid: number): Promise<string[]> {
  const text = await readFile(machine.path(`/proc/${String(pid)}/environ`), 'latin1');
  return text.split('\0').map((it) => it.split('=', 1)[0] ?? '');
}
