import { describe, expect, it } from 'vitest';
import { jwsAttacksOn } from './cases/jws.ts';
import { useRig } from './support/use-rig.ts';

const attacked = useRig();

describe('a head', () => {
  it('without an attack offers the release', async () => {
    const rig = attacked();
    await rig.place('edge.jws', (await rig.maker('head')).make());
    const id = await rig.client.update({ dryRun: true });
    expect((await rig.client.follow(id, { pollMs: 5 })).ended).toMatchObject({ outcome: 'available' });
  });

  it.each(jwsAttacksOn('head'))('$name: $code', async ({ bytes, code }) => {
    const rig = attacked();
    await rig.place('edge.jws', await bytes(await rig.maker('head')));
    await rig.expectRefused('check', code);
  });
});
