import { cp, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { importTrustSet } from '../../src/bundle/trust-set.ts';
import type { TrustSet } from '../../src/bundle/trust.ts';
import { blockVersions } from '../../src/publish/block.ts';
import { refreshHead } from '../../src/publish/edit-head.ts';
import { publishToFeed } from '../../src/publish/feed.ts';
import { initFeed } from '../../src/publish/init-feed.ts';
import { promoteRelease } from '../../src/publish/promote.ts';
import { setRollout } from '../../src/publish/rollout-head.ts';
import { verifyFeed, type FeedReport } from '../../src/publish/verify-feed.ts';
import { newTestKeys, PRODUCT, testKeys, type TestKeys } from '../fixtures/keys.ts';
import { refusal } from '../fixtures/refusal.ts';
import { makeRelease, tempFolder } from '../fixtures/release.ts';
import { ARM, bundle, DAY, flipByte, headOf, headOptions, HOUR, NOW } from './support/feed-rig.ts';

/** When the sound feed is looked at: stable was promoted a day ago, edge has gone on. */
const LOOK = NOW + 8 * DAY;

let sound: string;
let kids: { edge: string; stable: string };
let strangers: TestKeys;

beforeAll(async () => {
  sound = await tempFolder();
  await initFeed(sound);
  const edge = await headOptions(sound, 'edge', NOW);
  const stable = await headOptions(sound, 'stable', NOW + 7 * DAY);
  kids = { edge: edge.signer.kid, stable: stable.signer.kid };
  const bundles = [await bundle('1.1.0'), await bundle('1.1.0', ARM)];
  await publishToFeed({ ...edge, bundles, stepBundles: [await bundle('1.0.5')] });
  await promoteRelease(stable);
  await publishToFeed({ ...edge, now: NOW + 7 * DAY, bundles: [await bundle('1.2.0')] });
  strangers = await newTestKeys();
});

async function copyOfSound(): Promise<string> {
  const feedDir = join(await tempFolder(), 'feed');
  await cp(sound, feedDir, { recursive: true });
  return feedDir;
}

const verify = async (feedDir: string, now = LOOK, trust?: TrustSet): Promise<FeedReport> =>
  verifyFeed({ feedDir, trust: trust ?? (await testKeys()).trust, now });

const faults = (report: FeedReport): string[] =>
  report.findings
    .filter(({ level }) => level === 'fault')
    .map(({ path, code }) =>
      `${path} ${code ?? '-'}`.replaceAll(kids.edge, 'E').replaceAll(kids.stable, 'S'),
    );

const bundleFile = (version: string, platform = 'linux-x64'): string =>
  `bundles/${PRODUCT}-${version}-${platform}.jws`;

describe('verifyFeed of a feed that is right', () => {
  it('looks at every file, finds no fault, and says when the heads expire', async () => {
    const report = await verify(sound);
    expect(report).toMatchObject({ ok: true, trusted: true });
    expect(report.channels).toEqual([
      { channel: 'edge', version: '1.2.0', expires: new Date(NOW + 14 * DAY).toISOString() },
      { channel: 'stable', version: '1.1.0', expires: new Date(NOW + 14 * DAY).toISOString() },
    ]);
    expect(report.findings.every(({ level }) => level === 'ok')).toBe(true);
    const paths = report.findings.map(({ path }) => path);
    for (const path of ['edge.jws', `by-key/${kids.stable}/stable.jws`, bundleFile('1.0.5')])
      expect(paths).toContain(path);
    expect(report.findings.find(({ path }) => path === 'edge.jws')?.message).toBe(
      '1.2.0, epoch 0, sequence 2, expires in 6 d 0 h, at 2026-06-15T00:00:00.000Z',
    );
  });

  it('warns when a head expires within three days, and from then on it is a fault', async () => {
    const at = async (now: number) => {
      const { ok, trusted, findings } = await verify(sound, now);
      return { ok, trusted, level: findings.find(({ path }) => path === 'stable.jws')?.level };
    };
    expect(await at(NOW + 11 * DAY)).toEqual({ ok: true, trusted: true, level: 'ok' });
    expect(await at(NOW + 11 * DAY + 1)).toEqual({ ok: true, trusted: true, level: 'warning' });
    expect(await at(NOW + 14 * DAY - 1)).toEqual({ ok: true, trusted: true, level: 'warning' });
    expect(await at(NOW + 14 * DAY)).toEqual({ ok: false, trusted: false, level: 'fault' });
    expect(faults(await verify(sound, NOW + 14 * DAY))).toContain('stable.jws HEAD_EXPIRED');
  });
});

describe('verifyFeed finds', () => {
  type Damage = (feedDir: string) => Promise<unknown>;
  const remove =
    (path: () => string): Damage =>
    (feedDir) =>
      rm(join(feedDir, path()), { recursive: true });
  const flip =
    (path: () => string): Damage =>
    (feedDir) =>
      flipByte(join(feedDir, path()));
  const add =
    (path: string): Damage =>
    async (feedDir) => {
      await mkdir(join(feedDir, path, '..'), { recursive: true });
      await writeFile(join(feedDir, path), 'x');
    };

  it.each<[string, Damage, string[], boolean]>([
    ['a head that was changed', flip(() => 'stable.jws'), ['stable.jws JWS_SIGNATURE_INVALID'], false],
    [
      'a head that is cut off',
      (dir) => writeFile(join(dir, 'stable.jws'), 'a.b'),
      ['stable.jws JWS_MALFORMED'],
      false,
    ],
    ['a head that is missing', remove(() => 'stable.jws'), ['stable.jws -'], true],
    [
      'a head of the other channel',
      (dir) => cp(join(dir, 'edge.jws'), join(dir, 'stable.jws')),
      ['stable.jws JWS_KEY_NOT_ALLOWED'],
      false,
    ],
    [
      'a copy by key that was changed',
      flip(() => `by-key/${kids.edge}/edge.jws`),
      ['by-key/E/edge.jws JWS_SIGNATURE_INVALID'],
      false,
    ],
    [
      'a copy by key that is missing',
      remove(() => `by-key/${kids.edge}/edge.jws`),
      ['by-key/E/edge.jws -'],
      true,
    ],
    [
      'a copy by key that is older',
      (dir) => cp(join(dir, 'archive', 'edge-0-1.jws'), join(dir, 'by-key', kids.edge, 'edge.jws')),
      ['by-key/E/edge.jws HEAD_EXPIRED'],
      false,
    ],
    [
      'a main head that is older than its copy',
      (dir) => cp(join(dir, 'archive', 'edge-0-1.jws'), join(dir, 'edge.jws')),
      ['edge.jws HEAD_EXPIRED'],
      false,
    ],
    [
      'a copy under another key',
      async (dir) => {
        await mkdir(join(dir, 'by-key', strangers.trustContent.keys[0]!.kid));
        await cp(join(dir, 'edge.jws'), join(dir, 'by-key', strangers.trustContent.keys[0]!.kid, 'edge.jws'));
      },
      ['by-key/X/edge.jws JWS_KEY_NOT_ALLOWED'],
      false,
    ],
    [
      'a bundle that was changed',
      flip(() => bundleFile('1.2.0')),
      [`${bundleFile('1.2.0')} BUNDLE_NOT_NAMED`],
      false,
    ],
    [
      'a bundle that is missing',
      remove(() => bundleFile('1.2.0')),
      [`${bundleFile('1.2.0')} BUNDLE_NOT_FOUND`],
      true,
    ],
    [
      'a bundle of another length',
      (dir) => writeFile(join(dir, bundleFile('1.1.0')), 'x'),
      [`${bundleFile('1.1.0')} BUNDLE_NOT_NAMED`],
      false,
    ],
    [
      'a bundle in another’s place',
      (dir) => cp(join(dir, bundleFile('1.1.0')), join(dir, bundleFile('1.2.0'))),
      [`${bundleFile('1.2.0')} BUNDLE_NOT_NAMED`],
      false,
    ],
    [
      'a step’s bundle that was changed',
      flip(() => bundleFile('1.0.5')),
      [`${bundleFile('1.0.5')} BUNDLE_NOT_NAMED`],
      false,
    ],
    [
      'an old bundle under another name',
      (dir) => cp(join(dir, bundleFile('1.1.0')), join(dir, bundleFile('0.9.0'))),
      [`${bundleFile('0.9.0')} BUNDLE_NOT_NAMED`],
      false,
    ],
    ['what is no bundle', add('bundles/notes.txt'), ['bundles/notes.txt JWS_MALFORMED'], false],
    [
      'an edge head that is missing in the archive',
      remove(() => 'archive/edge-0-2.jws'),
      ['archive/edge-0-2.jws -'],
      true,
    ],
    [
      'an archived head that was changed',
      flip(() => 'archive/edge-0-1.jws'),
      ['archive/edge-0-1.jws JWS_SIGNATURE_INVALID'],
      false,
    ],
    [
      'an archived head under another place',
      (dir) => rename(join(dir, 'archive', 'edge-0-1.jws'), join(dir, 'archive', 'edge-0-9.jws')),
      ['archive/edge-0-9.jws HEAD_INVALID'],
      false,
    ],
    ['a stray file', add('index.html'), ['index.html -'], true],
    ['a stray file among the keys', add('by-key/x/manual.jws'), ['by-key/x/manual.jws -'], true],
    ['a private key', add('head-edge.pem'), ['head-edge.pem -'], true],
    ['a link', (dir) => symlink('/etc/passwd', join(dir, 'passwd')), ['passwd -'], true],
    [
      'a feed without heads',
      async (dir) => {
        for (const path of ['edge.jws', 'stable.jws', 'by-key'])
          await rm(join(dir, path), { recursive: true });
      },
      ['. -'],
      true,
    ],
  ])('%s', async (_, damage, expected, trusted) => {
    const feedDir = await copyOfSound();
    await damage(feedDir);
    const report = await verify(feedDir);
    const stranger = strangers.trustContent.keys[0]!.kid;
    const found = faults(report).map((fault) => fault.replaceAll(stranger, 'X'));
    for (const fault of expected) expect(found).toContain(fault);
    expect(report).toMatchObject({ ok: false, trusted });
  });

  it('two heads of one place', async () => {
    const feedDir = await copyOfSound();
    const other = await tempFolder();
    await publishToFeed({ ...(await headOptions(other, 'edge', NOW)), bundles: [await bundle('1.0.0')] });
    await publishToFeed({ ...(await headOptions(other, 'edge', LOOK)), bundles: [await bundle('1.2.0')] });
    await cp(join(other, 'edge.jws'), join(feedDir, 'edge.jws'));
    expect(faults(await verify(feedDir))).toEqual([
      'by-key/E/edge.jws HEAD_EQUIVOCATION',
      'archive/edge-0-2.jws -',
    ]);
  });

  it('a main head that is older than its copy, though both are good', async () => {
    const feedDir = await copyOfSound();
    const old = await readFile(join(feedDir, 'edge.jws'));
    await refreshHead(await headOptions(feedDir, 'edge', LOOK));
    await writeFile(join(feedDir, 'edge.jws'), old);
    expect(faults(await verify(feedDir))).toEqual(['by-key/E/edge.jws HEAD_STALE']);
  });

  it('a copy by key that was left behind', async () => {
    const feedDir = await copyOfSound();
    const { trustContent } = await testKeys();
    const keys = [...trustContent.keys, ...strangers.trustContent.keys];
    const trust = importTrustSet({ ...trustContent, keys });
    const both = await headOptions(feedDir, 'edge', LOOK, [strangers, await testKeys()], trust);
    await refreshHead(both);
    expect(faults(await verify(feedDir, LOOK, trust))).toEqual([]);
    await blockVersions({ ...both, olderSigners: [], versions: ['1.1.5'] });
    expect(faults(await verify(feedDir, LOOK, trust))).toEqual(['by-key/E/edge.jws HEAD_STALE']);
    const alone = await headOptions(feedDir, 'edge', LOOK, [await testKeys()], trust);
    await blockVersions({ ...alone, versions: ['1.1.5'] });
    // Main is the strangers’ no more; what is left is theirs, and says the same but for its place.
    expect(faults(await verify(feedDir, LOOK, trust))).toEqual([]);
  });

  it('another offer for an older key, but for groups, which daemons that know no newer key do not know', async () => {
    const feedDir = await copyOfSound();
    const { trustContent } = await testKeys();
    const keys = [...trustContent.keys, ...strangers.trustContent.keys];
    const trust = importTrustSet({ ...trustContent, keys });
    const both = await headOptions(feedDir, 'edge', LOOK, [strangers, await testKeys()], trust);
    const line = (percent: number, group?: string) => ({ kind: 'line', group, wish: { percent } }) as const;
    await setRollout({ ...both, change: line(100, 'canary') });
    await setRollout({ ...both, change: line(5), shrink: true });
    expect(faults(await verify(feedDir, LOOK, trust))).toEqual([]);
    const main = await headOf(feedDir, 'edge', LOOK, { trust });
    const { kid } = (await headOptions(feedDir, 'edge', LOOK)).signer;
    const older = await headOf(feedDir, 'edge', LOOK, { trust, kid });
    expect(main.rollout).toMatchObject({ percent: 5, groups: { canary: { percent: 100 } } });
    expect(older.rollout).toEqual({ start: LOOK / 1000, percent: 5 });
    await setRollout({ ...both, olderSigners: [], change: line(10) });
    expect(faults(await verify(feedDir, LOOK, trust))).toEqual(['by-key/E/edge.jws HEAD_STALE']);
  });

  it('a stable head without its bake, too early, or with one for something else', async () => {
    const feedDir = await copyOfSound();
    const stable = await headOptions(feedDir, 'stable', LOOK);
    const edge = async (): Promise<string> => readFile(join(feedDir, 'edge.jws'), 'latin1');
    const publish = async (version: string, bake?: string): Promise<string[]> => {
      await publishToFeed({ ...stable, bundles: [await bundle(version)], bake });
      return faults(await verify(feedDir)).map((fault) => fault.split(' ')[1] ?? '');
    };
    expect(new Set(await publish('1.1.9'))).toEqual(new Set(['BAKE_MISSING']));
    expect(new Set(await publish('1.2.0', await edge()))).toEqual(new Set(['BAKE_TOO_SHORT']));
    expect(new Set(await publish('1.2.1', await edge()))).toEqual(new Set(['BAKE_INVALID']));
    // No exception helps a bake that is wrong.
    const security = { reason: 'CVE-2026-0001', at: LOOK / 1000 };
    await publishToFeed({ ...stable, bundles: [await bundle('1.2.1')], security });
    expect(faults(await verify(feedDir))[0]).toBe('stable.jws BAKE_INVALID');
  });

  it('warns of a security exception, of a head that blocks itself, and of what a crash left', async () => {
    const feedDir = await copyOfSound();
    await promoteRelease({ ...(await headOptions(feedDir, 'stable', LOOK)), security: 'CVE-2026-0001' });
    await blockVersions({ ...(await headOptions(feedDir, 'edge', LOOK)), versions: ['1.2.0'] });
    await writeFile(join(feedDir, '.edge.jws.abcdef.tmp'), 'x');
    const report = await verify(feedDir);
    expect(report).toMatchObject({ ok: true });
    const warned = report.findings.filter(({ level }) => level === 'warning').map(({ path }) => path);
    expect(new Set(warned)).toEqual(
      new Set([
        'edge.jws',
        `by-key/${kids.edge}/edge.jws`,
        'stable.jws',
        `by-key/${kids.stable}/stable.jws`,
        '.edge.jws.abcdef.tmp',
      ]),
    );
  });

  it('bundles of a retired key: a warning when no head names them, else a fault', async () => {
    const feedDir = await copyOfSound();
    const { trustContent } = await testKeys();
    const head = trustContent.keys.filter(({ use }) => use === 'head');
    const trust = importTrustSet({ ...trustContent, keys: [...head, ...strangers.trustContent.keys] });
    const old = await makeRelease({ version: '0.1.0', keys: await testKeys(), platform: ARM });
    await cp(old.path, join(feedDir, bundleFile('0.1.0', 'linux-arm64-musl')));
    const report = await verify(feedDir, LOOK, trust);
    expect(faults(report)).toContain(`${bundleFile('1.2.0')} JWS_KEY_UNKNOWN`);
    const found = report.findings.find(({ path }) => path.includes('0.1.0'));
    expect(found?.level).toBe('warning');
  });

  it('nothing in a folder that is not there', async () => {
    expect(await refusal(verify('/nowhere/feed'))).toBe('FEED_UNREACHABLE');
  });

  it('only its own end when it is cancelled', async () => {
    const { trust } = await testKeys();
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(verifyFeed({ feedDir: sound, trust, now: LOOK, signal })).rejects.toThrow('enough');
  });
});

describe('initFeed', () => {
  it('makes the folders once, and touches nothing that is there', async () => {
    const feedDir = join(await tempFolder(), 'a', 'feed');
    expect(await initFeed(feedDir)).toEqual({ feedDir, changed: true });
    await writeFile(join(feedDir, 'README.md'), 'mine');
    expect(await initFeed(feedDir)).toEqual({ feedDir, changed: false });
    expect(await readFile(join(feedDir, 'README.md'), 'utf8')).toBe('mine');
    await publishToFeed({ ...(await headOptions(feedDir, 'edge', NOW)), bundles: [await bundle('1.1.0')] });
    expect((await headOf(feedDir, 'edge', NOW + HOUR)).version).toBe('1.1.0');
    expect(await verify(feedDir, NOW)).toMatchObject({ ok: true });
    expect(await refusal(initFeed(join(feedDir, 'README.md')))).toBe('WRITE_FAILED');
  });
});
