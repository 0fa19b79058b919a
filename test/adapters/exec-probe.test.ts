import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createExecProbe } from '../../src/adapters/exec-probe.ts';
import { hasEnded, readStat } from '../../src/adapters/process-identity.ts';
import type { ProbeResult } from '../../src/services/ports.ts';

const never = new AbortController().signal;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'exec-probe-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});
const sh = (script: string, timeoutMs = 20_000): Promise<ProbeResult> =>
  createExecProbe({ command: ['/bin/sh', '-c', script, folder], timeoutMs }).look(never);
const gone = async (pid: number): Promise<boolean> => hasEnded(await readStat(pid));

describe('the exec probe', () => {
  it('is healthy by exit code 0, whatever the program said', async () => {
    expect(await sh('echo broken >&2')).toEqual({ healthy: true, detail: 'exit code 0: broken' });
    expect(await sh('exit 0')).toEqual({ healthy: true, detail: 'exit code 0' });
    expect(await sh('echo fine; exit 1')).toEqual({ healthy: false, detail: 'exit code 1: fine' });
    expect(await sh('kill -KILL $$')).toEqual({ healthy: false, detail: 'signal SIGKILL' });
  });

  it('says of a program that is not there that it cannot be started', async () => {
    const { healthy, detail } = await createExecProbe({
      command: [join(folder, 'nothing')],
      timeoutMs: 1_000,
    }).look(never);
    expect({ healthy, detail }).toEqual({
      healthy: false,
      detail: expect.stringMatching(/cannot be started: .*ENOENT/) as string,
    });
  });

  it('kills the whole group of one that does not end in time', async () => {
    const pids = join(folder, 'pids');
    const { detail } = await sh(
      `trap '' TERM; sleep 60 & echo $$ $! > '${pids}'; while :; do sleep 60; done`,
      300,
    );
    expect(detail).toBe('no answer in 0.3 s');
    const [leader = 0, child = 0] = (await readFile(pids, 'utf8')).split(' ').map(Number);
    expect(leader).toBeGreaterThan(1);
    await vi.waitFor(async () => {
      expect([await gone(leader), await gone(child)]).toEqual([true, true]);
    });
  });

  it('does not wait for a child that was left behind and holds the output', async () => {
    const { detail } = await sh(`sleep 60 & echo $! > '${join(folder, 'pid')}'; echo done`);
    expect(detail).toBe('exit code 0: done');
    process.kill(Number(await readFile(join(folder, 'pid'), 'utf8')), 'SIGKILL');
  });

  it('does not hold output without end', async () => {
    const { healthy, detail } = await sh('yes | head -c 20000000; printf "%01000d" 7; exit 4');
    expect(healthy).toBe(false);
    expect(detail).toMatch(/^exit code 4: 0{100}/);
    expect(detail.length).toBeLessThan(300);
    expect((await sh('printf "a\\033[2Jb\\n\\n"')).detail).toBe('exit code 0: a?[2Jb');
  });

  it('gives it the environment without what is private to the daemon', async () => {
    vi.stubEnv('NOTIFY_SOCKET', '/run/systemd/notify');
    vi.stubEnv('CORESDK_TENANT', 'acme');
    expect((await sh('echo "$CORESDK_TENANT,$NOTIFY_SOCKET,$(pwd)"')).detail).toBe('exit code 0: acme,,/');
  });

  it('does not read its words by a shell', async () => {
    const file = join(folder, 'made');
    await createExecProbe({ command: ['/bin/echo', `; touch ${file}`], timeoutMs: 20_000 }).look(never);
    expect(existsSync(file)).toBe(false);
  });
});
