import { describe, expect, it } from 'vitest';
import { namedReleases } from '../../src/fleet/named.ts';
import type { OrderPayload } from '../../src/fleet/records.ts';
import { fleetView, holds, hostViews, type FleetFacts } from '../../src/fleet/view.ts';
import { BAD, digestOf, outcomeOf, presenceOf, PRODUCT } from './support/fleet-rig.ts';

const NOW = Date.UTC(2026, 0, 2);
const HALT: OrderPayload = {
  iss: 'controller',
  aud: PRODUCT,
  iat: NOW / 1000 - 60,
  seq: 1,
  action: 'halt',
  release: { version: '1.1.0', digest: BAD },
  reason: 'too many',
};
const facts = (change: Partial<FleetFacts> = {}): FleetFacts => ({
  product: PRODUCT,
  now: NOW,
  hosts: [],
  outcomes: [],
  orders: [],
  ...change,
});
const seen = (ago: number, change: Parameters<typeof presenceOf>[0]): FleetFacts['hosts'][number] => ({
  value: presenceOf(change),
  at: NOW - ago,
});

describe('a host', () => {
  it('is lost after three of its own intervals of silence, unless it said that it stops', () => {
    const hosts = [
      seen(180_000, { host: 'a' }),
      seen(180_001, { host: 'b' }),
      seen(999_999, { host: 'c', state: 'stopped' }),
    ];
    expect(hostViews(facts({ hosts })).map(({ state }) => state)).toEqual(['idle', 'lost', 'stopped']);
    expect(fleetView(facts({ hosts })).hosts).toEqual({ present: 1, lost: 1, stopped: 1 });
  });
});

describe('a rollout', () => {
  it('counts a host as gone back even where it committed first', () => {
    const outcomes = [
      { value: outcomeOf({ host: 'a', attempt: '1', outcome: 'committed' }), at: 1 },
      { value: outcomeOf({ host: 'a', attempt: '2' }), at: 2 },
      { value: outcomeOf({ host: 'b', attempt: '1', outcome: 'committed' }), at: 3 },
    ];
    expect(fleetView(facts({ outcomes })).rollouts).toMatchObject([
      { version: '1.1.0', groups: [{ group: 'web', committed: 1, failed: 1 }] },
    ]);
  });

  it('is pending on hosts that run less, are there and have not tried it', () => {
    const hosts = [
      seen(0, { host: 'old' }),
      seen(0, { host: 'newer', workload: { version: '2.0.0', digest: digestOf('f') } }),
      seen(999_999, { host: 'lost' }),
      seen(0, { host: 'tried' }),
    ];
    const outcomes = [{ value: outcomeOf({ host: 'tried' }), at: 1 }];
    expect(fleetView(facts({ hosts, outcomes })).rollouts).toMatchObject([
      { groups: [{ pending: 1, failed: 1 }] },
    ]);
  });

  it('is halted as long as the order holds', () => {
    expect(holds(HALT, NOW)).toBe(true);
    expect(holds({ ...HALT, action: 'resume' }, NOW)).toBe(false);
    expect(holds({ ...HALT, exp: NOW / 1000 }, NOW)).toBe(false);
    expect(holds({ ...HALT, exp: NOW / 1000 + 1 }, NOW)).toBe(true);
    expect(fleetView(facts({ orders: [HALT] })).rollouts).toMatchObject([
      { version: '1.1.0', digests: [BAD], halted: { by: 'controller', reason: 'too many' } },
    ]);
  });

  it('stands with the newest version first', () => {
    const outcomes = ['1.9.0', '1.10.0', '1.10.0-rc.1'].map((to, index) => ({
      value: outcomeOf({ host: 'a', attempt: String(index), to, digest: digestOf(String(index)) }),
      at: index,
    }));
    expect(fleetView(facts({ outcomes })).rollouts.map(({ version }) => version)).toEqual([
      '1.10.0',
      '1.10.0-rc.1',
      '1.9.0',
    ]);
  });
});

describe('an outcome', () => {
  it('that was stored twice is shown once, as of when it came first', () => {
    const once = outcomeOf({ host: 'a' });
    const outcomes = [
      { value: once, at: NOW - 1000 },
      { value: outcomeOf({ host: 'b' }), at: NOW - 500 },
      { value: once, at: NOW },
    ];
    const view = fleetView(facts({ outcomes }));
    expect(view.outcomes.map(({ host }) => host)).toEqual(['b', 'a']);
    expect(view.rollouts[0]?.groups).toMatchObject([{ failed: 2 }]);
  });
});

describe('a release that an operator names', () => {
  const known = facts({
    outcomes: [
      { value: outcomeOf({ host: 'a', digest: `b${'0'.repeat(63)}` }), at: 1 },
      { value: outcomeOf({ host: 'b', digest: `b${'0'.repeat(8)}${'1'.repeat(55)}` }), at: 2 },
    ],
  });

  it('by its version is every build of it', () => {
    expect(namedReleases(known, '1.1.0')).toHaveLength(2);
  });

  it('by its digest is one', () => {
    expect(namedReleases(known, `b${'0'.repeat(10)}`)).toHaveLength(1);
    expect(() => namedReleases(known, `b${'0'.repeat(7)}`)).toThrow('with which more begin');
  });

  it('that nobody spoke of has to be named whole', () => {
    expect(() => namedReleases(known, '2.0.0')).toThrow('VERSION@DIGEST');
    expect(namedReleases(known, `2.0.0@${digestOf('e')}`)).toEqual([
      { version: '2.0.0', digest: digestOf('e') },
    ]);
  });
});
