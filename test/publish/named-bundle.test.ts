import { beforeAll, describe, expect, it } from 'vitest';
import { checkNamedBundle, sumOf, type NamedBundle } from '../../src/publish/named-bundle.ts';
import { testKeys } from '../fixtures/keys.ts';
import { refusal } from '../fixtures/refusal.ts';
import { makeRelease, tempFolder } from '../fixtures/release.ts';
import { LINUX } from './support/feed-rig.ts';

let feedDir: string;
let feed: NamedBundle;
let airgap: NamedBundle;

beforeAll(async () => {
  feedDir = await tempFolder();
  const make = async (audience: 'feed' | 'airgap'): Promise<NamedBundle> => {
    const path = `${audience}.jws`;
    const out = `${feedDir}/${path}`;
    const { digest } = await makeRelease({ version: '1.1.0', platform: LINUX, audience, out });
    return { path, ...(await sumOf(out)), version: '1.1.0', digest, platform: LINUX };
  };
  feed = await make('feed');
  airgap = await make('airgap');
});

describe('checkNamedBundle', () => {
  const check = async (named: NamedBundle): Promise<void> =>
    checkNamedBundle(feedDir, named, 'stable', { trust: (await testKeys()).trust });

  it('accepts the bundle that is named', async () => {
    await expect(check(feed)).resolves.toBeUndefined();
  });

  it.each<[string, string, string, () => Partial<NamedBundle>]>([
    ['size', 'BUNDLE_NOT_NAMED', 'bytes at feed.jws', () => ({ size: feed.size + 1 })],
    ['SHA-256', 'BUNDLE_NOT_NAMED', 'expected SHA-256', () => ({ sha256: '0'.repeat(64) })],
    ['release digest', 'BUNDLE_NOT_NAMED', 'expected release digest', () => ({ digest: '0'.repeat(64) })],
    ['version', 'BUNDLE_NOT_NAMED', 'expected version 1.1.1', () => ({ version: '1.1.1' })],
    ['processor', 'WRONG_PLATFORM', 'for linux-arm64', () => ({ platform: { ...LINUX, arch: 'arm64' } })],
    ['C library', 'WRONG_PLATFORM', 'for linux-x64-musl', () => ({ platform: { ...LINUX, libc: 'musl' } })],
    ['audience', 'WRONG_AUDIENCE', 'found one for airgap', () => airgap],
    ['base', 'BUNDLE_NOT_NAMED', 'expected a delta from 00', () => ({ base: '0'.repeat(64) })],
    ['path', 'BUNDLE_NOT_FOUND', 'absent.jws', () => ({ path: 'absent.jws' })],
  ])('refuses another %s, with %s', async (_, code, message, change) => {
    const named = { ...feed, ...change() };
    expect(await refusal(check(named))).toBe(code);
    await expect(check(named)).rejects.toThrow(message);
  });
});
