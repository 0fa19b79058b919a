import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Settings } from '../../src/services/settings.ts';
import { verify } from '../../src/services/verify.ts';
import { UpdateError } from '../../src/errors.ts';
import type { Downloaded, FeedChannel, Offer, Platform, Verified } from '../../src/types.ts';
import { archive, forge, manifestOf, membersOf, packed, type Packed } from '../fixtures/forge.ts';
import { testKeys } from '../fixtures/keys.ts';
import { noise } from '../fixtures/noise.ts';
import { refusal } from '../fixtures/refusal.ts';
import { makeRelease } from '../fixtures/release.ts';
import { attempt, digestOf } from '../machines/values.ts';
import { bakeOf, signedHead, trustingRig } from './head-fixture.ts';
import { DAY_MS, install, NEVER, NOW, SETTINGS, type Rig } from './rig.ts';

interface Bundle {
  readonly bytes: Buffer;
  readonly version: string;
  readonly digest: string;
}

const LINUX: Platform = { os: 'linux', arch: 'x64' };
const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A right bundle, by the publisher's own tool. */
async function bundle(options: Partial<Parameters<typeof makeRelease>[0]> = {}): Promise<Bundle> {
  const { path, digest, manifest } = await makeRelease({ version: '1.1.0', platform: LINUX, ...options });
  return { bytes: await readFile(path), digest, version: manifest.version };
}

/** A bundle that is signed, and wrong inside. */
async function crafted(
  files: readonly Packed[],
  manifest = manifestOf(files, { version: '1.1.0' }),
): Promise<Bundle> {
  return {
    bytes: await forge({ purpose: 'bundle', payload: await archive(membersOf(files, manifest)) }),
    version: '1.1.0',
    digest: digestOf('a'),
  };
}

const FILE = 'x.jws';
/** Puts a bundle into `downloads/` as `download` does. */
function bring(rig: Rig, { bytes }: Pick<Bundle, 'bytes'>): Downloaded {
  rig.downloads.files.set(FILE, bytes);
  return { file: FILE, size: bytes.length, sha256: sha(bytes) };
}
const offered = ({ bytes, version, digest }: Bundle, channel: FeedChannel = 'stable'): Offer => ({
  source: { kind: 'feed', path: 'bundles/x.jws', size: bytes.length, sha256: sha(bytes) },
  release: { version, digest },
  channel,
});
const LOCAL: Offer = { source: { kind: 'file', path: '/media/x.jws' }, release: null, channel: null };

const judge = (
  rig: Rig,
  it: Bundle,
  offer: Offer = offered(it),
  signal = NEVER,
  settings: Partial<Settings> = {},
): Promise<Verified> =>
  verify(rig, { ...SETTINGS, ...settings })(
    { attempt: attempt(), offer, downloaded: bring(rig, it) },
    signal,
  );

let right: Bundle;
let airgap: Bundle;
beforeAll(async () => {
  right = await bundle();
  airgap = await bundle({ audience: 'airgap' });
});
let rig: Rig;
beforeEach(async () => {
  rig = await trustingRig();
  await rig.store.activate(install(rig, '1.0.0'));
});

const flipped = (it: Bundle, at: number): Bundle => {
  const bytes = Buffer.from(it.bytes);
  bytes[at] = bytes[at] === 0x41 ? 0x42 : 0x41;
  return { ...it, bytes };
};

describe('a right bundle', () => {
  it('is unpacked beside, and says what it is', async () => {
    const verified = await judge(rig, right);
    expect(verified).toMatchObject({
      release: { version: '1.1.0', digest: right.digest },
      manifest: { version: '1.1.0', entrypoint: 'bin/sidecar' },
      unpacked: 'unpacked',
    });
    expect(rig.host.trust.keys.get(verified.kid)).toMatchObject({ use: 'bundle', alg: 'RS256' });
    expect(rig.downloads.folders.get('unpacked')?.get('bin/sidecar')?.mode).toBe(0o755);
  });

  it('is for edge as well as for stable', async () => {
    expect(await judge(rig, right, offered(right, 'edge'))).toMatchObject({ unpacked: 'unpacked' });
  });

  it('is not unpacked when this very release runs already', async () => {
    await rig.store.stage('unpacked', (await judge(rig, right)).manifest, right.digest, NEVER);
    await rig.store.activate({ origin: 'store', version: '1.1.0', digest: right.digest });
    expect(await judge(rig, right)).toMatchObject({ release: { version: '1.1.0' }, unpacked: null });
    expect(rig.downloads.folders.size).toBe(0);
  });

  it('comes from a file when it is for air-gapped hosts', async () => {
    expect(await judge(rig, airgap, LOCAL)).toMatchObject({
      release: { digest: airgap.digest },
      unpacked: 'unpacked',
    });
  });

  it.each(['stable', 'edge'] as const)(
    'comes from a file when the stored %s head names it',
    async (channel) => {
      const target = {
        ...LINUX,
        release_digest: right.digest,
        bundles: [{ path: 'x', size: 1, sha256: sha(right.bytes) }],
      };
      await rig.heads.write(channel, await signedHead({ targets: [target], version: '1.1.0' }, channel));
      expect(await judge(rig, right, LOCAL)).toMatchObject({ unpacked: 'unpacked' });
    },
  );
});

describe('a feed’s bundle from a file, which the stored stable head names', () => {
  const naming = (digest = right.digest) => ({
    version: '1.1.0',
    targets: [
      {
        ...LINUX,
        release_digest: digest,
        bundles: [{ path: 'x', size: 1, sha256: sha(right.bytes) }],
      },
    ],
  });
  const store = async (change: Parameters<typeof signedHead>[0], at = NOW): Promise<void> =>
    rig.heads.write('stable', await signedHead({ ...naming(), ...change }, 'stable', at));
  const SECURITY = { security: { reason: 'CVE-1', at: NOW / 1000 } };

  it('must have baked', async () => {
    await store({ bake: undefined });
    expect(await refusal(judge(rig, right, LOCAL))).toBe('BAKE_MISSING');
    await store({ bake: await bakeOf(naming(digestOf('e'))) });
    expect(await refusal(judge(rig, right, LOCAL))).toBe('BAKE_INVALID');
    await store({ bake: await bakeOf(naming(), NOW, 6) });
    expect(await refusal(judge(rig, right, LOCAL))).toBe('BAKE_TOO_SHORT');
    expect(await rig.journal.refusal(sha(right.bytes))).toBeNull();
  });

  it('need not where the operator allows the publisher’s exception, loudly', async () => {
    await store({ bake: undefined, ...SECURITY });
    expect(await refusal(judge(rig, right, LOCAL))).toBe('BAKE_MISSING');
    const verified = await judge(rig, right, LOCAL, NEVER, { allowSecurityOverride: true });
    expect(verified).toMatchObject({ unpacked: 'unpacked', note: 'security override: CVE-1' });
    expect(rig.reporter.warnings()).toMatchObject([{ code: 'BAKE_MISSING' }]);
  });

  it('must be the release that the head names', async () => {
    await store({ version: '1.1.1' });
    expect(await refusal(judge(rig, right, LOCAL))).toBe('BUNDLE_NOT_NAMED');
    await store(naming(digestOf('e')));
    expect(await refusal(judge(rig, right, LOCAL))).toBe('BUNDLE_NOT_NAMED');
  });

  it('may be a step on the way', async () => {
    const newest = [
      { ...LINUX, release_digest: digestOf('3'), bundles: [{ path: 'y', size: 1, sha256: digestOf('3') }] },
    ];
    await store({ version: '3.0.0', targets: newest, steps: [naming()] });
    expect(await judge(rig, right, LOCAL)).toMatchObject({ release: { version: '1.1.0' } });
  });

  it('does not wait for a rollout or for update.min_age: it was given', async () => {
    await store({ rollout: { start: NOW / 1000, percent: 0 } });
    expect(await judge(rig, right, LOCAL, NEVER, { minAgeMs: DAY_MS })).toMatchObject({
      unpacked: 'unpacked',
    });
  });

  it('waits for the clock to be set, since a clock that was set back makes old heads new', async () => {
    await store({}, NOW + 400_000);
    expect(await refusal(judge(rig, right, LOCAL))).toBe('CLOCK_BEHIND');
  });
});

describe('a key that has ended', () => {
  const ending = (at: number, change: Partial<Rig['host']> = {}): Rig => ({
    ...rig,
    host: {
      ...rig.host,
      ...change,
      trust: {
        ...rig.host.trust,
        keys: new Map(
          [...rig.host.trust.keys].map(([kid, key]) => [
            kid,
            key.use === 'bundle' ? { ...key, notAfter: at } : key,
          ]),
        ),
      },
    },
  });
  let dated: (audience: 'feed' | 'airgap') => Promise<Bundle>;
  beforeEach(() => {
    dated = (audience) => bundle({ audience, createdAt: NOW - 10 * DAY_MS });
  });

  it('lets in no bundle from a file, however it is dated', async () => {
    const it_ = await dated('airgap');
    expect(await judge(ending(NOW), it_, LOCAL)).toMatchObject({ unpacked: 'unpacked' });
    expect(await refusal(judge(ending(NOW - 1), it_, LOCAL))).toBe('JWS_KEY_NOT_ALLOWED');
  });

  it('gets no second life from a clock that was set back', async () => {
    const it_ = await dated('airgap');
    expect(await refusal(judge(ending(NOW, { builtFrom: NOW + 1 }), it_, LOCAL))).toBe('JWS_KEY_NOT_ALLOWED');
    await rig.heads.write('edge', await signedHead({}, 'edge', NOW + 1000));
    expect(await refusal(judge(ending(NOW), it_, LOCAL))).toBe('JWS_KEY_NOT_ALLOWED');
  });

  it('may have signed a bundle from a feed before its end: the head vouches for it', async () => {
    const it_ = await dated('feed');
    expect(await judge(ending(NOW - DAY_MS), it_)).toMatchObject({ unpacked: 'unpacked' });
    expect(await refusal(judge(ending(NOW - 11 * DAY_MS), it_))).toBe('JWS_KEY_NOT_ALLOWED');
  });
});

describe('the order', () => {
  it('judges the signature before anything in the payload', async () => {
    const broken = await crafted(
      [packed('run', Buffer.from('x'), { sha256: digestOf('0') })],
      Buffer.from('{'),
    );
    expect(await refusal(judge(rig, broken))).toBe('JSON_INVALID');
    expect(await refusal(judge(rig, flipped(broken, broken.bytes.length - 10)))).toBe(
      'JWS_SIGNATURE_INVALID',
    );
  });

  it('judges the signature before the sum that the head names', async () => {
    expect(await refusal(judge(rig, flipped(right, 2000), offered(right)))).toBe('JWS_SIGNATURE_INVALID');
    expect(await refusal(judge(rig, right, offered(airgap)))).toBe('BUNDLE_CHECKSUM_MISMATCH');
  });

  it('judges whom it is for before the manifest is read', async () => {
    const broken = await forge({
      purpose: 'airgap',
      payload: await archive(membersOf([packed('run', Buffer.from('x'))], Buffer.from('{'))),
    });
    const it_ = { bytes: broken, version: '1.1.0', digest: digestOf('a') };
    expect(await refusal(judge(rig, it_))).toBe('WRONG_AUDIENCE');
    expect(await refusal(judge(rig, it_, LOCAL))).toBe('JSON_INVALID');
  });

  it('judges the manifest before any file is unpacked', async () => {
    const broken = await bundle({
      version: '0.9.5',
      files: [{ path: 'bin/sidecar', source: Buffer.from('x'), mode: 0o755 }],
    });
    expect(await refusal(judge(rig, broken))).toBe('VERSION_TOO_LOW');
    expect(rig.downloads.folders.size).toBe(0);
  });

  it('leaves nothing unpacked of a bundle with one wrong file', async () => {
    const files = [
      packed('run', Buffer.from('right')),
      packed('lib', Buffer.from('wrong'), { sha256: digestOf('0') }),
    ];
    const it_ = await crafted(files);
    expect(await refusal(judge(rig, it_, { ...offered(it_), release: null }))).toBe(
      'BUNDLE_CHECKSUM_MISMATCH',
    );
    expect(rig.downloads.folders.size).toBe(0);
    expect(rig.store.versions.has('1.1.0')).toBe(false);
  });
});

describe('what is refused', () => {
  it('is an airgap bundle from a feed, whatever the head says', async () => {
    await expect(judge(rig, airgap)).rejects.toMatchObject({
      code: 'WRONG_AUDIENCE',
      message: 'expected a bundle for stable, found one for airgap',
    });
  });

  it('is a bundle from a feed of no channel', async () => {
    await expect(judge(rig, right, { ...offered(right), channel: null })).rejects.toMatchObject({
      code: 'WRONG_AUDIENCE',
      message: 'expected a bundle for a channel, found one for stable, edge',
    });
  });

  it('is other bytes than those that the head names', async () => {
    await expect(judge(rig, right, offered(airgap))).rejects.toThrow(
      `expected a bundle with SHA-256 ${sha(airgap.bytes)}, as the head says; found ${sha(right.bytes)}`,
    );
  });

  it('is a feed’s bundle from a file that no head names', async () => {
    await expect(judge(rig, right, LOCAL)).rejects.toMatchObject({
      code: 'BUNDLE_NOT_NAMED',
      message:
        'expected an airgap bundle, or one that the stored head names; found one for stable, edge that no stored, unexpired head names',
    });
  });

  it('is a feed’s bundle from a file when the stored heads name other ones only', async () => {
    await rig.heads.write('stable', await signedHead({ version: '1.1.0' }));
    await rig.heads.write('edge', await signedHead({ version: '1.1.0' }, 'edge'));
    expect(await refusal(judge(rig, right, LOCAL))).toBe('BUNDLE_NOT_NAMED');
    expect(rig.downloads.folders.size).toBe(0);
  });

  it('is a feed’s bundle of the right release from a file once the head that names it has expired', async () => {
    const target = {
      ...LINUX,
      release_digest: right.digest,
      bundles: [{ path: 'x', size: 1, sha256: sha(right.bytes) }],
    };
    const named = { targets: [target], version: '1.1.0' };
    await rig.heads.write('edge', await signedHead(named, 'edge', NOW - 60 * DAY_MS));
    expect(await refusal(judge(rig, right, LOCAL))).toBe('BUNDLE_NOT_NAMED');
    await rig.heads.write('edge', await signedHead(named, 'edge'));
    expect(await judge(rig, right, LOCAL)).not.toHaveProperty('note');
  });

  it('is a feed’s bundle from a file that only an expired head names', async () => {
    const target = {
      ...LINUX,
      release_digest: right.digest,
      bundles: [{ path: 'x', size: 1, sha256: sha(right.bytes) }],
    };
    await rig.heads.write('stable', await signedHead({ targets: [target] }, 'stable', NOW - 30 * DAY_MS));
    expect(await refusal(judge(rig, right, LOCAL))).toBe('BUNDLE_NOT_NAMED');
  });

  it('is another product', async () => {
    await expect(judge(rig, await bundle({ product: 'other' }))).rejects.toMatchObject({
      code: 'WRONG_PRODUCT',
      message: `expected a bundle of ${rig.host.product}, found one of other`,
    });
  });

  it.each<[string, Platform]>([
    ['another machine', { os: 'linux', arch: 'arm64' }],
    ['another system', { os: 'darwin', arch: 'x64' }],
    ['another C library', { os: 'linux', arch: 'x64', libc: 'musl' }],
  ])('is a bundle for %s', async (_, platform) => {
    await expect(judge(rig, await bundle({ platform }))).rejects.toMatchObject({
      code: 'WRONG_PLATFORM',
      message: `expected a bundle for linux/x64/glibc, found one for ${Object.values(platform).join('/')}`,
    });
  });

  it('is not a bundle that names the very C library of this host', async () => {
    const glibc = await bundle({ platform: { ...LINUX, libc: 'glibc' } });
    expect(await judge(rig, glibc)).toMatchObject({ unpacked: 'unpacked' });
  });

  it('is not another version with the files of the one that runs: it is installed under its own name', async () => {
    const current = rig.store.versions.get('1.0.0')!;
    rig.store.versions.set('1.0.0', { ...current, digest: right.digest });
    expect(await judge(rig, right)).toMatchObject({ release: { version: '1.1.0' }, unpacked: 'unpacked' });
  });

  it('is a release that needs a newer updater', async () => {
    const picky = await bundle({ minUpdater: '1.0.1' });
    await expect(judge(rig, picky)).rejects.toMatchObject({
      code: 'UPDATER_TOO_OLD',
      message: 'expected an updater of version 1.0.1 or later, found 1.0.0',
    });
    const newer = await trustingRig({ host: { updaterVersion: '1.0.1' } });
    expect(await judge(newer, picky)).toMatchObject({ unpacked: 'unpacked' });
  });

  it.each(['1.0.0', '0.9.9'])('is %s while 1.0.0 runs', async (version) => {
    expect(await refusal(judge(rig, await bundle({ version, audience: 'airgap' }), LOCAL))).toBe(
      'VERSION_TOO_LOW',
    );
  });

  it('is a version that a stored head blocks, or that is under its floor, from a file too', async () => {
    await rig.heads.write('stable', await signedHead({ blocked: ['1.1.0'], version: '1.2.0' }));
    expect(await refusal(judge(rig, airgap, LOCAL))).toBe('VERSION_BLOCKED');
    await rig.heads.write('stable', await signedHead({ min_version: '1.1.1', version: '1.2.0', seq: 2 }));
    expect(await refusal(judge(rig, airgap, LOCAL))).toBe('VERSION_TOO_LOW');
  });

  it('is a release that failed here', async () => {
    const reason = { code: 'PROBE_TIMEOUT', message: 'HTTP 500' } as const;
    await rig.quarantine.add({
      digest: airgap.digest,
      version: '1.1.0',
      at: NOW,
      attempt: 'a',
      reason,
      evidence: [],
    });
    expect(await refusal(judge(rig, airgap, LOCAL))).toBe('RELEASE_QUARANTINED');
  });

  it.each([
    ['another release digest', { version: '1.1.0', digest: digestOf('f') }],
    ['another version', { version: '1.1.1', digest: '' }],
  ])('is a bundle that is not the head’s release: %s', async (_, named) => {
    const release = { version: named.version, digest: named.digest === '' ? right.digest : named.digest };
    const short = (digest: string): string => digest.slice(0, 12);
    await expect(judge(rig, right, { ...offered(right), release })).rejects.toMatchObject({
      code: 'BUNDLE_NOT_NAMED',
      message: `expected release ${release.version} (${short(release.digest)}), as the head says; found 1.1.0 (${short(right.digest)})`,
    });
  });
});

describe('what is done with refused bytes', () => {
  it('they are deleted and remembered', async () => {
    const bad = flipped(right, 2000);
    await refusal(judge(rig, bad));
    expect(rig.downloads.files.size).toBe(0);
    expect(await rig.journal.refusal(sha(bad.bytes))).toMatchObject({
      code: 'JWS_SIGNATURE_INVALID',
      count: 1,
    });
  });

  it('they are remembered by the name that the head has for them, or the next check would fetch them at once', async () => {
    await refusal(judge(rig, flipped(right, 2000), offered(right)));
    await refusal(judge(rig, flipped(right, 2000), offered(right)));
    expect(await rig.journal.refusal(sha(right.bytes))).toMatchObject({
      code: 'JWS_SIGNATURE_INVALID',
      count: 2,
    });
  });

  it('those of a local file are remembered by their own sum', async () => {
    const bad = flipped(airgap, 2000);
    await refusal(judge(rig, bad, LOCAL));
    expect(await rig.journal.refusal(sha(bad.bytes))).toMatchObject({ count: 1 });
  });

  it('bytes that may be right another day are deleted, but not held against them', async () => {
    await refusal(judge(rig, right, LOCAL));
    expect(rig.downloads.files.size).toBe(0);
    expect(await rig.journal.refusal(sha(right.bytes))).toBeNull();
  });

  it('bytes of a release that failed here are no refused bytes', async () => {
    const reason = { code: 'PROBE_TIMEOUT', message: 'HTTP 500' } as const;
    await rig.quarantine.add({
      digest: right.digest,
      version: '1.1.0',
      at: NOW,
      attempt: 'a',
      reason,
      evidence: [],
    });
    await refusal(judge(rig, right));
    expect(await rig.journal.refusal(sha(right.bytes))).toBeNull();
  });

  it('a full disk is not their fault: they stay', async () => {
    const small = await trustingRig({ freeBytes: 1 });
    await expect(judge(small, right)).rejects.toMatchObject({
      code: 'DISK_FULL',
      message: expect.stringContaining('to unpack 1.1.0'),
    });
    expect([...small.downloads.files.keys()]).toEqual([FILE]);
    expect(small.downloads.folders.size).toBe(0);
    expect(await small.journal.refusal(sha(right.bytes))).toBeNull();
  });

  it('a cancelled verification keeps the bundle and nothing half-unpacked', async () => {
    expect(await refusal(judge(rig, right, offered(right), AbortSignal.abort()))).toBe('CANCELLED');
    expect([...rig.downloads.files.keys()]).toEqual([FILE]);
  });

  it('a journal that cannot be written does not hide why they were refused', async () => {
    rig.journal.refuse = () => Promise.reject(new UpdateError('JOURNAL_WRITE_FAILED', 'read-only'));
    expect(await refusal(judge(rig, flipped(right, 2000)))).toBe('JWS_SIGNATURE_INVALID');
    expect(rig.reporter.warnings()).toEqual([{ code: 'JOURNAL_WRITE_FAILED', message: 'read-only' }]);
  });
});

describe('a delta', () => {
  const fileOf = (version: string, text: string) => ({
    path: 'bin/sidecar',
    source: Buffer.from(`${noise(40_000).toString('latin1')}${text}${version}`),
    mode: 0o755 as const,
  });
  interface DeltaBundle extends Bundle {
    readonly base: string;
  }
  let old: Bundle;
  let delta: DeltaBundle;
  let local: DeltaBundle;
  let deltaFrom: (base: string, change?: Partial<Parameters<typeof makeRelease>[0]>) => Promise<Bundle>;
  beforeAll(async () => {
    const { trust } = await testKeys();
    const from = await makeRelease({ version: '1.0.1', platform: LINUX, files: [fileOf('1.0.1', 'x')] });
    old = { bytes: await readFile(from.path), version: '1.0.1', digest: from.digest };
    deltaFrom = (path, change = {}) =>
      bundle({ files: [fileOf('1.1.0', 'x')], base: { bundle: path, trust }, ...change });
    delta = { ...(await deltaFrom(from.path)), base: from.digest };
    local = { ...(await deltaFrom(from.path, { audience: 'airgap' })), base: from.digest };
  });
  /** Installs the base beside what runs: it need not be current. */
  beforeEach(async () => {
    const { manifest } = await judge(rig, old);
    await rig.store.stage('unpacked', manifest, old.digest, NEVER);
  });
  const byDelta = (it: Bundle, digest = old.digest): Offer => ({
    ...offered(it),
    source: {
      ...(offered(it).source as Extract<Offer['source'], { kind: 'feed' }>),
      base: { version: '1.0.1', digest },
    },
  });
  const damageBase = (): void => {
    rig.store.versions.get('1.0.1')!.files.get('bin/sidecar')!.bytes = Buffer.alloc(40_000);
  };

  it('gives the files of its release', async () => {
    const verified = await judge(rig, delta, byDelta(delta));
    expect(verified).toMatchObject({
      release: { version: '1.1.0', digest: delta.digest },
      unpacked: 'unpacked',
    });
    const made = Buffer.from(rig.downloads.folders.get('unpacked')!.get('bin/sidecar')!.bytes);
    expect(made.equals(fileOf('1.1.0', 'x').source)).toBe(true);
    expect(delta.bytes.length).toBeLessThan(8_000);
  });

  it('serves as base of the next, and that of the one after it', async () => {
    const { trust } = await testKeys();
    const versions = ['1.0.1', '1.1.0', '1.2.0', '1.3.0'];
    const full = await Promise.all(
      versions.map((version) => makeRelease({ version, platform: LINUX, files: [fileOf(version, 'x')] })),
    );
    for (const [index, version] of versions.entries()) {
      const before = full[index - 1];
      if (before === undefined) continue;
      const next = await bundle({
        version,
        files: [fileOf(version, 'x')],
        base: { bundle: before.path, trust },
      });
      const { manifest, release } = await judge(rig, next, byDelta(next, before.digest));
      expect(release.digest).toBe(full[index]!.digest);
      await rig.store.stage('unpacked', manifest, release.digest, NEVER);
      // Only the last one is left: the next delta has nothing else to start from.
      rig.store.versions.delete(before.manifest.version);
    }
    expect([...rig.store.versions.keys()].sort()).toEqual(['1.0.0', '1.3.0']);
  });

  it('comes from a file, for air-gapped hosts', async () => {
    expect(await judge(rig, local, LOCAL)).toMatchObject({ release: { digest: delta.digest } });
  });

  it('comes from a file when a stored head names it as that delta', async () => {
    const naming = async (base?: string): Promise<void> => {
      const named = { path: 'd', size: 1, sha256: sha(delta.bytes), ...(base === undefined ? {} : { base }) };
      const bundles = base === undefined ? [named] : [{ path: 'x', size: 1, sha256: digestOf('7') }, named];
      const targets = [{ ...LINUX, release_digest: delta.digest, bundles }];
      await rig.heads.write('edge', await signedHead({ targets, version: '1.1.0' }, 'edge'));
    };
    await naming(old.digest);
    expect(await judge(rig, delta, LOCAL)).toMatchObject({ unpacked: 'unpacked' });
    await naming(digestOf('e'));
    expect(await refusal(judge(rig, delta, LOCAL))).toBe('BUNDLE_NOT_NAMED');
    await naming();
    expect(await refusal(judge(rig, delta, LOCAL))).toBe('BUNDLE_NOT_NAMED');
  });

  it('says which version it needs and which are here, and is not held against its bytes', async () => {
    rig.store.versions.delete('1.0.1');
    for (const [it_, offer] of [
      [delta, byDelta(delta)],
      [local, LOCAL],
    ] as const) {
      await expect(judge(rig, it_, offer)).rejects.toMatchObject({
        code: 'DELTA_BASE_MISSING',
        message: `expected version 1.0.1 (${old.digest.slice(0, 12)}) on this host, as the base of the delta to 1.1.0; found 1.0.0 (${rig.store.versions.get('1.0.0')!.digest.slice(0, 12)})`,
      });
      expect(rig.downloads.files.size + rig.downloads.folders.size).toBe(0);
      expect(await rig.journal.refusal(sha(it_.bytes))).toBeNull();
    }
    rig.store.versions.clear();
    await expect(judge(rig, local, LOCAL)).rejects.toThrow('found no installed version');
  });

  it('finds its base gone although it was listed', async () => {
    rig.store.files = () => Promise.reject(new UpdateError('VERSION_NOT_FOUND', 'pruned'));
    expect(await refusal(judge(rig, delta, byDelta(delta)))).toBe('DELTA_BASE_MISSING');
  });

  it('of which the base is damaged fails, says so, and leaves nothing unpacked', async () => {
    damageBase();
    await expect(judge(rig, delta, byDelta(delta))).rejects.toMatchObject({
      code: 'DELTA_FAILED',
      message: expect.stringContaining('; its base is damaged: '),
    });
    expect(rig.reporter.warnings()).toMatchObject([{ code: 'VERSION_DAMAGED' }]);
    expect(rig.downloads.files.size + rig.downloads.folders.size).toBe(0);
    expect(await rig.journal.refusal(sha(delta.bytes))).toMatchObject({ code: 'DELTA_FAILED', count: 1 });
  });

  it.each([
    ['another base than the head says', () => byDelta(delta, digestOf('e'))],
    ['a base of which the head says nothing', () => offered(delta)],
  ])('is refused with %s, before anything is unpacked', async (_, offer) => {
    expect(await refusal(judge(rig, delta, offer()))).toBe('BUNDLE_NOT_NAMED');
    expect(rig.downloads.folders.size).toBe(0);
  });

  it('is not a full bundle in its place', async () => {
    await expect(judge(rig, right, byDelta(right))).rejects.toThrow(
      `expected a delta from ${old.digest.slice(0, 12)}, as the head says; found a full bundle`,
    );
    await expect(judge(rig, delta, offered(delta))).rejects.toThrow(
      `expected a full bundle, as the head says; found a delta from ${old.digest.slice(0, 12)}`,
    );
  });

  it('needs room for all of its files', async () => {
    const small = { ...rig, downloads: { ...rig.downloads, freeBytes: () => Promise.resolve(39_000) } };
    expect(await refusal(judge(small, delta, byDelta(delta)))).toBe('DISK_FULL');
    expect([...rig.downloads.files.keys()]).toEqual([FILE]);
  });
});

it('closes the file however it ends', async () => {
  const read = rig.downloads.read.bind(rig.downloads);
  let open = 0;
  rig.downloads.read = async (name) => {
    open += 1;
    return { ...(await read(name)), close: async () => void (open -= 1) };
  };
  await judge(rig, right);
  await refusal(judge(rig, airgap));
  expect(open).toBe(0);
});
