import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createControlClient, type ControlClient } from '../../src/control/client.ts';
import { createHost, type Host } from './support/host.ts';

const clientOf = (host: Host): ControlClient =>
  createControlClient({ socket: join(host.stateDir, 'control.sock') });

const HOUR_MS = 3_600_000;

/** A window of two hours, half a day from now. */
function farWindow(): { window: Record<string, unknown>; opensAt: number } {
  const opensAt = Math.floor((Date.now() + 12 * HOUR_MS) / 60_000) * 60_000;
  const start = new Date(opensAt).toISOString().slice(11, 16);
  return { window: { start, length: 7200, time_zone: 'UTC' }, opensAt };
}

describe('a scheduled update', () => {
  it('waits, staged, for an approval; the workload runs on, and once it is given the update goes through', async () => {
    await using host = await createHost({
      config: { update: { approval: 'required', check_interval: 0.2 } },
    });
    await host.publisher.publish({ version: '1.1.0' });
    await host.start();
    const status = await host.until('the wait', ({ waiting }) => waiting !== null);
    expect(status).toMatchObject({
      state: 'waiting',
      to: '1.1.0',
      waiting: { for: 'approval', until: null },
      window: null,
    });
    expect(status.waiting?.reason).toContain('core sidecar approve 1.1.0');
    expect(await host.versions()).toEqual(['1.1.0']);
    expect(await host.untilAnswer()).toBe('baseline');
    expect(await clientOf(host).approve(null)).toMatchObject({ version: '1.1.0' });
    const after = await host.until('the update', ({ current }) => current.version === '1.1.0');
    expect(after.waiting).toBeNull();
    expect(await host.untilAnswer()).toBe('1.1.0');
  });

  it('waits for its window, and status says until when; the daemon stops in good order meanwhile', async () => {
    const { window, opensAt } = farWindow();
    await using host = await createHost({ config: { update: { windows: [window], check_interval: 0.2 } } });
    await host.publisher.publish({ version: '1.1.0' });
    await host.start();
    const { waiting, window: shown } = await host.until('the wait', (status) => status.waiting !== null);
    expect(shown).toEqual({ open: false, opens_at: new Date(opensAt).toISOString(), closes_at: null });
    expect(waiting).toMatchObject({ for: 'window' });
    expect(waiting?.reason).toContain(`the window opens at ${String(window['start'])} UTC`);
    const until = Date.parse(waiting?.until ?? '');
    expect(until).toBeGreaterThanOrEqual(opensAt);
    expect(until).toBeLessThan(opensAt + HOUR_MS);
    expect(await host.stop()).toBe(0);
    expect(await host.answer()).toBeNull();
  });
});

it('what an operator asks for by name waits for neither a window nor an approval', async () => {
  const { window } = farWindow();
  await using host = await createHost({
    config: { update: { windows: [window], approval: 'required', check_interval: 3600 } },
  });
  await host.publisher.publish({ version: '1.1.0' });
  await host.start();
  await host.until('idle', ({ state }) => state === 'idle');
  expect((await host.core('sidecar', 'update')).code).toBe(0);
  expect(await host.untilAnswer()).toBe('1.1.0');
});
