import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/adapters/clock.ts';
import { errnoError, nodeDisk } from '../../src/adapters/disk.ts';
import { openListenSockets } from '../../src/adapters/listen-sockets.ts';
import { readStat } from '../../src/adapters/process-identity.ts';
import { createProcesses, type ProcessesOptions } from '../../src/adapters/processes.ts';
import { createFakeProcesses } from '../fakes/fake-processes.ts';
import { processesContract } from './contracts/processes.contract.ts';
import { IGNORES_TERM, RUNS, createWorkshop, isRunning, type Workshop } from './fixtures/programs.ts';
import type { Processes } from '../../src/services/ports.ts';
import type { LaunchTarget } from '../../src/types.ts';

const never = new AbortController().signal;
const target = (entry: string): LaunchTarget => ({ ref: { origin: 'baseline', version: '1.0.0' }, entry });

function make(shop: Workshop, options: Partial<ProcessesOptions> = {}): Processes {
  return createProcesses({
    command: ['{binary}'],
    env: {},
    recordPath: join(shop.folder, 'workload.json'),
    output: { file: join(shop.folder, 'output') },
    clock: systemClock,
    ...options,
  });
}

processesContract('real', async () => {
  const shop = await createWorkshop();
  await shop.script('runs', RUNS);
  await shop.script('ignoresTerm', IGNORES_TERM);
  await shop.script('exits', 'exit 3');
  const processes = make(shop);
  return {
    processes,
    target: (program) => target(join(shop.folder, program)),
    ready: async ({ pid }) => {
      await vi.waitFor(async () => {
        expect(await shop.lines('ready')).toEqual([String(pid)]);
      });
    },
    isRunning,
    restart: () => Promise.resolve(make(shop)),
    close: async () => {
      await processes.endSurvivor(0);
      await shop.remove();
    },
  };
});

processesContract('fake', () => {
  const fake = createFakeProcesses(systemClock);
  const programs = {
    '/runs': 'runs',
    '/ignoresTerm': 'ignoresTerm',
    '/missing': 'missing',
    '/exits': { exits: 3 },
  } as const;
  for (const [entry, behaviour] of Object.entries(programs)) fake.behaviours.set(entry, behaviour);
  return Promise.resolve({
    processes: fake,
    target: (program) => target(`/${program}`),
    ready: () => Promise.resolve(),
    isRunning: (pid) => Promise.resolve(fake.running().includes(pid)),
    restart: () => {
      fake.abandon();
      return Promise.resolve(fake);
    },
    close: () => Promise.resolve(),
  });
});

describe('processes of this host', () => {
  let shop: Workshop;
  let processes: Processes;
  const record = async (): Promise<Record<string, unknown>> =>
    JSON.parse(await readFile(join(shop.folder, 'workload.json'), 'utf8')) as Record<string, unknown>;
  const hasRecord = async (): Promise<boolean> => (await readdir(shop.folder)).includes('workload.json');
  const rewrite = async (change: Record<string, unknown>): Promise<void> =>
    writeFile(join(shop.folder, 'workload.json'), JSON.stringify({ ...(await record()), ...change }));

  beforeEach(async () => {
    shop = await createWorkshop();
    processes = make(shop);
  });
  afterEach(async () => {
    await processes.endSurvivor(0);
    await shop.remove();
  });

  describe('launching', () => {
    it('gives the program a session and group of its own, /dev/null, and no pipe', async () => {
      const entry = await shop.script('look', 'ls -l /proc/$$/fd > list; mv list fds; exec sleep 600');
      const { pid } = await processes.launch(target(entry), never);
      const lines = (await shop.lines('fds')).map((line) => line.replace(/^.* (\d+ -> )/, '$1'));
      expect(lines).toContain('0 -> /dev/null');
      expect(lines).toContain(`2 -> ${join(shop.folder, 'output')}`);
      expect(lines.filter((line) => line.startsWith('3 '))).toEqual([]);
      const fields = (await readFile(`/proc/${String(pid)}/stat`, 'latin1')).split(') ')[1]?.split(' ');
      expect(fields?.slice(2, 4)).toEqual([String(pid), String(pid)]);
    });

    it('passes arguments as they are, and the entry file for {binary}', async () => {
      const entry = await shop.script(
        'show',
        'for a; do printf "%s\\n" "$a" >> list; done; mv list args; exec sleep 600',
      );
      processes = make(shop, { command: ['{binary}', 'a b', '$HOME', '"; exit', '*', '--self={binary}'] });
      await processes.launch(target(entry), never);
      expect(await shop.lines('args')).toEqual(['a b', '$HOME', '"; exit', '*', `--self=${entry}`]);
    });

    it('keeps what is private to the daemon out of the environment', async () => {
      const entry = await shop.script('show', 'env > list; mv list env; exec sleep 600');
      processes = make(shop, {
        env: { PORT: '7701', CORESDK_LAUNCH_ID: 'forged' },
        ownEnv: {
          PATH: process.env['PATH'],
          HOME: '/h',
          PORT: '1',
          NOTIFY_SOCKET: 'x',
          WATCHDOG_USEC: '1',
          WATCHDOG_PID: '1',
          LISTEN_FDS: '1',
          LISTEN_PID: '1',
          NODE_OPTIONS: '--inspect',
          NODE_CHANNEL_FD: '3',
        },
      });
      await processes.launch(target(entry), never);
      const env = await shop.lines('env');
      expect(env).toEqual(expect.arrayContaining(['HOME=/h', 'PORT=7701']));
      expect(env.join('\n')).not.toMatch(/NOTIFY_SOCKET|WATCHDOG|LISTEN|NODE_|forged/);
      expect(env).toContain(`CORESDK_LAUNCH_ID=${String((await record())['launchId'])}`);
    });

    it('is to a program that knows nothing of sockets what it was before there were any, byte for byte', async () => {
      const ownEnv = { PATH: '/usr/bin:/bin', HOME: '/h', LANG: 'C', LISTEN_FDS: '1', LISTEN_PID: '1' };
      const seen = async (argv: readonly string[]): Promise<string> => {
        const file = join(shop.folder, `seen-${argv[0] ?? ''}`);
        const command = ['/bin/sh', '-c', 'exec "$@"', 'sh', ...argv];
        const one = make(shop, { command, env: { PORT: '7701' }, ownEnv, output: { file }, check: null });
        const { exited } = await one.launch(target('/bin/sh'), never);
        await exited;
        return readFile(file, 'latin1');
      };
      const launchId = async (): Promise<string> => String((await record())['launchId']);
      // The shell at the gate has always added its working folder.
      expect((await seen(['cat', '/proc/self/environ'])).split('\0').filter(Boolean).sort()).toEqual([
        `CORESDK_LAUNCH_ID=${await launchId()}`,
        'HOME=/h',
        'LANG=C',
        'PATH=/usr/bin:/bin',
        'PORT=7701',
        `PWD=${process.cwd()}`,
      ]);
      // What any child of this process has: the three, what `ls` opens itself, and what was left open to this process.
      expect(await seen(['ls', '/proc/self/fd'])).toBe(
        execFileSync('ls', ['/proc/self/fd'], { encoding: 'latin1' }),
      );
      expect(await seen(['readlink', '/proc/self/fd/0'])).toBe('/dev/null\n');
    });

    it('passes listening sockets on from descriptor 3, by the convention of systemd', async () => {
      const [one, two] = [join(shop.folder, 'one.sock'), join(shop.folder, 'two.sock')];
      const sockets = await openListenSockets({
        specs: [`unix:${one}`, `unix:${two}`],
        inherited: [],
        warn: () => undefined,
      });
      try {
        const entry = await shop.script(
          'look',
          '(env; ls -l /proc/$$/fd) > list; mv list seen; exec sleep 600',
        );
        const env = { LISTEN_PID: '1', LISTEN_FDS: '9', LISTEN_FDNAMES: 'forged' };
        const { pid } = await make(shop, { sockets, env }).launch(target(entry), never);
        const seen = await shop.lines('seen');
        expect(seen.filter((line) => line.startsWith('LISTEN_')).sort()).toEqual([
          `LISTEN_FDNAMES=${sockets
            .held()
            .map(({ name }) => name)
            .join(':')}`,
          'LISTEN_FDS=2',
          `LISTEN_PID=${String(pid)}`,
        ]);
        const fds = seen.flatMap((line) => / (\d+ -> .*)$/.exec(line)?.[1] ?? []);
        expect(fds).toContain('0 -> /dev/null');
        expect(fds.filter((fd) => fd.includes('socket:'))).toEqual(
          sockets.held().map(({ inode }, index) => `${String(index + 3)} -> socket:[${inode}]`),
        );
      } finally {
        sockets.close();
      }
    });

    it('appends the output to a private file', async () => {
      await (
        await processes.launch(target(await shop.script('one', 'echo out; echo err >&2')), never)
      ).exited;
      await (
        await processes.launch(target(await shop.script('two', 'echo again')), never)
      ).exited;
      expect(await shop.lines('output')).toEqual(['out', 'err', 'again']);
      expect((await stat(join(shop.folder, 'output'))).mode & 0o777).toBe(0o600);
    });

    it('records who it is before the program runs', async () => {
      const entry = await shop.script('look', 'cp workload.json seen; echo >> seen; exec sleep 600');
      const { pid } = await processes.launch(target(entry), never);
      const seen = JSON.parse((await shop.lines('seen')).join('')) as Record<string, unknown>;
      expect(seen).toEqual(await record());
      expect(seen).toMatchObject({ pid, version: '1.0.0' });
      expect((await stat(join(shop.folder, 'workload.json'))).mode & 0o777).toBe(0o600);
    });

    it('runs node programs by the command', async () => {
      await writeFile(join(shop.folder, 'p.mjs'), 'process.exit(process.argv[2] === "serve" ? 42 : 1)');
      processes = make(shop, { command: [process.execPath, '{binary}', 'serve'] });
      const launched = await processes.launch(target(join(shop.folder, 'p.mjs')), never);
      expect(await launched.exited).toEqual({ code: 42, signal: null });
    });

    it.each([
      ['is not executable', '#!/bin/sh\nexit 0\n', 0o644, /permission/],
      [
        'is for another machine',
        Buffer.from(`7f454c46020101000000000000000000020008000100${'00'.repeat(64)}`, 'hex'),
        0o755,
        /e_machine/,
      ],
      ['is no program', 'exit 0\n', 0o755, /expected an? /],
      ['is empty', '', 0o755, /expected an? /],
      ['needs an interpreter that is not there', '#!/none/such\n', 0o755, /\/none\/such/],
    ])('does not start a file that %s', async (_, bytes, mode, message) => {
      const entry = join(shop.folder, 'program');
      await writeFile(entry, bytes, { mode });
      const launch = processes.launch(target(entry), never);
      await expect(launch).rejects.toMatchObject({
        code: 'WORKLOAD_START_FAILED',
        message: expect.stringMatching(message) as string,
      });
      await expect(launch).rejects.toThrow(entry);
      expect(await hasRecord()).toBe(false);
    });

    it('says when the shell could not execute the program after all', async () => {
      // Passes every check before, but cannot be found by the shell: the interpreter of its interpreter is missing.
      const inner = await shop.script('inner', '');
      await writeFile(inner, '#!/none/such\n');
      const entry = join(shop.folder, 'outer');
      await writeFile(entry, `#!${inner}\n`, { mode: 0o755 });
      await expect(processes.launch(target(entry), never)).rejects.toMatchObject({
        code: 'WORKLOAD_START_FAILED',
        message: expect.stringContaining(entry) as string,
      });
      expect(await hasRecord()).toBe(false);
    });

    it('looks a bare name up in PATH', async () => {
      processes = make(shop, { command: ['sleep', '600'] });
      await processes.launch(target('/unused'), never);
      processes = make(shop, { command: ['no-such-program-here'] });
      await expect(processes.launch(target('/unused'), never)).rejects.toMatchObject({
        code: 'WORKLOAD_START_FAILED',
      });
    });

    it.each([
      ['ENOSPC', 'DISK_FULL'],
      ['EROFS', 'STATE_DIR_UNUSABLE'],
    ])('runs nothing when the record cannot be written: %s', async (errno, code) => {
      const entry = await shop.script('mark', 'echo > ran');
      processes = make(shop, {
        disk: { ...nodeDisk, rename: (from) => Promise.reject(errnoError(errno, 'on purpose', from)) },
      });
      await expect(processes.launch(target(entry), never)).rejects.toMatchObject({ code });
      expect(await readdir(shop.folder)).not.toContain('ran');
    });

    it('runs nothing when it is cancelled at the gate', async () => {
      const entry = await shop.script('mark', 'echo > ran');
      const controller = new AbortController();
      processes = make(shop, {
        disk: {
          ...nodeDisk,
          rename: async (from, to) => {
            await nodeDisk.rename(from, to);
            controller.abort();
          },
        },
      });
      await expect(processes.launch(target(entry), controller.signal)).rejects.toMatchObject({
        code: 'CANCELLED',
      });
      expect(await readdir(shop.folder)).not.toContain('ran');
      expect(await hasRecord()).toBe(false);
    });

    it('blames the host when the output file cannot be opened', async () => {
      processes = make(shop, { output: { file: join(shop.folder, 'none', 'output') } });
      await expect(processes.launch(target(await shop.script('runs', RUNS)), never)).rejects.toMatchObject({
        code: 'WORKLOAD_SPAWN_FAILED',
      });
    });
  });

  describe('terminating', () => {
    // bash, told to `set -m`, gives a background job a process group of its own, in the same session.
    const FAMILY = [
      '(trap "" TERM; sleep 600 & echo $! >> kids; wait) &',
      'echo $! >> kids',
      `bash -c 'set -m; sleep 600 & echo $! >> kids'`,
    ].join('\n');
    const kids = async (): Promise<number[]> =>
      vi.waitFor(async () => {
        const lines = await shop.lines('kids');
        expect(lines).toHaveLength(3);
        return lines.map(Number);
      });

    it('sweeps grandchildren, groups of their own included, that ignore SIGTERM', async () => {
      const entry = await shop.script('family', `${FAMILY}\ntrap "exit 0" TERM\nwhile :; do wait; done`);
      const launched = await processes.launch(target(entry), never);
      const pids = await kids();
      expect(await Promise.all(pids.map(isRunning))).toEqual([true, true, true]);
      const groups = new Set((await Promise.all(pids.map(readStat))).map((found) => found?.group));
      expect(groups.size).toBe(2);
      await processes.terminate(launched, 10_000);
      expect(await launched.exited).toEqual({ code: 0, signal: null });
      expect(await Promise.all(pids.map(isRunning))).toEqual([false, false, false]);
      expect(await hasRecord()).toBe(false);
    });

    it('lets a program take its time to end, within the grace', async () => {
      const entry = await shop.script(
        'slow',
        'trap "sleep 0.3; exit 9" TERM\necho $$ > ready\nwhile :; do sleep 0.01; done',
      );
      const launched = await processes.launch(target(entry), never);
      await shop.lines('ready');
      await processes.terminate(launched, 10_000);
      expect(await launched.exited).toEqual({ code: 9, signal: null });
    });

    it('sweeps what a leader leaves behind that ends by itself', async () => {
      const entry = await shop.script('family', `${FAMILY}\nwhile [ ! -e go ]; do sleep 0.01; done; exit 7`);
      const launched = await processes.launch(target(entry), never);
      const pids = await kids();
      await writeFile(join(shop.folder, 'go'), '');
      expect(await launched.exited).toEqual({ code: 7, signal: null });
      expect(await Promise.all(pids.map(isRunning))).toEqual([true, true, true]);
      await processes.terminate(launched, 10_000);
      expect(await Promise.all(pids.map(isRunning))).toEqual([false, false, false]);
    });

    it('refuses a process that it did not start', async () => {
      const foreign = { pid: process.pid, exited: Promise.resolve({ code: 0, signal: null }) };
      await expect(processes.terminate(foreign, 0)).rejects.toMatchObject({ code: 'INTERNAL' });
    });
  });

  describe('a daemon that is killed', () => {
    const daemons: { kill(signal: NodeJS.Signals): boolean }[] = [];
    afterEach(() => {
      for (const daemon of daemons.splice(0)) daemon.kill('SIGKILL');
    });

    /** Runs a daemon until its first line, then kills it. */
    const killedAfterItsFirstLine = async (entry: string, ...mode: string[]): Promise<string> => {
      const script = join(import.meta.dirname, 'fixtures', 'launching-daemon.ts');
      const args = [join(shop.folder, 'workload.json'), entry, join(shop.folder, 'output'), ...mode];
      const daemon = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
      daemons.push(daemon);
      const [line] = (await once(createInterface(daemon.stdout), 'line')) as [string];
      const ended = once(daemon, 'exit');
      daemon.kill('SIGKILL');
      await ended;
      return line;
    };

    it('leaves its workload running, and the next one ends it', async () => {
      const pid = Number(await killedAfterItsFirstLine(await shop.script('stubborn', IGNORES_TERM)));
      expect(await shop.lines('ready')).toEqual([String(pid)]);
      expect(await isRunning(pid)).toBe(true);
      expect(await processes.endSurvivor(50)).toEqual({ pid, version: '1.0.0' });
      expect(await isRunning(pid)).toBe(false);
      expect(await hasRecord()).toBe(false);
    });

    it('leaves helpers behind whose leader has gone, and the next one ends them', async () => {
      const entry = await shop.script(
        'helper',
        'sleep 600 &\necho $! > helper-pid\nwhile [ ! -e go ]; do sleep 0.01; done',
      );
      const leader = Number(await killedAfterItsFirstLine(entry));
      const helper = Number((await shop.lines('helper-pid'))[0]);
      await writeFile(join(shop.folder, 'go'), '');
      await vi.waitFor(async () => {
        expect(await isRunning(leader)).toBe(false);
      });
      expect(await isRunning(helper)).toBe(true);
      expect(await processes.endSurvivor(10_000)).toEqual({ pid: leader, version: '1.0.0' });
      expect(await isRunning(helper)).toBe(false);
    });

    it('starts nothing when it dies before the record is durable', async () => {
      const entry = await shop.script('mark', 'echo > ran; exec sleep 600');
      expect(await killedAfterItsFirstLine(entry, 'stuck')).toBe('stuck');
      // The shell at the gate ends as soon as it sees the pipe closed.
      await vi.waitFor(async () => {
        const all = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
        const lines = await Promise.all(
          all.map((pid) => readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')),
        );
        expect(lines.filter((line) => line.includes(entry))).toEqual([]);
      });
      expect(await readdir(shop.folder)).not.toContain('ran');
      expect(await processes.endSurvivor(100)).toBeNull();
    });
  });

  describe('a record that is of no process here', () => {
    it.each([
      ['another boot', { bootId: '00000000-0000-0000-0000-000000000000' }],
      ['another start time: the pid was used again', { startTime: 1 }],
    ])('touches nothing: %s', async (_, change) => {
      const launched = await processes.launch(target(await shop.script('runs', RUNS)), never);
      const original = await record();
      await rewrite(change);
      expect(await make(shop).endSurvivor(0)).toBeNull();
      expect(await isRunning(launched.pid)).toBe(true);
      expect(await hasRecord()).toBe(false);
      await writeFile(join(shop.folder, 'workload.json'), JSON.stringify(original));
    });

    it('touches no helper that lacks the launch id', async () => {
      const entry = await shop.script('helper', 'sleep 600 &\necho $! > helper-pid\nexit 0');
      await (
        await processes.launch(target(entry), never)
      ).exited;
      const helper = Number((await shop.lines('helper-pid'))[0]);
      const original = await record();
      await rewrite({ launchId: 'f'.repeat(32) });
      expect(await make(shop).endSurvivor(0)).toBeNull();
      expect(await isRunning(helper)).toBe(true);
      await writeFile(join(shop.folder, 'workload.json'), JSON.stringify(original));
    });

    it.each([
      ['not JSON', '{"schema":1,'],
      [
        'pid 1',
        JSON.stringify({
          schema: 1,
          bootId: 'x',
          pid: 1,
          startTime: 0,
          launchId: 'f'.repeat(32),
          version: '1',
        }),
      ],
      ['too long', 'x'.repeat(10_000)],
    ])('is removed when it cannot be understood: %s', async (_, text) => {
      await writeFile(join(shop.folder, 'workload.json'), text);
      expect(await processes.endSurvivor(0)).toBeNull();
      expect(await hasRecord()).toBe(false);
    });

    it('is reported when it cannot be read', async () => {
      const disk = { ...nodeDisk, readFile: () => Promise.reject(errnoError('EIO', 'on purpose', 'record')) };
      await expect(make(shop, { disk }).endSurvivor(0)).rejects.toMatchObject({ code: 'STATE_DIR_UNUSABLE' });
      await rm(join(shop.folder, 'workload.json'), { force: true });
    });
  });
});
