import { describe, expect, it } from 'vitest';
import { createHealthLook } from '../../src/daemon/health-look.ts';
import type { HealthProbe } from '../../src/services/ports.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';

describe('a look at the health for the status', () => {
  it('asks the workload once a second at most, however many ask', async () => {
    const clock = createFakeClock();
    let looks = 0;
    const probe: HealthProbe = {
      address: 'http://127.0.0.1:7701/healthz',
      look: () => Promise.resolve({ healthy: true, detail: `HTTP 200, look ${String((looks += 1))}` }),
      answered: () => Promise.resolve(true),
    };
    const look = createHealthLook(probe, clock);
    const details = await Promise.all([look(), look(), look()]);
    expect(details.map(({ detail }) => detail)).toEqual(Array(3).fill('HTTP 200, look 1'));
    await clock.advance(1_001);
    expect((await look()).detail).toBe('HTTP 200, look 2');
  });

  it('says that there was no answer when the look is cut off', async () => {
    const probe: HealthProbe = {
      address: 'http://127.0.0.1:7701/healthz',
      look: () => Promise.reject(new Error('aborted')),
      answered: () => Promise.resolve(true),
    };
    expect(await createHealthLook(probe, createFakeClock())()).toMatchObject({ healthy: false });
  });
});
