import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { AttemptView } from '../../src/control/api.ts';
import { createHost, eventually, isAlive, type Host } from './support/host.ts';

/** Publishes a bad 1.1.0 over a healthy baseline and waits until it was rolled back. */
async function rolledBack(host: Host): ReturnType<Host['until']> {
  await host.start();
  return host.until(
    'the rollback',
    ({ last_attempt, state }) => state === 'idle' && last_attempt?.outcome === 'rolledBack',
  );
}

describe('probing', () => {
  it('ends at once when the new process exits, with its exit code in the reason', async () => {
    await using host = await createHost({ config: { update: { rollback_timeout: 60 } } });
    await host.publisher.publish({ version: '1.1.0', behaviour: 'exits' });
    const { last_error } = await rolledBack(host);
    expect(last_error).toMatchObject({ code: 'PROBE_EXITED' });
    expect(last_error?.message).toContain('exit code 3');
    expect(await host.untilAnswer()).toBe('baseline');
  });

  it('polls a version that never listens until the timeout, and says that the connection was refused', async () => {
    await using host = await createHost();
    await host.publisher.publish({ version: '1.1.0', behaviour: 'silent' });
    const { last_error } = await rolledBack(host);
    expect(last_error).toMatchObject({ code: 'PROBE_TIMEOUT' });
    expect(last_error?.message).toContain('connection refused');
    expect(await host.untilAnswer()).toBe('baseline');
  });

  it('ends the children of a failed version too, even those that ignore SIGTERM', async () => {
    await using host = await createHost();
    await host.publisher.publish({ version: '1.1.0', behaviour: 'answers500WithChild' });
    await rolledBack(host);
    const child = Number(await readFile(host.childPidFile, 'utf8'));
    expect(child).toBeGreaterThan(1);
    expect(await isAlive(child)).toBe(false);
    expect(await host.untilAnswer()).toBe('baseline');
  });

  it('notices an old process that keeps the address, before the new version is started: no commit on its 200', async () => {
    await using host = await createHost({ baseline: 'leavesListener' });
    await host.start();
    await eventually('the listener', async () =>
      (await host.answer()) === 'baseline' && existsSync(host.childPidFile) ? true : null,
    );
    await host.publisher.publish({ version: '1.1.0' });
    const status = await host.until('the rollback', ({ state }) => state === 'failed');
    expect(status.current.version).toBe('0.0.0-0');
    expect(status.last_error).toMatchObject({ code: 'ROLLBACK_FAILED' });
    expect(status.last_error?.message).toContain('PROBE_ADDRESS_TAKEN');
    expect(status.quarantine).toEqual([]);
    // The attempt is not over: a rollback that failed waits for a person.
    const history = await host.core('sidecar', 'history', '--json');
    const [attempt] = JSON.parse(history.stdout) as AttemptView[];
    expect(attempt).toMatchObject({ id: status.attempt, outcome: null });
    expect(attempt?.steps.map(({ state }) => state).slice(-3)).toEqual(['swapping', 'rollingBack', 'failed']);
  });

  it('kills an old process that ignores SIGTERM after the grace, and goes on', async () => {
    await using host = await createHost({ baseline: 'ignoresSigterm' });
    await host.start();
    const before = await host.until('the baseline runs', ({ workload }) => workload.state === 'running');
    await host.publisher.publish({ version: '1.1.0' });
    await host.until(
      '1.1.0 is current',
      ({ current, state }) => current.version === '1.1.0' && state === 'idle',
    );
    expect(await isAlive(before.workload.pid ?? 0)).toBe(false);
    expect(await host.untilAnswer()).toBe('1.1.0');
  });
});

describe('the watch after a commit', () => {
  it('rolls back a version that crashes again and again after it was committed', async () => {
    await using host = await createHost({ config: { probe: { watch: 60 } } });
    await host.publisher.publish({ version: '1.1.0', behaviour: 'crashesSoon' });
    await host.start();
    const status = await host.until(
      'the crash loop',
      ({ quarantine, state }) => quarantine.length === 1 && state === 'idle',
    );
    expect(status.quarantine[0]).toMatchObject({ version: '1.1.0', reason: { code: 'CRASH_LOOP' } });
    expect(await host.untilAnswer()).toBe('baseline');
    const outcomes = (await host.history()).map(({ outcome, trigger }) => `${trigger} ${String(outcome)}`);
    expect(outcomes.slice(0, 2)).toEqual(['watch rolledBack', 'schedule committed']);
  });
});
