import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Manifest } from '../../src/bundle/manifest.ts';
import type { BundleFile, CreatedBundle } from '../../src/publish/bundle-writer.ts';
import { createDelta, type CreateDeltaOptions } from '../../src/publish/delta.ts';
import { inspectBundle } from '../../src/publish/inspect.ts';
import { loadSignerFor } from '../../src/publish/signer.ts';
import { unpackBundleFile } from '../../src/publish/unpacked-bundle.ts';
import { verifyBundleFile } from '../../src/publish/verify-bundle.ts';
import { newTestKeys, testKeys } from '../fixtures/keys.ts';
import { noise } from '../fixtures/noise.ts';
import { refusal } from '../fixtures/refusal.ts';
import { makeRelease, tempFolder } from '../fixtures/release.ts';

const PROGRAM = noise(200_000);
const changed = (version: string): Buffer => {
  const bytes = Buffer.from(PROGRAM);
  bytes.write(`version ${version}`, 100_000);
  return bytes;
};
const file = (path: string, source: Buffer, mode: 0o644 | 0o755 = 0o644): BundleFile => ({
  path,
  source,
  mode,
});
const filesOf = (version: string): BundleFile[] => [
  file('bin/sidecar', changed(version), 0o755),
  file('lib/same.bin', noise(50_000)),
  // Whole, it is as short as can be.
  file('README', version === '1.0.0' ? noise(5_000) : Buffer.alloc(5_000, 'x')),
];
const release = (version: string, change: Partial<Parameters<typeof makeRelease>[0]> = {}) =>
  makeRelease({ version, files: filesOf(version), ...change });

let base: CreatedBundle;
let full: CreatedBundle;
beforeAll(async () => {
  base = await release('1.0.0');
  full = await release('1.1.0');
});

async function delta(change: Partial<CreateDeltaOptions> = {}) {
  const { dir, trust } = await testKeys();
  return createDelta({
    base: base.path,
    bundle: full.path,
    trust,
    signer: await loadSignerFor(dir, 'bundle'),
    out: join(await tempFolder(), 'delta.jws'),
    ...change,
  });
}

const ways = ({ files }: Manifest) =>
  Object.fromEntries(
    files.map(({ path, encoding, base_path }) => [
      path,
      [encoding, base_path].filter((it) => it !== undefined),
    ]),
  );

describe('createDelta', () => {
  it('is the full bundle’s manifest but for encodings, stored sizes and base', async () => {
    const made = await delta();
    expect(made.digest).toBe(full.digest);
    expect(made.manifest.base).toEqual({ version: '1.0.0', release_digest: base.digest });
    const bare = ({ files, base: _, ...rest }: Manifest) => ({
      ...rest,
      files: files.map(({ path, mode, size, sha256 }) => ({ path, mode, size, sha256 })),
    });
    expect(bare(made.manifest)).toEqual(bare(full.manifest));
    expect(made.fullSize).toBe(full.size);
    expect(made.size).toBeLessThan(full.size / 20);
    expect((await readFile(made.path)).length).toBe(made.size);
  });

  it('stores each file in the shortest way', async () => {
    expect(ways((await delta()).manifest)).toEqual({
      'bin/sidecar': ['patch'],
      'lib/same.bin': ['same'],
      README: ['zstd'],
    });
  });

  it('finds a file that was moved, the program under another name, and a file of the same name', async () => {
    const moved = await release('1.2.0', {
      entrypoint: 'bin/core',
      files: [
        file('bin/core', changed('1.2.0'), 0o755),
        file('share/moved.bin', noise(50_000)),
        file('opt/sidecar', changed('1.2.1')),
        file('new', Buffer.from('new')),
      ],
    });
    expect(ways((await delta({ bundle: moved.path })).manifest)).toEqual({
      'bin/core': ['patch', 'bin/sidecar'],
      'share/moved.bin': ['same', 'lib/same.bin'],
      'opt/sidecar': ['patch', 'bin/sidecar'],
      new: ['zstd'],
    });
  });

  it('gives the very files when it is applied, and nothing without its base', async () => {
    const { trust } = await testKeys();
    const { path } = await delta();
    await using from = await unpackBundleFile(base.path, trust);
    const verified = await verifyBundleFile(path, trust, { base: () => Promise.resolve(from.files) });
    expect(verified).toMatchObject({ digest: full.digest, verified: true });
    expect(await refusal(verifyBundleFile(path, trust))).toBe('DELTA_BASE_MISSING');
    const other = await release('1.0.0', {
      files: filesOf('1.0.0').with(1, file('lib/same.bin', Buffer.alloc(50_000))),
    });
    await using wrong = await unpackBundleFile(other.path, trust);
    expect(await refusal(verifyBundleFile(path, trust, { base: () => Promise.resolve(wrong.files) }))).toBe(
      'DELTA_FAILED',
    );
    expect((await inspectBundle(path)).sizes.stored).toBeLessThan(2_000);
  });

  it('is made for air-gapped hosts too, from a base of any audience', async () => {
    const { dir } = await testKeys();
    const airgap = await release('1.1.0', { audience: 'airgap' });
    const made = await delta({ bundle: airgap.path, signer: await loadSignerFor(dir, 'airgap') });
    expect(made.manifest.audience).toEqual(['airgap']);
    expect(made.digest).toBe(full.digest);
  });

  it('is made from the files of a release as well', async () => {
    const { trust } = await testKeys();
    const made = await release('1.1.0', { base: { bundle: base.path, trust } });
    expect(made.digest).toBe(full.digest);
    expect(ways(made.manifest)).toEqual(ways((await delta()).manifest));
  });

  it.each<[string, string, () => Promise<Partial<CreateDeltaOptions>>]>([
    ['a base that is newer', 'VERSION_TOO_LOW', async () => ({ base: (await release('1.1.1')).path })],
    ['a base of the same version', 'VERSION_TOO_LOW', () => Promise.resolve({ base: full.path })],
    ['a base that is a delta', 'DELTA_BASE_MISSING', async () => ({ base: (await delta()).path })],
    ['a release that is a delta', 'DELTA_BASE_MISSING', async () => ({ bundle: (await delta()).path })],
    [
      'a base for another platform',
      'WRONG_PLATFORM',
      async () => ({
        base: (await release('1.0.0', { platform: { os: 'linux', arch: 'arm64', libc: 'musl' } })).path,
      }),
    ],
    [
      'a base that somebody else signed',
      'JWS_KEY_UNKNOWN',
      async () => ({ base: (await release('1.0.0', { keys: await newTestKeys() })).path }),
    ],
    [
      'a key that hosts do not know',
      'JWS_KEY_UNKNOWN',
      async () => ({ signer: await loadSignerFor((await newTestKeys()).dir, 'bundle') }),
    ],
    [
      'a key for the other audience',
      'SIGNING_FAILED',
      async () => ({ signer: await loadSignerFor((await testKeys()).dir, 'airgap') }),
    ],
    ['a base that is not there', 'BUNDLE_NOT_FOUND', () => Promise.resolve({ base: '/absent' })],
    ['a folder that is not there', 'WRITE_FAILED', () => Promise.resolve({ out: '/absent/delta.jws' })],
  ])('refuses %s with %s, and leaves nothing behind', async (_, code, change) => {
    const out = join(await tempFolder(), 'delta.jws');
    const options = { out, ...(await change()) };
    const temporary = await tempFolder();
    vi.stubEnv('TMPDIR', temporary);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    expect(await refusal(delta(options))).toBe(code);
    expect(await readdir(join(out, '..'))).toEqual([]);
    const left = (await readdir(temporary)).filter((name) => !name.startsWith('coresdk-test-'));
    expect(left).toEqual([]);
  });
});
