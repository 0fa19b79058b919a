import { expect, it } from 'vitest';
import { acceptedHeads } from '../../src/services/heads.ts';
import { requireClock, timeFloor } from '../../src/services/time-floor.ts';
import { signedHead, trustingRig } from './head-fixture.ts';
import { DAY_MS, NOW } from './rig.ts';

it('the time floor is the newest of all that is signed, whichever channel it came by', async () => {
  const rig = await trustingRig();
  await rig.heads.write('stable', await signedHead({}, 'stable', NOW));
  await rig.heads.write('edge', await signedHead({}, 'edge', NOW - DAY_MS));
  expect(timeFloor(rig, await acceptedHeads(rig))).toEqual({
    at: NOW,
    because: 'the accepted stable head was signed',
  });
});

it('a clock before the making of this program is told so', async () => {
  const rig = await trustingRig({ host: { builtFrom: NOW + DAY_MS } });
  expect(() => {
    requireClock(rig, { stable: null, edge: null });
  }).toThrow(
    'expected a time after 2026-11-24T00:00:00.000Z, when this program was made; this host’s clock says 2026-11-23T00:00:00.000Z',
  );
});
