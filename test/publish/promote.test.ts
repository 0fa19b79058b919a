import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { requireBake } from '../../src/bundle/bake.ts';
import type { Head } from '../../src/bundle/head.ts';
import { blockVersions } from '../../src/publish/block.ts';
import { refreshHead } from '../../src/publish/edit-head.ts';
import { publishToFeed, type PublishOptions } from '../../src/publish/feed.ts';
import { promoteRelease, type Promoted, type PromoteOptions } from '../../src/publish/promote.ts';
import { verifyFeed } from '../../src/publish/verify-feed.ts';
import { PRODUCT, testKeys } from '../fixtures/keys.ts';
import { refusal } from '../fixtures/refusal.ts';
import { makeRelease, tempFolder } from '../fixtures/release.ts';
import {
  ARM,
  bundle,
  DAY,
  flipByte,
  headOf,
  headOptions,
  HOUR,
  LINUX,
  NOW,
  tree,
} from './support/feed-rig.ts';

async function onEdge(
  feedDir: string,
  version: string,
  now: number,
  more: Partial<PublishOptions> = {},
): Promise<Head> {
  const options = await headOptions(feedDir, 'edge', now);
  return (await publishToFeed({ ...options, bundles: [await bundle(version)], ...more })).head;
}

async function promote(feedDir: string, now: number, more: Partial<PromoteOptions> = {}): Promise<Promoted> {
  return promoteRelease({ ...(await headOptions(feedDir, 'stable', now)), ...more });
}

const requireBaked = async (head: Head, platform: typeof LINUX | typeof ARM = LINUX): Promise<void> =>
  requireBake(head, { trust: (await testKeys()).trust, product: PRODUCT, platform });

describe('promoteRelease', () => {
  it('refuses at 6 days 23 hours with the time left, and goes at 7 days with what clients ask for', async () => {
    const feedDir = await tempFolder();
    const edge = await onEdge(feedDir, '1.1.0', NOW);
    const before = await tree(feedDir);
    const early = promote(feedDir, NOW + 7 * DAY - HOUR);
    await expect(early).rejects.toMatchObject({ code: 'PUBLISH_REFUSED' });
    await expect(early).rejects.toThrow(
      'expected 1.1.0 to be on edge for 7 days before it goes to stable: 1 h are left, until 2026-06-08T00:00:00.000Z',
    );
    await expect(promote(feedDir, NOW + 5 * DAY - 3 * HOUR)).rejects.toThrow('2 d 3 h are left');
    await expect(promote(feedDir, NOW + 7 * DAY - 1000)).rejects.toThrow('1 s are left');
    expect(await tree(feedDir)).toEqual(before);

    const { head, changed, bakedSince } = await promote(feedDir, NOW + 7 * DAY);
    expect({ changed, bakedSince }).toEqual({ changed: true, bakedSince: NOW });
    expect(head).toMatchObject({ sub: 'stable', version: '1.1.0', targets: edge.targets, seq: 1 });
    expect(head).not.toHaveProperty('security');
    expect(await headOf(feedDir, 'stable', NOW + 7 * DAY)).toEqual(head);
    await requireBaked(head);
  });

  it('carries the first edge head that named the release, byte by byte, even after refreshes', async () => {
    const feedDir = await tempFolder();
    await onEdge(feedDir, '1.0.0', NOW - 9 * DAY);
    await onEdge(feedDir, '1.1.0', NOW);
    const first = await readFile(join(feedDir, 'edge.jws'), 'latin1');
    for (const days of [2, 5]) await refreshHead(await headOptions(feedDir, 'edge', NOW + days * DAY));
    await blockVersions({ ...(await headOptions(feedDir, 'edge', NOW + 6 * DAY)), versions: ['1.0.1'] });
    const { head } = await promote(feedDir, NOW + 7 * DAY);
    expect(head.bake).toBe(first);
    expect(head).toMatchObject({ version: '1.1.0', blocked: ['1.0.1'] });
  });

  it('changes nothing when it is run again, and signs anew when a refresh is asked for', async () => {
    const feedDir = await tempFolder();
    await onEdge(feedDir, '1.1.0', NOW);
    await promote(feedDir, NOW + 7 * DAY);
    const before = await tree(feedDir);
    expect(await promote(feedDir, NOW + 8 * DAY)).toMatchObject({ changed: false, head: { seq: 1 } });
    expect(await tree(feedDir)).toEqual(before);
    expect(await promote(feedDir, NOW + 8 * DAY, { refresh: true })).toMatchObject({ head: { seq: 2 } });
    const refreshed = await refreshHead(await headOptions(feedDir, 'stable', NOW + 9 * DAY));
    expect(refreshed.head).toMatchObject({ seq: 3 });
    await requireBaked(refreshed.head);
  });

  it('counts from the edge head that named every platform', async () => {
    const feedDir = await tempFolder();
    await onEdge(feedDir, '1.1.0', NOW);
    await onEdge(feedDir, '1.1.0', NOW + 3 * DAY, { bundles: [await bundle('1.1.0', ARM)] });
    await expect(promote(feedDir, NOW + 7 * DAY)).rejects.toThrow('3 d are left');
    const { head } = await promote(feedDir, NOW + 10 * DAY);
    await requireBaked(head);
    await requireBaked(head, ARM);
  });

  it('counts from the edge head that named every step', async () => {
    const feedDir = await tempFolder();
    await onEdge(feedDir, '1.1.0', NOW);
    await onEdge(feedDir, '1.1.0', NOW + DAY, { stepBundles: [await bundle('1.0.5')] });
    expect(await refusal(promote(feedDir, NOW + 7 * DAY))).toBe('PUBLISH_REFUSED');
    const { head } = await promote(feedDir, NOW + 8 * DAY);
    expect(head.steps).toMatchObject([{ version: '1.0.5' }]);
  });

  it('does not count an edge head that was signed but never went live', async () => {
    const feedDir = await tempFolder();
    await onEdge(feedDir, '1.0.0', NOW - DAY);
    const other = await tempFolder();
    await onEdge(other, '1.0.0', NOW - DAY);
    await onEdge(other, '1.1.0', NOW);
    // As if the run had ended between the archive and the live heads.
    await rename(join(other, 'archive', 'edge-0-2.jws'), join(feedDir, 'archive', 'edge-0-2.jws'));
    const named = promote(feedDir, NOW + 7 * DAY, { version: '1.1.0' });
    await expect(named).rejects.toThrow('expected a version that was on edge, found 1.1.0');
    const { seq } = await onEdge(feedDir, '1.1.0', NOW + 5 * DAY);
    expect(seq).toBe(3);
    expect(await readdir(join(feedDir, 'archive'))).toEqual([
      'edge-0-1.jws',
      'edge-0-2.unused.jws',
      'edge-0-3.jws',
    ]);
    await expect(promote(feedDir, NOW + 7 * DAY)).rejects.toThrow('5 d are left');
    const { trust } = await testKeys();
    expect(await verifyFeed({ feedDir, trust, now: NOW + 5 * DAY })).toMatchObject({ ok: true });
  });

  it('goes early with a reason, signed and dated, that keeps its date', async () => {
    const feedDir = await tempFolder();
    await onEdge(feedDir, '1.1.0', NOW);
    const security = 'CVE-2026-0001';
    const { head } = await promote(feedDir, NOW + HOUR, { security });
    expect(head.security).toEqual({ reason: security, at: (NOW + HOUR) / 1000 });
    expect(await refusal(requireBaked(head))).toBe('BAKE_TOO_SHORT');
    expect(await promote(feedDir, NOW + 2 * HOUR, { security })).toMatchObject({ changed: false });
    const refreshed = await promote(feedDir, NOW + 2 * HOUR, { security, refresh: true });
    expect(refreshed.head.security).toEqual(head.security);
    expect(await refusal(promote(feedDir, NOW + 3 * HOUR))).toBe('PUBLISH_REFUSED');
    const later = await promote(feedDir, NOW + 7 * DAY);
    expect(later.head).not.toHaveProperty('security');
    await requireBaked(later.head);
  });

  it('takes an older version that was on edge, when it is named', async () => {
    const feedDir = await tempFolder();
    await onEdge(feedDir, '1.1.0', NOW);
    await onEdge(feedDir, '1.2.0', NOW + 6 * DAY);
    await expect(promote(feedDir, NOW + 7 * DAY)).rejects.toThrow('expected 1.2.0 to be on edge for 7 days');
    const { head } = await promote(feedDir, NOW + 7 * DAY, { version: '1.1.0' });
    expect(head.version).toBe('1.1.0');
    await requireBaked(head);
    expect(await refusal(promote(feedDir, NOW + 7 * DAY, { version: '1.1.5' }))).toBe('PUBLISH_REFUSED');
  });

  it('keeps the higher floor and what either channel blocks, and never the rollout of edge', async () => {
    const feedDir = await tempFolder();
    await onEdge(feedDir, '1.0.0', NOW);
    await promote(feedDir, NOW + 7 * DAY, { minVersion: '0.8.0' });
    await blockVersions({ ...(await headOptions(feedDir, 'stable', NOW + 7 * DAY)), versions: ['0.8.1'] });
    await onEdge(feedDir, '1.1.0', NOW + 8 * DAY, {
      minVersion: '0.9.0',
      blocked: ['1.0.5'],
      rollout: { percent: 10 },
    });
    const { head } = await promote(feedDir, NOW + 15 * DAY, { rollout: { duration: 3600 } });
    expect(head).toMatchObject({ min_version: '0.9.0', blocked: ['0.8.1', '1.0.5'] });
    expect(head.rollout).toEqual({ start: (NOW + 15 * DAY) / 1000, duration: 3600 });
    expect(await promote(feedDir, NOW + 16 * DAY)).toMatchObject({ changed: false });
  });
});

describe('promoteRelease refuses, and changes nothing', () => {
  it.each<[string, string, (feedDir: string) => Promise<unknown>]>([
    ['a feed without edge', 'PUBLISH_REFUSED', (feedDir) => rm(join(feedDir, 'edge.jws'))],
    [
      'a release that edge blocks',
      'PUBLISH_REFUSED',
      async (feedDir) =>
        blockVersions({ ...(await headOptions(feedDir, 'edge', NOW + DAY)), versions: ['1.1.0'] }),
    ],
    [
      'a damaged bundle',
      'BUNDLE_NOT_NAMED',
      async (feedDir) => flipByte(join(feedDir, 'bundles', `${PRODUCT}-1.1.0-linux-x64.jws`)),
    ],
    [
      'a bundle that is gone',
      'BUNDLE_NOT_FOUND',
      async (feedDir) => rm(join(feedDir, 'bundles'), { recursive: true }),
    ],
    [
      'an archive whose first head was changed',
      'PUBLISH_REFUSED',
      async (feedDir) => {
        await refreshHead(await headOptions(feedDir, 'edge', NOW + DAY));
        await flipByte(join(feedDir, 'archive', 'edge-0-1.jws'));
      },
    ],
    [
      'a first head that is gone: the next one counts',
      'PUBLISH_REFUSED',
      async (feedDir) => {
        await refreshHead(await headOptions(feedDir, 'edge', NOW + DAY));
        await rm(join(feedDir, 'archive', 'edge-0-1.jws'));
      },
    ],
  ])('%s, with %s', async (_, code, damage) => {
    const feedDir = await tempFolder();
    await onEdge(feedDir, '1.1.0', NOW);
    await damage(feedDir);
    const before = await tree(feedDir);
    expect(await refusal(promote(feedDir, NOW + 7 * DAY))).toBe(code);
    expect(await tree(feedDir)).toEqual(before);
  });

  it('the same version with other digests than stable has', async () => {
    const feedDir = await tempFolder();
    await onEdge(feedDir, '1.1.0', NOW);
    await promote(feedDir, NOW + 7 * DAY);
    for (const path of ['edge.jws', 'by-key', 'archive', 'bundles'])
      if (path === 'edge.jws') await rm(join(feedDir, path));
      else if (path !== 'by-key') await rm(join(feedDir, path), { recursive: true });
    const { signer } = await headOptions(feedDir, 'edge', NOW);
    await rm(join(feedDir, 'by-key', signer.kid, 'edge.jws'));
    const files = [{ path: 'bin/sidecar', source: Buffer.from('other'), mode: 0o755 as const }];
    const other = await makeRelease({ version: '1.1.0', platform: LINUX, files });
    const options = await headOptions(await tempFolder(), 'edge', NOW);
    await publishToFeed({ ...options, bundles: [other.path] });
    await rename(join(options.feedDir, 'edge.jws'), join(feedDir, 'edge.jws'));
    await expect(promote(feedDir, NOW + 7 * DAY)).rejects.toThrow('is published with release digest');
  });

  it('an archive that was changed, even when a later head would do', async () => {
    const feedDir = await tempFolder();
    await onEdge(feedDir, '1.1.0', NOW);
    await refreshHead(await headOptions(feedDir, 'edge', NOW + DAY));
    await flipByte(join(feedDir, 'archive', 'edge-0-1.jws'));
    await expect(promote(feedDir, NOW + 9 * DAY)).rejects.toThrow('expected a head of this publisher at');
  });

  it('a version whose content is that of an older one, before its own week', async () => {
    const feedDir = await tempFolder();
    const files = [{ path: 'bin/sidecar', source: Buffer.from('same'), mode: 0o755 as const }];
    for (const [version, now] of [
      ['1.1.0', NOW],
      ['1.2.0', NOW + 6 * DAY],
    ] as const) {
      const { path } = await makeRelease({ version, platform: LINUX, files });
      await onEdge(feedDir, version, now, { bundles: [path] });
    }
    await expect(promote(feedDir, NOW + 7 * DAY)).rejects.toThrow('6 d are left');
  });

  it('a release older than stable', async () => {
    const feedDir = await tempFolder();
    await onEdge(feedDir, '1.1.0', NOW);
    await onEdge(feedDir, '1.2.0', NOW);
    await promote(feedDir, NOW + 7 * DAY);
    await expect(promote(feedDir, NOW + 7 * DAY, { version: '1.1.0' })).rejects.toThrow(
      'expected a version of at least 1.2.0, found 1.1.0',
    );
  });
});
