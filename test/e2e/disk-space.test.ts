import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createHost } from './support/host.ts';
import { workloadProgram } from './support/workload-program.ts';

/** Whether this machine lets us mount a file system of a few MiB; it takes root. */
function canMount(): boolean {
  if (process.getuid?.() !== 0) return false;
  const at = join('/tmp', `coresdk-mount-${String(process.pid)}`);
  try {
    mkdirSync(at);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', at], { stdio: 'ignore' });
    execFileSync('umount', [at]);
    return true;
  } catch {
    return false;
  } finally {
    execFileSync('rm', ['-rf', at]);
  }
}

const mountable = canMount();
if (!mountable) console.warn('skipped: tests of a small disk need root and mount(8)');

describe.skipIf(!mountable)('a disk that is too small', () => {
  it('is noticed before the first byte is downloaded, with the numbers; once there is room the update goes on', async () => {
    await using host = await createHost();
    mkdirSync(host.stateDir, { mode: 0o700 });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m,mode=0700', 'tmpfs', host.stateDir]);
    try {
      const padding = `\n// ${randomBytes(1024 * 1024).toString('base64')}\n`;
      await host.publisher.publish({
        version: '1.1.0',
        program: Buffer.from(workloadProgram('1.1.0', 'healthy') + padding),
      });
      await host.start();
      const status = await host.until('the refusal', ({ last_error }) => last_error?.code === 'DISK_FULL');
      expect(status.last_error?.message).toMatch(/expected \d+ free bytes .*found \d+: free \d+ more/);
      expect(host.feed.requests.filter((path) => path.startsWith('/bundles/'))).toEqual([]);
      expect(status.workload).toMatchObject({ state: 'running', restarts: 0 });

      execFileSync('mount', ['-o', 'remount,size=32m', host.stateDir]);
      await host.until(
        '1.1.0 is current',
        ({ current, state }) => current.version === '1.1.0' && state === 'idle',
      );
      expect(await host.untilAnswer()).toBe('1.1.0');
      await host.stop();
    } finally {
      execFileSync('umount', ['--lazy', host.stateDir]);
    }
  });

  it('that fills up under a running daemon ends the attempt with its code; the workload runs on', async () => {
    await using host = await createHost();
    mkdirSync(host.stateDir, { mode: 0o700 });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32m,mode=0700', 'tmpfs', host.stateDir]);
    try {
      await host.start();
      const before = await host.until(
        'idle',
        ({ state, workload }) => state === 'idle' && workload.state === 'running',
      );
      // Somebody else's file takes all that is left.
      spawnSync('dd', ['if=/dev/zero', `of=${join(host.stateDir, 'filler')}`, 'bs=64k'], { stdio: 'ignore' });
      await host.publisher.publish({ version: '1.1.0' });
      // A check before the publication found no head.
      const status = await host.until(
        'an error of the disk',
        ({ last_error }) => last_error !== null && last_error.code !== 'FEED_REFUSED',
      );
      expect(['JOURNAL_WRITE_FAILED', 'DISK_FULL']).toContain(status.last_error?.code);
      expect(status.workload.pid).toBe(before.workload.pid);
      await rm(join(host.stateDir, 'filler'));
      await host.until(
        '1.1.0 is current',
        ({ current, state }) => current.version === '1.1.0' && state === 'idle',
      );
      await host.stop();
    } finally {
      execFileSync('umount', ['--lazy', host.stateDir]);
    }
  });

  it('that is read-only from the start: the daemon says so and ends', async () => {
    await using host = await createHost();
    mkdirSync(host.stateDir, { mode: 0o700 });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro,mode=0700', 'tmpfs', host.stateDir]);
    try {
      await host.start();
      expect(await host.exited()).toBe(1);
      expect(await host.log()).toContain('STATE_DIR_UNUSABLE');
    } finally {
      execFileSync('umount', [host.stateDir]);
    }
  });
});
