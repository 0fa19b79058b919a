import { describe, expect, it } from 'vitest';
import { BAKE_ATTACKS, edgeHead, stableHead } from './cases/bake.ts';
import { FEED_ATTACKS } from './cases/feed.ts';
import { useRig } from './support/use-rig.ts';

describe('a hostile feed', () => {
  const attacked = useRig();

  it.each(FEED_ATTACKS)('$name: $code', async ({ prepare, code }) => {
    const rig = attacked();
    await prepare(rig);
    await rig.expectRefused('check', code);
  });

  it('recovers from fast-forward by the next epoch', async () => {
    const rig = attacked();
    await rig.place('edge.jws', rig.head({ version: '0.0.0-0', seq: Number.MAX_SAFE_INTEGER }));
    await rig.meet('check');
    await rig.place('edge.jws', rig.head());
    await rig.expectRefused('check', 'HEAD_STALE');
    await rig.place('edge.jws', rig.head({ epoch: 1 }));
    const id = await rig.client.update({ dryRun: true });
    expect((await rig.client.follow(id, { pollMs: 5 })).ended).toMatchObject({ outcome: 'available' });
  });
});

describe('the stable channel', () => {
  const attacked = useRig({ config: { update: { channel: 'stable' } } });

  it.each(BAKE_ATTACKS)('$name: $code', async ({ head, code }) => {
    const rig = attacked();
    await rig.place('stable.jws', await head(rig));
    await rig.expectRefused('check', code);
  });

  it('without an attack offers the release', async () => {
    const rig = attacked();
    await rig.place('stable.jws', stableHead(rig, edgeHead(rig, 8)));
    const id = await rig.client.update({ dryRun: true });
    expect((await rig.client.follow(id, { pollMs: 5 })).ended).toMatchObject({ outcome: 'available' });
  });
});
