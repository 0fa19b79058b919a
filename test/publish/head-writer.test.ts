import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { requireBake } from '../../src/bundle/bake.ts';
import { importTrustSet } from '../../src/bundle/trust-set.ts';
import type { TrustSet } from '../../src/bundle/trust.ts';
import { blockVersions } from '../../src/publish/block.ts';
import { refreshHead } from '../../src/publish/edit-head.ts';
import { publishToFeed } from '../../src/publish/feed.ts';
import { comparePlaces } from '../../src/publish/feed-layout.ts';
import { promoteRelease } from '../../src/publish/promote.ts';
import { loadSignerFor } from '../../src/publish/signer.ts';
import { verifyFeed } from '../../src/publish/verify-feed.ts';
import { newTestKeys, PRODUCT, testKeys, type TestKeys } from '../fixtures/keys.ts';
import { refusal } from '../fixtures/refusal.ts';
import { tempFolder } from '../fixtures/release.ts';
import { bundle, DAY, headOf, headOptions, LINUX, NOW, tree } from './support/feed-rig.ts';

let second: Promise<TestKeys> | undefined;

/** Two generations of keys, and the trust set of the program between them. */
async function generations(): Promise<{ first: TestKeys; next: TestKeys; both: TrustSet }> {
  second ??= newTestKeys();
  const [first, next] = [await testKeys(), await second];
  const keys = [...first.trustContent.keys, ...next.trustContent.keys];
  return { first, next, both: importTrustSet({ ...first.trustContent, keys }) };
}

const kidOf = async ({ dir }: TestKeys, channel: 'edge' | 'stable'): Promise<string> =>
  (await loadSignerFor(dir, `head-${channel}`)).kid;

describe('heads of several keys', () => {
  it('the newest key signs what all read, each key has its own copy, and the newest is the last', async () => {
    const { first, next, both } = await generations();
    const feedDir = await tempFolder();
    const options = await headOptions(feedDir, 'edge', NOW, [next, first], both);
    const { head } = await publishToFeed({ ...options, bundles: [await bundle('1.1.0')] });
    const old = await headOf(feedDir, 'edge', NOW, { trust: first.trust, kid: await kidOf(first, 'edge') });
    expect(await headOf(feedDir, 'edge', NOW, { trust: next.trust })).toEqual(head);
    expect(old).toMatchObject({ version: '1.1.0', targets: head.targets });
    expect(comparePlaces(head, old)).toBeGreaterThan(0);
    expect(await verifyFeed({ feedDir, trust: both, now: NOW })).toMatchObject({ ok: true });
    const before = await tree(feedDir);
    expect(await publishToFeed({ ...options, bundles: [await bundle('1.1.0')] })).toMatchObject({
      changed: false,
    });
    expect(await tree(feedDir)).toEqual(before);
  });

  it('a client that learns the newer key never goes back, whatever the order of changes was', async () => {
    const { first, next, both } = await generations();
    const feedDir = await tempFolder();
    const alone = await headOptions(feedDir, 'edge', NOW, [first], both);
    const together = await headOptions(feedDir, 'edge', NOW, [next, first], both);
    await publishToFeed({ ...alone, bundles: [await bundle('1.0.0')] });
    await publishToFeed({ ...together, bundles: [await bundle('1.1.0')] });
    // The old key alone, by mistake: the next run puts it right.
    const { left } = await blockVersions({ ...alone, versions: ['0.9.9'] });
    expect(left).toMatchObject([
      { kid: next.trust.keys.has(together.signer.kid) ? together.signer.kid : '' },
    ]);
    const { head, changed } = await blockVersions({ ...together, versions: ['0.9.9'] });
    expect(changed).toBe(true);
    const old = await headOf(feedDir, 'edge', NOW, { trust: first.trust, kid: alone.signer.kid });
    expect(comparePlaces(head, old)).toBeGreaterThan(0);
    expect(old.blocked).toEqual(['0.9.9']);
    // Both say the same, but what the old key's clients read is the later one.
    await refreshHead(alone);
    const again = await blockVersions({ ...together, versions: ['0.9.9'] });
    const oldAgain = await headOf(feedDir, 'edge', NOW, { trust: first.trust, kid: alone.signer.kid });
    expect(again.changed).toBe(true);
    expect(comparePlaces(again.head, oldAgain)).toBeGreaterThan(0);
  });

  it('a retired key’s head is told of while it is good', async () => {
    const { first, next, both } = await generations();
    const feedDir = await tempFolder();
    const together = await headOptions(feedDir, 'edge', NOW, [next, first], both);
    await publishToFeed({ ...together, bundles: [await bundle('1.1.0')] });
    const later = await headOptions(feedDir, 'edge', NOW + DAY, [next], both);
    const { left } = await refreshHead(later);
    expect(left).toMatchObject([{ kid: await kidOf(first, 'edge'), expires: NOW + 7 * DAY }]);
    const latest = await headOptions(feedDir, 'edge', NOW + 8 * DAY, [next], both);
    expect((await refreshHead(latest)).left).toEqual([]);
  });

  it('a promotion gives each key the bake that its clients can check', async () => {
    const { first, next, both } = await generations();
    const feedDir = await tempFolder();
    const edge = await headOptions(feedDir, 'edge', NOW, [next, first], both);
    await publishToFeed({ ...edge, bundles: [await bundle('1.1.0')] });
    const options = await headOptions(feedDir, 'stable', NOW + 7 * DAY, [next, first], both);
    await promoteRelease(options);
    const kid = await kidOf(first, 'stable');
    const check = async ({ trust }: TestKeys, key?: string): Promise<void> =>
      requireBake(
        await headOf(feedDir, 'stable', NOW + 8 * DAY, { trust, ...(key === undefined ? {} : { kid: key }) }),
        { trust, product: PRODUCT, platform: LINUX },
      );
    await check(next);
    await check(first, kid);
    expect(await promoteRelease(options)).toMatchObject({ changed: false });
    // Each keeps its own when the heads are renewed.
    await refreshHead({ ...options, now: NOW + 8 * DAY });
    await check(first, kid);
  });

  it('refuses the same key twice', async () => {
    const { first } = await generations();
    const options = await headOptions(await tempFolder(), 'edge', NOW, [first, first]);
    expect(await refusal(publishToFeed({ ...options, bundles: [await bundle('1.1.0')] }))).toBe(
      'PUBLISH_REFUSED',
    );
  });
});

describe('an epoch', () => {
  it('counts anew from 0, is kept, and never goes back', async () => {
    const feedDir = await tempFolder();
    const options = await headOptions(feedDir, 'edge', NOW);
    await publishToFeed({ ...options, bundles: [await bundle('1.1.0')] });
    const raised = await refreshHead({ ...options, epoch: 3 });
    expect(raised.head).toMatchObject({ epoch: 3, seq: 0, version: '1.1.0' });
    const again = await publishToFeed({ ...options, epoch: 3, bundles: [await bundle('1.1.0')] });
    expect(again).toMatchObject({ changed: false, head: { epoch: 3, seq: 0 } });
    const next = await publishToFeed({ ...options, bundles: [await bundle('1.2.0')] });
    expect(next.head).toMatchObject({ epoch: 3, seq: 1 });
    const higher = await publishToFeed({ ...options, epoch: 4, bundles: [await bundle('1.2.0')] });
    expect(higher).toMatchObject({ changed: true, head: { epoch: 4, seq: 0 } });
    const before = await tree(feedDir);
    const lower = publishToFeed({ ...options, epoch: 2, bundles: [await bundle('1.2.0')] });
    expect(await refusal(lower)).toBe('PUBLISH_REFUSED');
    for (const epoch of [2, -1, 1.5, Number.NaN])
      expect(await refusal(refreshHead({ ...options, epoch }))).toBe('PUBLISH_REFUSED');
    expect(await tree(feedDir)).toEqual(before);
  });

  it('recovers a feed into which a stolen key, retired since, put the highest number', async () => {
    const { first, next, both } = await generations();
    const feedDir = await tempFolder();
    await publishToFeed({
      ...(await headOptions(feedDir, 'edge', NOW, [first], both)),
      bundles: [await bundle('1.1.0')],
    });
    // All that is left of the stolen key's work is a head that the new trust set does not know.
    const options = await headOptions(feedDir, 'edge', NOW, [next], next.trust);
    const bundles = [await bundle('1.2.0')];
    const trust = importTrustSet({
      ...both,
      schema: 1,
      keys: [...first.trustContent.keys.filter(({ use }) => use === 'bundle'), ...next.trustContent.keys],
    });
    expect(await refusal(publishToFeed({ ...options, trust, bundles }))).toBe('PUBLISH_REFUSED');
    const { head } = await publishToFeed({ ...options, trust, epoch: 1, bundles });
    expect(head).toMatchObject({ epoch: 1, seq: 0, version: '1.2.0' });
    expect(await headOf(feedDir, 'edge', NOW, { trust })).toEqual(head);
  });
});

describe('time', () => {
  it('never goes back between heads', async () => {
    const feedDir = await tempFolder();
    const options = await headOptions(feedDir, 'edge', NOW);
    await publishToFeed({ ...options, bundles: [await bundle('1.1.0')] });
    await expect(refreshHead({ ...options, now: NOW - 1000 })).rejects.toThrow(
      'expected this machine’s time to be after',
    );
  });
});

describe('the archive of edge heads', () => {
  it('keeps every one, and gives no place twice even when the live heads were lost', async () => {
    const feedDir = await tempFolder();
    const options = await headOptions(feedDir, 'edge', NOW);
    await publishToFeed({ ...options, bundles: [await bundle('1.1.0')] });
    const first = await readFile(join(feedDir, 'edge.jws'));
    await refreshHead(options);
    expect(await readFile(join(feedDir, 'archive', 'edge-0-1.jws'))).toEqual(first);
    await rm(join(feedDir, 'edge.jws'));
    await rm(join(feedDir, 'by-key'), { recursive: true });
    const { head } = await publishToFeed({ ...options, bundles: [await bundle('1.1.0')] });
    expect(head).toMatchObject({ epoch: 0, seq: 3 });
  });

  it('is filled up for a feed that had none', async () => {
    const feedDir = await tempFolder();
    const options = await headOptions(feedDir, 'edge', NOW);
    await publishToFeed({ ...options, bundles: [await bundle('1.1.0')] });
    await rm(join(feedDir, 'archive'), { recursive: true });
    await refreshHead(options);
    const { head } = await promoteRelease(await headOptions(feedDir, 'stable', NOW + 7 * DAY));
    expect(head.version).toBe('1.1.0');
  });

  it('is never overwritten', async () => {
    const feedDir = await tempFolder();
    const options = await headOptions(feedDir, 'edge', NOW);
    await publishToFeed({ ...options, bundles: [await bundle('1.1.0')] });
    await writeFile(join(feedDir, 'archive', 'edge-0-1.jws'), 'other');
    expect(await refusal(refreshHead(options))).toBe('PUBLISH_REFUSED');
  });
});
