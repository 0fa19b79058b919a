import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { workloadProcesses } from '../kill/support/invariants.ts';
import type { ControlEvent } from '../../src/control/api.ts';
import { core } from '../cli/support/core.ts';
import { createHost, eventually } from './support/host.ts';

describe('the operator', () => {
  it('checks, looks what would happen, and updates, with exit codes and one line each', async () => {
    await using host = await createHost({ config: { update: { check_interval: 3600 } } });
    await host.publisher.publish({ version: '1.1.0' });
    await host.start();
    await host.until('idle', ({ state }) => state === 'idle');
    const dry = await host.core('sidecar', 'update', '--dry-run');
    expect(dry.code).toBe(0);
    expect(dry.stdout).toContain('1.1.0');
    expect((await host.status())?.current.version).toBe('0.0.0-0');
    const update = await host.core('sidecar', 'update');
    expect(update).toMatchObject({ code: 0 });
    expect(await host.untilAnswer()).toBe('1.1.0');
    const check = await host.core('sidecar', 'update', '--check');
    expect(check.code).toBe(0);
    expect(check.stdout).toContain('1.1.0');
  });

  it('gets exit 4 from an update that was rolled back by itself', async () => {
    await using host = await createHost({ config: { update: { check_interval: 3600 } } });
    await host.publisher.publish({ version: '1.1.0', behaviour: 'exits' });
    await host.start();
    await host.until('idle', ({ state }) => state === 'idle');
    const { code, stderr } = await host.core('sidecar', 'update');
    expect(code).toBe(4);
    expect(stderr).toContain('PROBE_EXITED');
  });

  it('goes back by hand, and the release does not come back by itself', async () => {
    await using host = await createHost({ config: { update: { check_interval: 3600 } } });
    await host.publisher.publish({ version: '1.1.0' });
    await host.start();
    await host.until('idle', ({ state }) => state === 'idle');
    await host.core('sidecar', 'update');
    await host.until('the watch is over', ({ version_floor }) => version_floor?.version === '1.1.0');
    expect((await host.core('sidecar', 'rollback')).code).toBe(0);
    expect(await host.untilAnswer()).toBe('baseline');
    // Below the version floor is legal, and loud; what an operator asked for is no error.
    const status = await host.status();
    expect(status?.warnings.map(({ code }) => code)).toContain('BELOW_FLOOR');
    expect(status?.last_error).toBeNull();
    expect((await host.core('sidecar', 'update')).code).toBe(5);
    expect((await host.core('sidecar', 'quarantine', 'clear', '1.1.0')).code).toBe(0);
    await host.publisher.publish({ version: '1.1.1' });
    expect((await host.core('sidecar', 'update')).code).toBe(0);
    expect(await host.untilAnswer()).toBe('1.1.1');
  });

  it('pauses updates, also over a restart, and lets them go on', async () => {
    await using host = await createHost({ config: { update: { check_interval: 0.2 } } });
    await host.start();
    await host.until('idle', ({ state }) => state === 'idle');
    expect(await host.core('sidecar', 'pause', '--reason', 'audit')).toMatchObject({ code: 0 });
    await host.publisher.publish({ version: '1.1.0' });
    await host.stop();
    await host.start();
    const status = await host.until('a pause', ({ state, paused }) => state === 'idle' && paused !== null);
    expect(status.paused?.code).toBe('UPDATES_PAUSED');
    expect(status.next_check_at).toBeNull();
    const shown = await host.core('sidecar', 'status');
    expect(shown.stdout).toMatch(/^.*PAUSED by an operator\nnext: .*`core sidecar resume`/);
    expect(shown.stdout).toContain('audit');
    expect(status.current.version).toBe('0.0.0-0');
    const resumed = await host.core('sidecar', 'resume');
    expect(resumed).toMatchObject({ code: 0 });
    expect(resumed.stdout).toContain('audit');
    await host.until('the update', ({ current }) => current.version === '1.1.0');
  });

  it('watches an update from its first state to its last, and is told of versions, log and configuration', async () => {
    await using host = await createHost({ config: { update: { check_interval: 3600 } } });
    await host.publisher.publish({ version: '1.1.0' });
    await host.start();
    await host.until('idle', ({ state }) => state === 'idle');
    const socket = ['--socket', join(host.stateDir, 'control.sock')];
    const stop = new AbortController();
    const events: ControlEvent[] = [];
    const stdout = {
      write: (line: string) => {
        const event = JSON.parse(line) as ControlEvent;
        events.push(event);
        if (event.kind === 'ended' && event.attempt.ended?.outcome === 'committed') stop.abort();
      },
    };
    const watching = core(['sidecar', 'status', '--watch', '--json', ...socket], {
      stop: stop.signal,
      stdout,
    });
    await eventually('the stream is open', async () => {
      await core(['sidecar', 'update', '--dry-run', ...socket]);
      return events.length > 0 ? true : null;
    });
    const update = await core(['sidecar', 'update', '--json', ...socket]);
    const { attempt } = JSON.parse(update.out) as { attempt: string };
    expect(JSON.parse(update.out)).toMatchObject({ outcome: 'committed', from: '0.0.0-0', to: '1.1.0' });
    expect((await watching).exit).toBe(0);
    const states = events.flatMap((event) =>
      event.kind === 'state' && event.attempt === attempt ? [event.state] : [],
    );
    expect(states).toEqual([
      ...['checking', 'downloading', 'verifying', 'staging'],
      ...['waiting', 'swapping', 'probing', 'committed'],
    ]);
    expect((await core(['sidecar', 'versions', ...socket])).out).toMatch(/^1\.1\.0 .*← current$/m);
    expect((await core(['sidecar', 'logs', ...socket])).out).toContain(attempt);
    expect((await core(['sidecar', 'config', '--set', ...socket])).out).toMatch(
      /^update\.channel +edge +file .*sidecar\.yaml:\d+$/m,
    );
  });

  it('reaches no daemon: exit 6, one line; the control socket is private', async () => {
    await using host = await createHost();
    const unreachable = await host.core('sidecar', 'status');
    expect(unreachable.code).toBe(6);
    expect(unreachable.stderr.trim().split('\n')).toHaveLength(1);
    await host.start();
    await host.until('idle', ({ state }) => state === 'idle');
    expect((await stat(join(host.stateDir, 'control.sock'))).mode & 0o777).toBe(0o600);
    expect((await stat(host.stateDir)).mode & 0o777).toBe(0o700);
  });

  it('switches it off with CORESDK_UPDATE_DISABLED: the workload runs, update exits 5', async () => {
    await using host = await createHost({ env: { CORESDK_UPDATE_DISABLED: 'true' } });
    await host.publisher.publish({ version: '1.1.0' });
    await host.start();
    const status = await host.until(
      'idle',
      ({ state, workload }) => state === 'idle' && workload.state === 'running',
    );
    expect(status.disabled).toContain('CORESDK_UPDATE_DISABLED');
    const { code, stderr } = await host.core('sidecar', 'update');
    expect(code).toBe(5);
    expect(stderr).toContain('UPDATES_DISABLED');
    expect(host.feed.requests).toEqual([]);
  });

  it('on Kubernetes has the workload supervised and nothing else: no state directory, exit 5', async () => {
    await using host = await createHost({ env: { CORESDK_RUNTIME: 'k8s' } });
    await host.start();
    await eventually('the workload', async () => ((await host.answer()) === 'baseline' ? true : null));
    await expect(stat(host.stateDir)).rejects.toThrow('ENOENT');
    expect((await host.core('sidecar', 'update')).code).toBe(5);
    expect(await host.stop()).toBe(0);
    expect(await host.answer()).toBeNull();
  });

  it('on Kubernetes a killed daemon’s workload is ended by the next one', async () => {
    await using host = await createHost({ env: { CORESDK_RUNTIME: 'k8s' } });
    await host.start();
    await host.untilAnswer();
    const left = await workloadProcesses(host);
    expect(left).toHaveLength(1);
    await host.kill();
    expect(await workloadProcesses(host)).toEqual(left);
    await host.start();
    await eventually('another workload alone', async () => {
      const [pid, ...more] = await workloadProcesses(host);
      return pid !== undefined && pid !== left[0] && more.length === 0 ? true : null;
    });
    expect(await host.untilAnswer()).toBe('baseline');
    expect(await host.stop()).toBe(0);
    expect(await workloadProcesses(host)).toEqual([]);
  });

  it('makes a mistake in the configuration: exit 2, and the key, the value and what is allowed', async () => {
    await using host = await createHost({ config: { update: { channel: 'nightly' } } });
    await host.start();
    expect(await host.exited()).toBe(2);
    const log = await host.log();
    for (const part of ['update.channel', 'nightly', 'stable', 'edge', 'manual']) expect(log).toContain(part);
  });
});

describe('the reference document', () => {
  it('its configuration, as it stands there, is valid', async () => {
    await using host = await createHost();
    const yaml = `update:\n  channel: stable          # stable | edge | manual\n  check_interval: 3600     # seconds between update checks (default: 3600)\n  rollback_timeout: 60     # seconds to wait for health check before rollback (default: 60)\n`;
    const file = join(host.root, 'reference.yaml');
    await writeFile(file, yaml);
    const { loadConfig } = await import('../../src/config/index.ts');
    const { config } = await loadConfig({ path: file, env: {}, exists: () => false });
    expect(config.update).toMatchObject({
      channel: 'stable',
      checkIntervalMs: 3_600_000,
      rollbackTimeoutMs: 60_000,
    });
    expect(await readFile(file, 'utf8')).toBe(yaml);
  });
});
