import { createHash } from 'node:crypto';
import { cp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compareHeads, verifyHead } from '../../src/bundle/head-document.ts';
import type { Head } from '../../src/bundle/head.ts';
import { publishToFeed } from '../../src/publish/feed.ts';
import { verifyBundleFile } from '../../src/publish/verify-bundle.ts';
import { loadSignerFor } from '../../src/publish/signer.ts';
import type { FeedChannel } from '../../src/types.ts';
import { newTestKeys, PRODUCT, testKeys } from '../fixtures/keys.ts';
import { refusal } from '../fixtures/refusal.ts';
import { makeFeed, makeRelease, tempFolder } from '../fixtures/release.ts';

const NOW = Date.UTC(2026, 5, 1);
const LINUX = { os: 'linux', arch: 'x64' } as const;
const ARM = { os: 'linux', arch: 'arm64', libc: 'musl' } as const;

const release = async (version: string, platform: typeof LINUX | typeof ARM = LINUX): Promise<string> =>
  (await makeRelease({ version, platform })).path;

async function headOf(feedDir: string, channel: FeedChannel = 'stable', now = NOW): Promise<Head> {
  const { trust } = await testKeys();
  return verifyHead(await readFile(join(feedDir, `${channel}.jws`)), {
    trust,
    channel,
    product: PRODUCT,
    now,
  });
}

async function tree(dir: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found[path.slice(dir.length + 1)] = createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
  }
  return found;
}

describe('publishToFeed', () => {
  it('makes a head that clients accept, and bundles that it names truly', async () => {
    const { trust } = await testKeys();
    const { feedDir, head, changed } = await makeFeed({
      bundles: [await release('1.0.0'), await release('1.0.0', ARM)],
      now: NOW,
    });
    expect(changed).toBe(true);
    expect(await headOf(feedDir)).toEqual(head);
    expect(head).toMatchObject({
      aud: PRODUCT,
      sub: 'stable',
      epoch: 0,
      seq: 1,
      version: '1.0.0',
      iat: NOW / 1000,
    });
    expect(head.exp - head.iat).toBe(7 * 86400);
    expect(head.targets.map(({ bundles }) => bundles[0]?.path)).toEqual([
      `bundles/${PRODUCT}-1.0.0-linux-arm64-musl.jws`,
      `bundles/${PRODUCT}-1.0.0-linux-x64.jws`,
    ]);
    for (const { bundles, release_digest: digest } of head.targets) {
      for (const { path, size, sha256 } of bundles) {
        const bytes = await readFile(join(feedDir, path));
        expect(bytes.length).toBe(size);
        expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256);
        expect(await verifyBundleFile(join(feedDir, path), trust)).toMatchObject({ digest });
        expect((await stat(join(feedDir, path))).mode & 0o777).toBe(0o644);
      }
    }
  });

  it('writes the same head under the key that signed it', async () => {
    const { dir } = await testKeys();
    const { feedDir } = await makeFeed({ bundles: [await release('1.0.0')], channel: 'edge', now: NOW });
    const { kid } = await loadSignerFor(dir, 'head-edge');
    const found = await tree(feedDir);
    expect(found[`by-key/${kid}/edge.jws`]).toBe(found['edge.jws']);
    expect(found['archive/edge-0-1.jws']).toBe(found['edge.jws']);
    expect(Object.keys(found)).toHaveLength(4);
  });

  it('counts up with each release, and keeps what was published before', async () => {
    const { feedDir } = await makeFeed({ bundles: [await release('1.0.0')], now: NOW });
    const { head } = await makeFeed({ feedDir, bundles: [await release('1.1.0')], now: NOW });
    expect(head).toMatchObject({ epoch: 0, seq: 2, version: '1.1.0' });
    expect(await readdir(join(feedDir, 'bundles'))).toHaveLength(2);
  });

  it('changes nothing when it is run again, unless a fresh head is asked for', async () => {
    const bundles = [await release('1.0.0'), await release('1.0.0', ARM)];
    const { feedDir } = await makeFeed({ bundles, now: NOW });
    const before = await tree(feedDir);
    const again = await makeFeed({ feedDir, bundles: bundles.toReversed(), now: NOW + 1000 });
    expect(again).toMatchObject({ changed: false, head: { seq: 1 } });
    expect(await tree(feedDir)).toEqual(before);
    const fresh = await makeFeed({ feedDir, bundles, now: NOW + 1000, refresh: true });
    expect(fresh).toMatchObject({ changed: true, head: { seq: 2, iat: NOW / 1000 + 1 } });
  });

  it('keeps the published bundle when the same release is built again with other bytes', async () => {
    const first = await makeRelease({ version: '1.0.0', platform: LINUX, createdAt: NOW });
    const { feedDir } = await makeFeed({ bundles: [first.path], now: NOW });
    const before = await tree(feedDir);
    const second = await makeRelease({ version: '1.0.0', platform: LINUX, createdAt: NOW + 5000 });
    expect(second.digest).toBe(first.digest);
    expect(await makeFeed({ feedDir, bundles: [second.path], now: NOW })).toMatchObject({ changed: false });
    expect(await tree(feedDir)).toEqual(before);
  });

  it('adds a platform to the release that is there', async () => {
    const { feedDir } = await makeFeed({ bundles: [await release('1.0.0')], now: NOW });
    const { head } = await makeFeed({ feedDir, bundles: [await release('1.0.0', ARM)], now: NOW });
    expect(head.seq).toBe(2);
    expect(head.targets.map(({ arch }) => arch)).toEqual(['arm64', 'x64']);
  });

  it('carries the floor and the blocked versions over', async () => {
    const { feedDir } = await makeFeed({
      bundles: [await release('1.0.0')],
      minVersion: '0.9.0',
      blocked: ['0.9.5'],
      now: NOW,
    });
    const { head } = await makeFeed({ feedDir, bundles: [await release('1.1.0')], now: NOW });
    expect(head).toMatchObject({ min_version: '0.9.0', blocked: ['0.9.5'] });
    const unblocked = await makeFeed({ feedDir, bundles: [await release('1.1.0')], blocked: [], now: NOW });
    expect(unblocked.head).not.toHaveProperty('blocked');
    expect(unblocked.head.min_version).toBe('0.9.0');
  });

  it('mends a damaged bundle in the feed', async () => {
    const bundle = await release('1.0.0');
    const { feedDir, head } = await makeFeed({ bundles: [bundle], now: NOW });
    const path = join(feedDir, head.targets[0]?.bundles[0]?.path ?? 'none');
    await writeFile(path, 'broken');
    expect(await makeFeed({ feedDir, bundles: [bundle], now: NOW })).toMatchObject({ changed: false });
    expect(await readFile(path)).toEqual(await readFile(bundle));
  });

  it('never makes two heads of one place after it was interrupted between the two copies', async () => {
    const { dir } = await testKeys();
    const { feedDir } = await makeFeed({ bundles: [await release('1.0.0')], now: NOW });
    const { kid } = await loadSignerFor(dir, 'head-stable');
    const old = await readFile(join(feedDir, 'stable.jws'));
    const bundles = [await release('1.1.0')];
    await makeFeed({ feedDir, bundles, now: NOW });
    const seen = await readFile(join(feedDir, 'by-key', kid, 'stable.jws'));

    await writeFile(join(feedDir, 'stable.jws'), old);
    const finished = await makeFeed({ feedDir, bundles, now: NOW + 1000 });
    expect(finished).toMatchObject({ changed: false, head: { seq: 2 } });
    expect(await readFile(join(feedDir, 'stable.jws'))).toEqual(seen);

    await writeFile(join(feedDir, 'stable.jws'), old);
    const other = await makeFeed({ feedDir, bundles: [await release('1.2.0')], now: NOW });
    const bytes = await readFile(other.path);
    expect(compareHeads({ head: finished.head, bytes: seen }, { head: other.head, bytes })).toBe('newer');
  });
});

describe('publishToFeed refuses, and changes nothing', () => {
  it.each<
    [
      string,
      string,
      () => Promise<{ bundles: string[]; minVersion?: string; blocked?: string[]; expDays?: number }>,
    ]
  >([
    ['a version that goes backwards', 'PUBLISH_REFUSED', async () => ({ bundles: [await release('1.0.0')] })],
    [
      'the same version with other content',
      'PUBLISH_REFUSED',
      async () => {
        const files = [{ path: 'bin/sidecar', source: Buffer.from('other'), mode: 0o755 as const }];
        return { bundles: [(await makeRelease({ version: '1.1.0', platform: LINUX, files })).path] };
      },
    ],
    [
      'mixed versions',
      'PUBLISH_REFUSED',
      async () => ({ bundles: [await release('1.2.0'), await release('1.2.1', ARM)] }),
    ],
    [
      'two bundles for one platform',
      'PUBLISH_REFUSED',
      async () => ({ bundles: [await release('1.2.0'), await release('1.2.0')] }),
    ],
    [
      'an airgap bundle',
      'PUBLISH_REFUSED',
      async () => ({ bundles: [(await makeRelease({ version: '1.2.0', audience: 'airgap' })).path] }),
    ],
    ['no bundle at all', 'PUBLISH_REFUSED', () => Promise.resolve({ bundles: [] })],
    [
      'a floor above the version',
      'PUBLISH_REFUSED',
      async () => ({ bundles: [await release('1.2.0')], minVersion: '1.3.0' }),
    ],
    [
      'a floor that goes backwards',
      'PUBLISH_REFUSED',
      async () => ({ bundles: [await release('1.2.0')], minVersion: '0.8.0' }),
    ],
    [
      'a floor that is no version',
      'PUBLISH_REFUSED',
      async () => ({ bundles: [await release('1.2.0')], minVersion: '1' }),
    ],
    [
      'a version that it blocks',
      'PUBLISH_REFUSED',
      async () => ({ bundles: [await release('1.2.0')], blocked: ['1.2.0'] }),
    ],
    [
      'a life of more than 14 days',
      'PUBLISH_REFUSED',
      async () => ({ bundles: [await release('1.2.0')], expDays: 15 }),
    ],
    [
      'a life of no days',
      'PUBLISH_REFUSED',
      async () => ({ bundles: [await release('1.2.0')], expDays: Number.NaN }),
    ],
    [
      'a bundle of another product',
      'WRONG_PRODUCT',
      async () => ({ bundles: [(await makeRelease({ version: '1.2.0', product: 'x' })).path] }),
    ],
    [
      'a bundle of another publisher',
      'JWS_KEY_UNKNOWN',
      async () => ({ bundles: [(await makeRelease({ version: '1.2.0', keys: await newTestKeys() })).path] }),
    ],
    [
      'a bundle that is not there',
      'BUNDLE_NOT_FOUND',
      () => Promise.resolve({ bundles: ['/nowhere/x.jws'] }),
    ],
  ])('%s, with %s', async (_, code, change) => {
    const { feedDir } = await makeFeed({ bundles: [await release('1.1.0')], minVersion: '0.9.0', now: NOW });
    const before = await tree(feedDir);
    expect(await refusal(makeFeed({ feedDir, now: NOW, ...(await change()) }))).toBe(code);
    expect(await tree(feedDir)).toEqual(before);
  });

  it('the same version with other content, even where the bundle itself is gone', async () => {
    const { feedDir } = await makeFeed({ bundles: [await release('1.1.0')], now: NOW });
    await rm(join(feedDir, 'bundles'), { recursive: true });
    const files = [{ path: 'bin/sidecar', source: Buffer.from('other'), mode: 0o755 as const }];
    const other = await makeRelease({ version: '1.1.0', platform: LINUX, files });
    expect(await refusal(makeFeed({ feedDir, bundles: [other.path], now: NOW }))).toBe('PUBLISH_REFUSED');
  });

  it('the same version with other content than on the other channel', async () => {
    const { feedDir } = await makeFeed({ bundles: [await release('1.1.0')], channel: 'edge', now: NOW });
    const before = await tree(feedDir);
    const files = [{ path: 'bin/sidecar', source: Buffer.from('other'), mode: 0o755 as const }];
    const other = await makeRelease({ version: '1.1.0', platform: LINUX, files });
    expect(await refusal(makeFeed({ feedDir, bundles: [other.path], now: NOW }))).toBe('PUBLISH_REFUSED');
    expect(await tree(feedDir)).toEqual(before);
  });

  it('a signer that clients do not know, or know for something else', async () => {
    const { dir, trust } = await testKeys();
    const strangers = await newTestKeys();
    const options = {
      feedDir: await tempFolder(),
      channel: 'stable',
      bundles: [await release('1.0.0')],
      trust,
    } as const;
    const signed = async (keys: string, purpose: 'head-edge' | 'head-stable' | 'airgap'): Promise<string> =>
      refusal(publishToFeed({ ...options, signer: await loadSignerFor(keys, purpose) }));
    expect(await signed(strangers.dir, 'head-stable')).toBe('JWS_KEY_UNKNOWN');
    expect(await signed(dir, 'head-edge')).toBe('JWS_KEY_NOT_ALLOWED');
    expect(await signed(dir, 'airgap')).toBe('JWS_KEY_NOT_ALLOWED');
    expect(await tree(options.feedDir)).toEqual({});
  });

  it('a feed whose head is not this publisher’s', async () => {
    const { feedDir } = await makeFeed({ bundles: [await release('1.0.0')], now: NOW });
    await cp(join(feedDir, 'stable.jws'), join(feedDir, 'edge.jws'));
    expect(await refusal(makeFeed({ feedDir, channel: 'edge', bundles: [await release('1.1.0')] }))).toBe(
      'PUBLISH_REFUSED',
    );
    await rm(join(feedDir, 'edge.jws'));
    expect(await makeFeed({ feedDir, channel: 'edge', bundles: [await release('1.1.0')] })).toMatchObject({
      changed: true,
    });
  });

  it('a folder that cannot be written', async () => {
    const feedDir = join(await tempFolder(), 'file');
    await writeFile(feedDir, '');
    const code = await refusal(makeFeed({ feedDir, bundles: [await release('1.0.0')] }));
    expect(['PUBLISH_REFUSED', 'WRITE_FAILED']).toContain(code);
  });
});
