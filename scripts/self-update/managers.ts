/** Who starts the daemon, and starts it again when it ended: nobody, or something that behaves as Docker's restart policy does. */
import { spawn, type ChildProcess } from 'node:child_process';
import { open, readdir, readFile, readlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasErrno } from '../../src/errors.ts';
import { run } from '../systemd-test/command.ts';

/** What is started. */
export interface Command {
  /** Everything of the host lies below it; it is the HOME of all of its processes. */
  readonly root: string;
  readonly program: string;
  readonly configFile: string;
}

/** A way to run a daemon. */
export interface Manager {
  readonly name: string;
  /** Whether the workload survives the end of the daemon, so that another can adopt it. */
  readonly keepsWorkload: boolean;
  start(command: Command): Promise<void>;
  /** The power goes: every process of the host is killed at once. Whoever restarts things does so afterwards. */
  cut(command: Command): Promise<void>;
  /** Starts again after a cut, where nobody else does. */
  restart(command: Command): Promise<void>;
  /** Everything is over. */
  end(command: Command): Promise<void>;
}

/** A process of a host. */
export interface HostProcess {
  readonly pid: number;
  readonly args: readonly string[];
}

/** All processes of a host, known by their HOME; zombies are not among them. */
export async function processesOf(root: string): Promise<HostProcess[]> {
  const found: HostProcess[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    try {
      const environ = await readFile(`/proc/${name}/environ`, 'latin1');
      if (!environ.split('\0').includes(`HOME=${root}`)) continue;
      await readlink(`/proc/${name}/exe`);
      const args = (await readFile(`/proc/${name}/cmdline`, 'latin1')).split('\0').slice(0, -1);
      found.push({ pid: Number(name), args });
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!hasErrno(error, 'ESRCH')) throw error;
  }
}

/** Stops all, then kills all, so that none sees another go; until none is left. */
export async function killAll(root: string): Promise<void> {
  for (;;) {
    const all = await processesOf(root);
    if (all.length === 0) return;
    for (const { pid } of all) send(pid, 'SIGSTOP');
    for (const { pid } of all) send(pid, 'SIGKILL');
    await sleep(20);
  }
}

async function launch(file: string, args: readonly string[], root: string): Promise<ChildProcess> {
  const log = await open(join(root, 'daemon.log'), 'a');
  const child = spawn(file, args, {
    env: { PATH: `${dirname(process.execPath)}:/usr/bin:/bin`, HOME: root },
    stdio: ['ignore', log.fd, log.fd],
    detached: true,
  });
  await log.close();
  return child;
}

/** Started from a shell: nobody starts it again but itself. */
export function byHand(): Manager {
  const start = async ({ root, program, configFile }: Command): Promise<void> => {
    (await launch(program, ['--config', configFile], root)).unref();
  };
  return {
    name: 'by hand',
    keepsWorkload: true,
    start,
    cut: ({ root }) => killAll(root),
    restart: start,
    end: ({ root }) => killAll(root),
  };
}

/** Docker waits a little longer each time, from 100 ms on. */
const BACKOFF_MS = 100;

/** Why there can be no container of the second kind here; null where there can. */
export async function whyNoContainer(): Promise<string | null> {
  const { code, stderr } = await run('unshare', ['-pf', '--mount-proc', '--kill-child', 'tini', '--version']);
  return code === 0 ? null : `no PID namespace with tini in it: ${stderr.trim()}`;
}

/**
 * As `docker run --init --restart=always`: tini is pid 1 of a PID namespace, whose end ends all that is in it; then all of it is started
 * again, sooner or later. The state directory is the volume.
 */
export function restartPolicy(): Manager {
  let over = false;
  let container: ChildProcess | null = null;
  const loop = async (command: Command): Promise<void> => {
    for (let wait = BACKOFF_MS; !over; wait = Math.min(wait * 2, 2_000)) {
      const { program, configFile, root } = command;
      const args = ['-pf', '--mount-proc', '--kill-child', 'tini', '--', program, '--config', configFile];
      const child = await launch('unshare', args, root);
      container = child;
      await new Promise((resolve) => child.once('exit', resolve));
      await sleep(wait);
    }
  };
  return {
    name: 'restart policy',
    keepsWorkload: false,
    start: (command) => {
      void loop(command);
      return Promise.resolve();
    },
    cut: async ({ root }) => {
      // Killing pid 1 of the namespace kills all that is in it at once (pid_namespaces(7)).
      const init = (await processesOf(root)).find(({ args: [first] }) => first === 'tini');
      if (init !== undefined) send(init.pid, 'SIGKILL');
    },
    restart: () => Promise.resolve(),
    end: async ({ root }) => {
      over = true;
      container?.kill('SIGKILL');
      await killAll(root);
    },
  };
}
