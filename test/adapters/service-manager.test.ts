import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assignments, createServiceManager, takeNotifySettings } from '../../src/adapters/service-manager.ts';
import type { UpdateError } from '../../src/errors.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'coresdk-notify-'));
});
afterAll(() => rm(folder, { recursive: true }));

let programs = 0;

/** A stand-in for systemd-notify: writes down what it is told, one message a line, then does `then`. */
async function program(then = ''): Promise<{ path: string; log: string; said: () => string[] }> {
  programs += 1;
  const path = join(folder, `notify-${String(programs)}`);
  const log = `${path}.log`;
  await writeFile(path, `#!/bin/sh\n(IFS='|'; echo "$NOTIFY_SOCKET: $*") >> ${log}\n${then}\n`);
  await chmod(path, 0o755);
  const said = (): string[] => (existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : []);
  return { path, log, said };
}

const manager = (path: string, warnings: UpdateError[] = [], socket: string | null = '/run/systemd/notify') =>
  createServiceManager({
    socket,
    watchdogMs: null,
    path: process.env['PATH'],
    program: path,
    warn: (error) => warnings.push(error),
  });

describe('the variables of systemd', () => {
  it('are read, and taken out of the environment', () => {
    const env = { NOTIFY_SOCKET: '/run/n', WATCHDOG_USEC: '60000000', WATCHDOG_PID: '42', HOME: '/' };
    expect(takeNotifySettings(env, 42)).toEqual({ socket: '/run/n', watchdogMs: 60_000 });
    expect(env).toEqual({ HOME: '/' });
  });

  it('mean a watchdog only where it is for this process', () => {
    const watch = (more: NodeJS.ProcessEnv): number | null =>
      takeNotifySettings({ NOTIFY_SOCKET: '/run/n', ...more }, 42).watchdogMs;
    expect(watch({ WATCHDOG_USEC: '3000000' })).toBe(3_000);
    expect(watch({ WATCHDOG_USEC: '3000000', WATCHDOG_PID: '43' })).toBeNull();
    expect(watch({ WATCHDOG_USEC: '0' })).toBeNull();
    expect(watch({ WATCHDOG_USEC: 'soon' })).toBeNull();
    expect(watch({})).toBeNull();
  });

  it('may all be missing', () => {
    expect(takeNotifySettings({ WATCHDOG_USEC: '3000000' }, 42)).toEqual({ socket: null, watchdogMs: null });
  });
});

describe('a message', () => {
  it('is made of the assignments of sd_notify(3)', () => {
    expect(assignments({ ready: true, status: '1.3.0 healthy', watchdog: true, extendMs: 1_500.2 })).toEqual([
      'READY=1',
      'STATUS=1.3.0 healthy',
      'WATCHDOG=1',
      'EXTEND_TIMEOUT_USEC=1501000',
    ]);
  });

  it('of a stop is not one of a start', () => {
    expect(assignments({ ready: true, stopping: true })).toEqual(['STOPPING=1']);
  });

  it('holds no assignment that a status smuggles in, and no endless line', () => {
    expect(assignments({ status: 'bad\nMAINPID=1\r\n\u2028READY=1\u0007' })).toEqual([
      'STATUS=bad MAINPID=1 READY=1',
    ]);
    expect(assignments({ status: 'x'.repeat(5_000) })[0]).toHaveLength('STATUS='.length + 300);
  });
});

describe('systemd-notify', () => {
  it('is never started where nobody listens', async () => {
    const { path, said } = await program();
    const quiet = manager(path, [], null);
    quiet.notify({ ready: true });
    await quiet.settled();
    expect(quiet.listens).toBe(false);
    expect(said()).toEqual([]);
  });

  it('is given the socket and the assignments', async () => {
    const { path, said } = await program();
    const told = manager(path);
    told.notify({ ready: true, status: 'well' });
    await told.settled();
    expect(said()).toEqual(['/run/systemd/notify: READY=1|STATUS=well']);
  });

  it('runs one at a time; what comes meanwhile is one message, with the newest status and nothing lost', async () => {
    const gate = join(folder, 'gate');
    const { path, said } = await program(`while [ ! -e ${gate} ]; do sleep 0.01; done`);
    const told = manager(path);
    told.notify({ status: 'first' });
    told.notify({ ready: true });
    told.notify({ status: 'second' });
    told.notify({ watchdog: true });
    told.notify({ status: 'third' });
    writeFileSync(gate, '');
    await told.settled();
    expect(said()).toEqual([
      '/run/systemd/notify: STATUS=first',
      '/run/systemd/notify: READY=1|STATUS=third|WATCHDOG=1',
    ]);
  });

  it('that fails is one warning, until it has worked again', async () => {
    const broken = join(folder, 'broken');
    const { path } = await program(`[ ! -e ${broken} ] || { echo no such socket >&2; exit 1; }`);
    const warnings: UpdateError[] = [];
    const told = manager(path, warnings);
    const tell = async (): Promise<void> => {
      told.notify({ watchdog: true });
      await told.settled();
    };
    writeFileSync(broken, '');
    await tell();
    await tell();
    expect(warnings.map(({ code }) => code)).toEqual(['SERVICE_MANAGER_UNREACHABLE']);
    expect(warnings[0]?.message).toContain('found exit code 1: no such socket');
    await rm(broken);
    await tell();
    writeFileSync(broken, '');
    await tell();
    expect(warnings).toHaveLength(2);
  });

  it('that is not there is a warning, and nothing more', async () => {
    const warnings: UpdateError[] = [];
    const told = manager(join(folder, 'nowhere'), warnings);
    told.notify({ ready: true });
    await told.settled();
    expect(warnings[0]?.message).toContain('ENOENT');
  });

  it('that hangs is ended', async () => {
    const { path } = await program('exec sleep 60');
    const warnings: UpdateError[] = [];
    const told = createServiceManager({
      socket: '/run/n',
      watchdogMs: null,
      path: process.env['PATH'],
      program: path,
      patienceMs: 50,
      warn: (error) => warnings.push(error),
    });
    told.notify({ ready: true });
    await told.settled();
    expect(warnings[0]?.message).toContain('found SIGKILL');
  });
});
