import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { holdLaunchLock } from '../../src/adapters/launch-lock.ts';
import { refusal } from '../fixtures/refusal.ts';

let path: string;
beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'coresdk-lock-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  path = join(folder, 'launch.lock');
});

/** Another launcher, as a process of its own: it has the lock once this resolves, and does then what it is told. */
async function other(then: string): Promise<ChildProcess> {
  const module = (name: string): string =>
    JSON.stringify(join(import.meta.dirname, '../../src/adapters', name));
  const program = `
    import { systemClock } from ${module('clock.ts')};
    import { holdLaunchLock } from ${module('launch-lock.ts')};
    await holdLaunchLock(${JSON.stringify(path)}, systemClock);
    process.stdout.write('held');
    ${then}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  await once(child.stdout, 'data');
  return child;
}

/** A clock whose every wait is an event. */
const waits = (onWait: () => unknown, stepMs = 0) => {
  let now = 0;
  return {
    monotonic: () => now,
    sleep: async () => {
      now += stepMs;
      await onWait();
      // Another process has to go on meanwhile.
      await new Promise((resolve) => setTimeout(resolve, 5));
    },
  };
};

it('is one launcher’s at a time, and the next has it once that has ended, however it did', async () => {
  const child = await other('process.stdin.resume();');
  const ended = once(child, 'exit');
  let waited = 0;
  const lock = await holdLaunchLock(
    path,
    waits(() => (waited += 1) === 1 && child.kill('SIGKILL')),
  );
  await ended;
  expect(waited).toBeGreaterThan(0);
  expect(lock.missing).toBeNull();
  lock.release();
});

it('is freed by an execve, though the process lives on', async () => {
  const child = await other(`
    process.stdin.once('data', () => process.execve('/bin/sleep', ['/bin/sleep', '600'], {})).resume();`);
  const lock = await holdLaunchLock(
    path,
    waits(() => child.stdin?.write('go')),
  );
  expect([lock.missing, child.exitCode, child.signalCode]).toEqual([null, null, null]);
  lock.release();
});

it('is not waited for without an end', async () => {
  await other('process.stdin.resume();');
  expect(
    await refusal(
      holdLaunchLock(
        path,
        waits(() => undefined, 30_000),
      ),
    ),
  ).toBe('ALREADY_RUNNING');
});

it('is freed by its holder, and nobody else can read it', async () => {
  const clock = waits(() => expect.unreachable());
  for (const _ of [1, 2]) (await holdLaunchLock(path, clock)).release();
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

it.each([
  ['is a folder', () => mkdir(path)],
  [
    'is another file',
    () => writeFile(path, 'no database, and longer than the head of one would be'.repeat(20)),
  ],
])('is missing where it %s, and says why', async (_, spoil) => {
  await spoil();
  const lock = await holdLaunchLock(
    path,
    waits(() => expect.unreachable()),
  );
  expect(lock.missing).toEqual(expect.any(String));
  lock.release();
});
