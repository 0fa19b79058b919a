/**
 * A container with a real systemd as its pid 1, by systemd-nspawn. It has no network but its own loopback, and its root is an overlay in
 * memory: nothing of a run outlives it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeControlGroup, type ControlGroup } from './cgroup.ts';
import { must, run, type CommandOptions, type Ran } from './command.ts';

const BOOT_MS = 60_000;
const POWER_OFF_MS = 15_000;

/** What is asked of a container. */
export interface MachineOptions {
  readonly root: string;
  /** Host path → path in the container, read-only. */
  readonly binds: Readonly<Record<string, string>>;
}

/** A booted container. */
export interface Machine {
  /** Runs a command in it, as root. */
  run(file: string, args: readonly string[], options?: CommandOptions): Promise<Ran>;
  /** The same; it has to end well. */
  must(file: string, args: readonly string[], options?: CommandOptions): Promise<string>;
  /** A shell script in it, as root; it has to end well. */
  sh(script: string): Promise<string>;
  /** Where a path of the container is for the host. */
  path(inside: string): string;
  /** Powers it off; ends whatever does not end by itself. */
  end(): Promise<void>;
}

/** Why there can be no container here; null where there can. */
export async function whyNot(): Promise<string | null> {
  if (process.platform !== 'linux') return 'this is not Linux';
  if (process.geteuid?.() !== 0) return 'systemd-nspawn needs root';
  for (const program of ['systemd-nspawn', 'debootstrap', 'nsenter'])
    if ((await run('sh', ['-c', `command -v ${program}`])).code !== 0) return `${program} is not installed`;
  if (existsSync('/run/systemd/system')) return null;
  try {
    const group = await makeControlGroup(`coresdk-try-${String(process.pid)}`);
    await group.end();
    return null;
  } catch (error) {
    return `control groups cannot be made: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** The pid of the container's pid 1, seen from the host. */
async function leaderOf(nspawn: ChildProcess): Promise<number | null> {
  const pid = String(nspawn.pid);
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  for (const child of children.split(' ').filter(Boolean)) {
    const status = await readFile(`/proc/${child}/status`, 'utf8').catch(() => '');
    if (/^Name:\tsystemd$/m.test(status) && /^NSpid:.*\t1$/m.test(status)) return Number(child);
  }
  return null;
}

async function within<T>(what: string, ms: number, look: () => Promise<T | null>): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (performance.now() > deadline) throw new Error(`not within ${String(ms / 1000)} s: ${what}`);
    await sleep(50);
  }
}

/** Boots a container; resolves once systemd says that it runs. */
export async function boot({ root, binds }: MachineOptions): Promise<Machine> {
  const name = `coresdk-test-${String(process.pid)}`;
  // A host whose init is systemd gives the container a scope; elsewhere it gets a control group of ours.
  const group: ControlGroup | null = existsSync('/run/systemd/system') ? null : await makeControlGroup(name);
  const join_ = (group?.doors ?? []).map((door) => `echo $$ > '${door}'`).join(' && ');
  const args = [
    '--quiet',
    `--directory=${root}`,
    '--volatile=overlay',
    '--register=no',
    ...(group === null ? [] : ['--keep-unit']),
    '--private-network',
    `--machine=${name}`,
    '--console=pipe',
    ...Object.entries(binds).map(([from, to]) => `--bind-ro=${from}:${to}`),
    '--boot',
    'systemd.unit=multi-user.target',
  ];
  const nspawn = spawn(
    'sh',
    ['-c', `${join_ === '' ? ':' : join_} && exec "$@"`, 'sh', 'systemd-nspawn', ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Out of reach of the terminal's Ctrl-C: it is ended in order.
      detached: true,
    },
  );
  let said = '';
  for (const stream of [nspawn.stdout, nspawn.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4_000)));
  const ended = new Promise<void>((resolve) => {
    nspawn.once('close', () => {
      resolve();
    });
    nspawn.once('error', (error) => {
      said += error.message;
      resolve();
    });
  });
  let leader: number | null = null;

  const end = async (): Promise<void> => {
    // What systemd as pid 1 takes for `poweroff` (systemd(1), SIGRTMIN+4).
    if (leader !== null) await run('kill', ['-s', 'RTMIN+4', String(leader)]);
    const off = await Promise.race([ended.then(() => true), sleep(POWER_OFF_MS, false, { ref: false })]);
    if (!off && nspawn.exitCode === null) nspawn.kill('SIGKILL');
    await ended;
    await group?.end();
    await rmdir(join('/run/systemd/nspawn/propagate', name)).catch(() => undefined);
  };

  try {
    leader = await within('the container starts', BOOT_MS, async () => {
      if (nspawn.exitCode !== null) throw new Error(`systemd-nspawn ended: ${said}`);
      return leaderOf(nspawn);
    });
    const enter = ['--target', String(leader), '--all', '--'];
    const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' };
    const machine: Machine = {
      run: (file, rest, options) => run('nsenter', [...enter, file, ...rest], { env, ...options }),
      must: (file, rest, options) => must('nsenter', [...enter, file, ...rest], { env, ...options }),
      sh: (script) => machine.must('sh', ['-euc', script]),
      path: (inside) => `/proc/${String(leader)}/root${inside}`,
      end,
    };
    await within('systemd runs', BOOT_MS, async () => {
      const { stdout } = await machine.run('systemctl', ['is-system-running']);
      return ['running', 'degraded'].includes(stdout.trim()) ? true : null;
    });
    return machine;
  } catch (error) {
    await end();
    throw error;
  }
}
