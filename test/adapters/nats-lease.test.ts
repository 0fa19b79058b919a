import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock.ts';
import { natsLease, placesOf, type NatsLeaseOptions } from '../../src/adapters/nats-lease.ts';
import { createFakeReporter } from '../fakes/reporter.ts';
import { hasNats } from '../fleet/support/nats-server.ts';
import { NAMES, openWorld, until, type FleetWorld } from '../fleet/support/world.ts';
import { leaseContract } from './contracts/lease.contract.ts';

const { signal } = new AbortController();

describe('the places that a host looks at', () => {
  it('are all where there are few, the same ones each time, and spread where there are many', () => {
    expect([...placesOf('a', 3)].sort()).toEqual([0, 1, 2]);
    expect(placesOf('a', 1000)).toEqual(placesOf('a', 1000));
    expect(placesOf('a', 1000)).toHaveLength(32);
    expect(
      new Set(Array.from({ length: 50 }, (_, at) => placesOf(`host-${String(at)}`, 1000)[0])).size,
    ).toBeGreaterThan(40);
  });
});

describe.skipIf(!hasNats)('a lease on NATS', () => {
  let world: FleetWorld;
  beforeAll(async () => {
    world = await openWorld({ leaseMs: 1_500 });
  });
  afterAll(() => world.close());

  const host = async (name: string, group: string, more: Partial<NatsLeaseOptions> = {}) => {
    const link = await world.link();
    const reporter = createFakeReporter();
    const lease = natsLease({
      link,
      names: NAMES,
      group,
      host: name,
      slots: 1,
      clock: systemClock,
      reporter,
      ...more,
    });
    return { link, lease, reporter };
  };

  leaseContract(async () => {
    const group = randomUUID();
    const hosts = await Promise.all([
      host('one', group),
      host('other', group),
      host('elsewhere', `${group}-2`),
    ]);
    const [one, other, elsewhere] = hosts.map(({ lease }) => lease);
    if (one === undefined || other === undefined || elsewhere === undefined) throw new Error('three hosts');
    return {
      one,
      other,
      elsewhere,
      away: () => Promise.all(hosts.map(({ link }) => link.close())).then(() => undefined),
      end: async () => {
        for (const { lease, link } of hosts) {
          await lease.close();
          await link.close();
        }
      },
    };
  });

  it('is renewed for as long as it is held', async () => {
    const group = randomUUID();
    const one = await host('one', group);
    const two = await host('two', group);
    await one.lease.acquire('a', signal);
    await systemClock.sleep(2_500, signal);
    expect(one.lease.lost?.('a')).toBeNull();
    await expect(two.lease.acquire('b', signal)).rejects.toMatchObject({ code: 'LEASE_HELD' });
    await one.lease.close();
  });

  it('ends by itself when its holder is gone, and the holder knows', async () => {
    const group = randomUUID();
    const one = await host('one', group);
    const two = await host('two', group);
    await one.lease.acquire('a', signal);
    // A partition: the holder can neither renew nor hear.
    await one.link.close();
    await until(async () => {
      try {
        await two.lease.acquire('b', signal);
        return true;
      } catch {
        return false;
      }
    });
    expect(one.lease.lost?.('a')).toMatchObject({ code: 'LEASE_HELD' });
    await Promise.all([one.lease.close(), two.lease.close()]);
  });

  it('is found again by the host that held it before a crash, and never held twice', async () => {
    const group = randomUUID();
    const crashed = await host('one', group, { slots: 3 });
    await crashed.lease.acquire('a', signal);
    await crashed.lease.close();
    const again = await host('one', group, { slots: 3 });
    await again.lease.acquire('a', signal);
    const two = await host('two', group, { slots: 3 });
    const three = await host('three', group, { slots: 3 });
    await two.lease.acquire('b', signal);
    await three.lease.acquire('c', signal);
    await again.lease.release('a', signal);
    const four = await host('four', group, { slots: 3 });
    await four.lease.acquire('d', signal);
    await Promise.all([two.lease.close(), three.lease.close(), four.lease.close()]);
  });

  it('lets no more in than there are places, however many come at once', async () => {
    const group = randomUUID();
    const hosts = await Promise.all(
      Array.from({ length: 6 }, (_, at) => host(`h${String(at)}`, group, { slots: 2 })),
    );
    const got = await Promise.allSettled(hosts.map(({ lease }) => lease.acquire('x', signal)));
    expect(got.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    await Promise.all(hosts.map(({ lease }) => lease.close()));
  });

  it('is kept by a daemon that starts again in the middle of an attempt', async () => {
    const group = randomUUID();
    const crashed = await host('one', group);
    await crashed.lease.acquire('a', signal);
    await crashed.lease.close();
    const again = await host('one', group, {
      clock: { ...systemClock, sleep: (ms, end) => systemClock.sleep(Math.min(ms, 200), end) },
    });
    again.lease.keep?.('a');
    await until(() => again.lease.lost?.('a') === null);
    await again.lease.close();
  });
});
