import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { compareHeads } from '../../src/bundle/head-document.ts';
import { publishToFeed } from '../../src/publish/feed.ts';
import { promoteRelease } from '../../src/publish/promote.ts';
import { verifyFeed } from '../../src/publish/verify-feed.ts';
import { testKeys } from '../fixtures/keys.ts';
import { refusal } from '../fixtures/refusal.ts';
import { tempFolder } from '../fixtures/release.ts';
import { bundle, DAY, headOf, headOptions, NOW } from './support/feed-rig.ts';

/** Renames to a path that holds this text fail. */
const broken = vi.hoisted(() => ({ rename: null as string | null }));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  return {
    ...real,
    rename: async (from: string, to: string) => {
      if (broken.rename !== null && to.includes(broken.rename))
        throw Object.assign(new Error('EIO: i/o error, rename'), { code: 'EIO' });
      return real.rename(from, to);
    },
  };
});

beforeEach(() => {
  broken.rename = null;
});

describe('a run that is interrupted', () => {
  it.each(['bundles/', 'archive/', 'by-key/', '/edge.jws'])(
    'at the rename into %s leaves the old head right, and the next run finishes it',
    async (place) => {
      const { trust } = await testKeys();
      const feedDir = await tempFolder();
      const options = await headOptions(feedDir, 'edge', NOW);
      await publishToFeed({ ...options, bundles: [await bundle('1.0.0')] });
      const old = await readFile(join(feedDir, 'edge.jws'));
      const bundles = [await bundle('1.1.0')];

      broken.rename = place;
      expect(await refusal(publishToFeed({ ...options, bundles }))).toBe('WRITE_FAILED');
      expect(await readFile(join(feedDir, 'edge.jws'))).toEqual(old);
      expect((await headOf(feedDir, 'edge', NOW)).version).toBe('1.0.0');
      const halfway = await verifyFeed({ feedDir, trust, now: NOW });
      expect(halfway.findings.filter(({ path, level }) => path === 'edge.jws' && level !== 'ok')).toEqual([]);

      broken.rename = null;
      const { head } = await publishToFeed({ ...options, bundles, now: NOW + 1000 });
      expect(head.version).toBe('1.1.0');
      const documents = [
        { head: await headOf(feedDir, 'edge', NOW), bytes: await readFile(join(feedDir, 'edge.jws')) },
      ];
      expect(compareHeads({ head: { ...head, seq: 1 }, bytes: old }, documents[0]!)).toBe('newer');
      expect(await verifyFeed({ feedDir, trust, now: NOW + 1000 })).toMatchObject({ ok: true });
    },
  );

  it('at the last rename of a promotion leaves the old stable head right', async () => {
    const { trust } = await testKeys();
    const feedDir = await tempFolder();
    await publishToFeed({ ...(await headOptions(feedDir, 'edge', NOW)), bundles: [await bundle('1.0.0')] });
    const now = NOW + 7 * DAY;
    const options = await headOptions(feedDir, 'stable', now);
    broken.rename = '/stable.jws';
    expect(await refusal(promoteRelease(options))).toBe('WRITE_FAILED');
    await expect(readFile(join(feedDir, 'stable.jws'))).rejects.toThrow('ENOENT');
    broken.rename = null;
    await promoteRelease(options);
    expect((await headOf(feedDir, 'stable', now)).version).toBe('1.0.0');
    const { findings } = await verifyFeed({ feedDir, trust, now: NOW + 7 * DAY - 1 });
    expect(findings.filter(({ path }) => path === 'stable.jws')).toHaveLength(1);
  });
});
