import { chmod, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { describe, expect, inject, it } from 'vitest';
import { createHost, type Host } from './support/host.ts';

/** Starts the daemon and gives its exit code with what it printed. */
async function failToStart(host: Host): Promise<{ code: number | string | null; log: string }> {
  await host.start();
  return { code: await host.exited(), log: await host.log() };
}

describe('a host that is not as it should be', () => {
  it('a second daemon on the same state directory: one clear line, and the first is not disturbed', async () => {
    await using host = await createHost();
    await host.start();
    const { workload } = await host.until(
      'idle',
      ({ state, workload: it }) => state === 'idle' && it.state === 'running',
    );
    const { program } = inject('built');
    const second = spawn(program, ['--config', host.configFile], { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    second.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const code = await new Promise((resolve) => second.once('close', resolve));
    expect(code).toBe(1);
    expect(stderr).toContain('ALREADY_RUNNING');
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect((await host.status())?.workload.pid).toBe(workload.pid);
  });

  it('a state directory that cannot be written: exit 1, one clear line', async () => {
    await using host = await createHost();
    // The kernel's own file system: read-only for everybody, root included.
    const text = (await readFile(host.configFile, 'utf8')).replace(host.stateDir, '/proc/coresdk');
    await writeFile(host.configFile, text);
    const { code, log } = await failToStart(host);
    expect(code).toBe(1);
    expect(log).toContain('STATE_DIR_UNUSABLE');
  });

  it('a state directory that is a symbolic link is refused', async () => {
    await using host = await createHost();
    await mkdir(join(host.root, 'elsewhere'), { mode: 0o700 });
    await symlink(join(host.root, 'elsewhere'), host.stateDir);
    const { code, log } = await failToStart(host);
    expect(code).toBe(1);
    expect(log).toContain('STATE_DIR_UNUSABLE');
  });

  it('a program that this machine cannot execute is refused in staging; the workload is untouched', async () => {
    await using host = await createHost();
    // The head of an ELF executable for SPARC.
    const program = Buffer.alloc(512);
    program.set([0x7f, 0x45, 0x4c, 0x46, 2, 2, 1]);
    program.writeUInt16BE(2, 16);
    program.writeUInt16BE(43, 18);
    await host.publisher.publish({ version: '1.1.0', program });
    await host.start();
    const status = await host.until(
      'a refusal',
      ({ last_error }) => last_error?.code === 'STAGE_NOT_EXECUTABLE',
    );
    expect(status.workload).toMatchObject({ state: 'running', restarts: 0 });
    expect(await host.versions()).toEqual([]);
    expect(await host.untilAnswer()).toBe('baseline');
  });

  it('a program that cannot even be started is rolled back', async () => {
    await using host = await createHost();
    await host.publisher.publish({ version: '1.1.0', program: Buffer.from('#!/bin/sh\nexit 127\n') });
    await host.start();
    const status = await host.until(
      'the rollback',
      ({ quarantine, state }) => quarantine.length === 1 && state === 'idle',
    );
    expect(['PROBE_EXITED', 'WORKLOAD_START_FAILED']).toContain(status.quarantine[0]?.reason.code);
    expect(await host.untilAnswer()).toBe('baseline');
  });

  it('a quarantine that cannot be written pauses automatic updates, status says why, and resume makes it good', async () => {
    await using host = await createHost();
    await host.publisher.publish({ version: '1.1.0', behaviour: 'silent' });
    await host.start();
    // Only now: a quarantine that cannot be read holds back every release before it is tried.
    await host.until('probing', ({ state }) => state === 'probing');
    const folder = join(host.stateDir, 'quarantine');
    await rm(folder, { recursive: true });
    await writeFile(folder, 'in the way');
    const status = await host.until('the pause', ({ paused, state }) => paused !== null && state === 'idle');
    expect(status.paused).toMatchObject({ code: 'QUARANTINE_FAILED' });
    expect(status.next_action).toContain('resume');
    expect(status.next_check_at).toBeNull();
    expect(await host.untilAnswer()).toBe('baseline');
    expect((await host.core('sidecar', 'update')).code).toBe(5);

    await rm(folder);
    await mkdir(folder, { mode: 0o700 });
    expect((await host.core('sidecar', 'resume')).code).toBe(0);
    const mended = await host.until(
      'the quarantine',
      ({ paused, quarantine }) => paused === null && quarantine.length === 1,
    );
    expect(mended.quarantine[0]).toMatchObject({ version: '1.1.0', reason: { code: 'PROBE_TIMEOUT' } });
  });

  it('a journal that was damaged is set aside and reported; what runs, the floor and the quarantine stay', async () => {
    await using host = await createHost();
    await host.publisher.publish({ version: '1.1.0' });
    await host.start();
    await host.until(
      '1.1.0 and its watch',
      ({ current, watching }) => current.version === '1.1.0' && watching === null,
    );
    await host.publisher.publish({ version: '1.2.0', behaviour: 'exits' });
    await host.until(
      'the quarantine',
      ({ quarantine, state }) => quarantine.length === 1 && state === 'idle',
    );
    await host.stop();
    await writeFile(
      join(host.stateDir, 'state.db'),
      'this is not a database, and long enough to be looked at as one\n'.repeat(100),
    );
    await host.start();
    const status = await host.until(
      'idle',
      ({ state, workload }) => state === 'idle' && workload.state === 'running',
    );
    expect(status.warnings.map(({ code }) => code)).toContain('JOURNAL_DAMAGED');
    expect(status.current.version).toBe('1.1.0');
    expect(status.version_floor?.version).toBe('1.1.0');
    expect(status.quarantine).toHaveLength(1);
    expect(await host.untilAnswer()).toBe('1.1.0');
  });

  it('a version whose files were damaged on disk is not started: the one before is', async () => {
    await using host = await createHost();
    await host.publisher.publish({ version: '1.1.0' });
    await host.start();
    await host.until(
      '1.1.0 is current',
      ({ current, state }) => current.version === '1.1.0' && state === 'idle',
    );
    await host.stop();
    const program = join(host.stateDir, 'versions', '1.1.0', 'files', 'coresdk-sidecar');
    await chmod(program, 0o755);
    await writeFile(program, '#!/bin/sh\necho hacked\n');
    host.feed.fault((_, response) => {
      response.writeHead(503).end();
      return true;
    });
    await host.start();
    const status = await host.until(
      'idle',
      ({ state, workload }) => state === 'idle' && workload.state === 'running',
    );
    expect(status.warnings.map(({ code }) => code)).toContain('VERSION_DAMAGED');
    expect(await host.untilAnswer()).toBe('baseline');
    host.feed.fault(null);
    await host.until(
      '1.1.0 is back',
      ({ current, state }) => current.version === '1.1.0' && state === 'idle',
    );
    expect(await host.untilAnswer()).toBe('1.1.0');
  });
});
