import { describe, expect, it } from 'vitest';
import { Refused } from '../../src/control/page/browser/api.ts';
import { askingForFleet, fleetLines, type Glance } from '../../src/control/page/browser/fleet-text.ts';
import { sampleFleet } from '../control/support/samples.ts';

describe('the card of the fleet', () => {
  it('counts hosts by version and group', () => {
    expect(fleetLines(sampleFleet())).toEqual({
      hosts: '2 there, 1 lost, 0 stopped',
      running: ['1.1.0 on 2 of group web'],
    });
  });

  it('asks only while the page is seen, and at most every ten seconds', () => {
    let [asked, now, seen] = [0, 0, false];
    const look = askingForFleet(
      () => {
        asked += 1;
        return new Promise(() => undefined);
      },
      () => seen,
      () => now,
      () => undefined,
    );
    look();
    expect(asked).toBe(0);
    seen = true;
    look();
    now = 9_999;
    look();
    expect(asked).toBe(1);
    now = 10_000;
    look();
    expect(asked).toBe(2);
  });

  it('says why the others are not known', async () => {
    const came = Promise.withResolvers<Glance>();
    askingForFleet(
      () => Promise.reject(new Refused(503, 'FLEET_UNREACHABLE', 'NATS is away', '')),
      () => true,
      () => 0,
      came.resolve,
    )();
    expect(await came.promise).toEqual({ missing: 'NATS is away' });
  });
});
