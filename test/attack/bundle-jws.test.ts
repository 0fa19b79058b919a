import { describe, expect, it } from 'vitest';
import { jwsAttacksOn } from './cases/jws.ts';
import { OFFERED } from './support/makers.ts';
import { createRig } from './support/rig.ts';
import { useRig } from './support/use-rig.ts';

const attacked = useRig();

describe.each(['airgap bundle', 'feed bundle'] as const)('an %s', (kind) => {
  it.each(jwsAttacksOn(kind))('$name: $code', async ({ bytes, code }) => {
    const rig = attacked();
    const bundle = await bytes(await rig.maker(kind));
    if (kind === 'feed bundle') {
      await rig.offer(bundle, rig.good.digest);
      await rig.expectRefused('check', code);
    } else await rig.expectRefused({ bundle: await rig.write(bundle) }, code);
  });
});

describe('without an attack', () => {
  it.each(['airgap bundle', 'feed bundle'] as const)('an %s is installed', async (kind) => {
    await using own = await createRig();
    const bundle = (await own.maker(kind)).make();
    if (kind === 'feed bundle') await own.offer(bundle, own.good.digest);
    const meeting = kind === 'feed bundle' ? 'check' : { bundle: await own.write(bundle) };
    expect(await own.meet(meeting)).toMatchObject({ outcome: 'committed' });
    expect(await own.host.versions()).toEqual([OFFERED]);
  });
});
