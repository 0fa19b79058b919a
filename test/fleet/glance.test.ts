import { describe, expect, it } from 'vitest';
import { UpdateError } from '../../src/errors.ts';
import { createGlance } from '../../src/fleet/glance.ts';
import { hasNats } from './support/nats-server.ts';
import { fleetRig, outcomeOf, presenceOf, PRODUCT } from './support/fleet-rig.ts';

const silent = (): never => {
  throw new Error('nobody may be asked');
};

describe('a look at the fleet', () => {
  it('is refused at once where NATS is known to be away', async () => {
    const glance = createGlance({
      product: PRODUCT,
      keys: new Map(),
      isUp: () => {
        throw new UpdateError('FLEET_UNREACHABLE', 'away');
      },
      connect: silent,
      withinMs: 60_000,
      now: () => 0,
    });
    await expect(glance()).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE', message: 'away' });
  });

  it('ends soon where nobody answers, and is asked again only after ten seconds', async () => {
    let now = 0;
    let asked = 0;
    const glance = createGlance({
      product: PRODUCT,
      keys: new Map(),
      isUp: () => undefined,
      connect: () => {
        asked += 1;
        return new Promise(() => undefined);
      },
      withinMs: 10,
      now: () => now,
    });
    await expect(glance()).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE' });
    now = 9_999;
    await expect(Promise.all([glance(), glance()])).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE' });
    expect(asked).toBe(1);
    now = 10_000;
    await expect(glance()).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE' });
    expect(asked).toBe(2);
  });
});

describe.skipIf(!hasNats)('a look at the fleet on NATS', () => {
  it('says who is there and how attempts ended', async () => {
    await using fleet = await fleetRig();
    await fleet.present(presenceOf({ host: 'a' }), presenceOf({ host: 'b', state: 'stopped' }));
    await fleet.say(outcomeOf({ host: 'a' }));
    const glance = createGlance({
      product: PRODUCT,
      keys: new Map(),
      isUp: () => undefined,
      connect: fleet.connect,
      withinMs: 20_000,
      now: () => Date.now(),
    });
    expect(await glance()).toMatchObject({
      product: PRODUCT,
      hosts: { present: 1, lost: 0, stopped: 1 },
      outcomes: [{ host: 'a', outcome: 'rolledBack', code: 'PROBE_TIMEOUT' }],
    });
  });
});
