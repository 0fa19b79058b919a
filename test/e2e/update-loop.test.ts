import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createHost, eventually, isAlive } from './support/host.ts';
import { flipByte } from './support/publisher.ts';

describe('the update loop, as real processes over a real feed', () => {
  it('commits a good release by itself, in the agreed order of steps', async () => {
    await using host = await createHost();
    await host.publisher.publish({ version: '1.1.0' });
    await host.start();
    const status = await host.until(
      '1.1.0 is current',
      ({ current, state }) => current.version === '1.1.0' && state === 'idle',
    );
    expect(await host.untilAnswer()).toBe('1.1.0');
    expect(status.workload).toMatchObject({ state: 'running', version: '1.1.0', restarts: 0 });
    const [attempt] = await host.history();
    expect(attempt).toMatchObject({ outcome: 'committed', to: '1.1.0', trigger: 'schedule', error: null });
    expect(attempt?.steps.map(({ state }) => state)).toEqual([
      'checking',
      'downloading',
      'verifying',
      'staging',
      'waiting',
      'swapping',
      'probing',
      'committed',
    ]);
  });

  it('raises the version floor only once the watch over the commit is over', async () => {
    await using host = await createHost({ config: { probe: { watch: 1.5 } } });
    await host.publisher.publish({ version: '1.1.0' });
    await host.start();
    const fresh = await host.until('1.1.0 is committed', ({ watching }) => watching !== null);
    expect(fresh.version_floor).toBeNull();
    const calm = await host.until(
      'the watch is over',
      ({ watching, current }) => watching === null && current.version === '1.1.0',
    );
    expect(calm.version_floor).toMatchObject({ version: '1.1.0' });
  });

  it('rolls back a release that answers 500, quarantines it, says so, and does not try it again', async () => {
    await using host = await createHost();
    await host.publisher.publish({ version: '1.1.0' });
    await host.start();
    await host.until(
      '1.1.0 is current',
      ({ current, watching }) => current.version === '1.1.0' && watching === null,
    );
    await host.publisher.publish({ version: '1.2.0', behaviour: 'answers500' });
    const status = await host.until(
      '1.2.0 is in quarantine',
      ({ quarantine, state }) => quarantine.length === 1 && state === 'idle',
    );
    expect(status.current.version).toBe('1.1.0');
    expect(status.quarantine[0]).toMatchObject({ version: '1.2.0', reason: { code: 'PROBE_TIMEOUT' } });
    expect(status.last_error?.message).toContain('HTTP 500');
    expect(await host.untilAnswer()).toBe('1.1.0');

    // The next check is seen by its request; it must end without an attempt in the history.
    const heads = host.feed.requests.filter((path) => path === '/edge.jws').length;
    await eventually('the next check', () =>
      Promise.resolve(
        host.feed.requests.filter((path) => path === '/edge.jws').length > heads + 1 ? true : null,
      ),
    );
    expect((await host.history()).filter(({ to }) => to === '1.2.0')).toHaveLength(1);
    const asked = await host.core('sidecar', 'update');
    expect(asked.code).toBe(5);
    expect(asked.stdout + asked.stderr).toContain('RELEASE_QUARANTINED');
    const shown = await host.core('sidecar', 'status');
    expect(shown.stdout).toContain('1.2.0');
    expect(shown.stdout).toContain('PROBE_TIMEOUT');
  });

  it('refuses a bundle with one flipped byte before anything is staged, and leaves the running process alone', async () => {
    await using host = await createHost();
    await host.start();
    const before = await host.until('the baseline runs', ({ workload }) => workload.state === 'running');
    host.feed.fault((request, response) => {
      if (request.url !== '/edge.jws') return false;
      response.writeHead(404).end();
      return true;
    });
    await flipByte(await host.publisher.publish({ version: '1.3.0' }));
    host.feed.fault(null);
    const status = await host.until(
      '1.3.0 is refused',
      ({ last_error }) => last_error?.code === 'JWS_SIGNATURE_INVALID',
    );
    expect(await host.versions()).toEqual([]);
    expect(existsSync(join(host.stateDir, 'downloads', 'unpacked'))).toBe(false);
    expect(status.workload.pid).toBe(before.workload.pid);
    expect((await host.history()).find(({ to }) => to === '1.3.0')?.steps.map(({ state }) => state)).toEqual([
      'checking',
      'downloading',
      'verifying',
    ]);
  });

  it('supersedes: from a version that it installed to the next', async () => {
    await using host = await createHost({ config: { probe: { watch: 0 } } });
    await host.publisher.publish({ version: '1.1.0' });
    await host.start();
    await host.until('1.1.0 is current', ({ current }) => current.version === '1.1.0');
    await host.publisher.publish({ version: '1.2.0' });
    await host.until(
      '1.2.0 is current',
      ({ current, state }) => current.version === '1.2.0' && state === 'idle',
    );
    expect(await host.untilAnswer()).toBe('1.2.0');
    expect(await host.versions()).toEqual(['1.1.0', '1.2.0']);
  });

  it('stops in good order: the workload ends with it, and the next start runs the committed version', async () => {
    await using host = await createHost();
    await host.publisher.publish({ version: '1.1.0' });
    await host.start();
    const { workload } = await host.until(
      '1.1.0 is current',
      ({ current, state }) => current.version === '1.1.0' && state === 'idle',
    );
    expect(await host.stop()).toBe(0);
    expect(await isAlive(workload.pid ?? 0)).toBe(false);
    expect(await host.answer()).toBeNull();
    await host.start();
    await host.until(
      'it runs again',
      (status) => status.workload.state === 'running' && status.state === 'idle',
    );
    expect(await host.untilAnswer()).toBe('1.1.0');
  });
});
