import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { PROPERTIES } from './properties.ts';
import { makeMaterial, readBundle, verdict, type Material } from './support.ts';
import { verifyHead } from '../../src/bundle/head-document.ts';

let material: Material;
beforeAll(async () => {
  material = await makeMaterial();
});

describe('for whatever bytes come', () => {
  it('what is not changed is accepted', async () => {
    const { trust, product, now, head, bundles } = material;
    expect(await verdict(() => verifyHead(head, { trust, channel: 'edge', product, now }))).toBe('accepted');
    for (const bundle of bundles) expect(await verdict(() => readBundle(bundle, trust))).toBe('accepted');
  });

  // A failure names its seed and path: `npm run fuzz -- --only NAME --seed SEED --path PATH` runs it again.
  it.each(PROPERTIES)('$name', async ({ make, perSecond }) => {
    await fc.assert(make(material), { numRuns: Math.ceil(perSecond / 2) });
  });

  it('every single byte of a head, changed to a few other values, is refused', async () => {
    const { trust, product, now, head } = material;
    for (let at = 0; at < head.length; at += 1)
      for (const mask of [0x01, 0x20, 0x80]) {
        const changed = Buffer.from(head);
        changed[at] = (changed[at] ?? 0) ^ mask;
        const found = await verdict(() => verifyHead(changed, { trust, channel: 'edge', product, now }));
        expect(found, `byte ${String(at)} ^ ${String(mask)}`).not.toBe('accepted');
      }
  });
});
