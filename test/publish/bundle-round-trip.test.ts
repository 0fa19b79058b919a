import { execFile } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { releaseDigest } from '../../src/bundle/manifest.ts';
import { createBundle } from '../../src/publish/bundle-writer.ts';
import { inspectBundle } from '../../src/publish/inspect.ts';
import { verifyBundleFile } from '../../src/publish/verify-bundle.ts';
import { loadSignerFor } from '../../src/publish/signer.ts';
import { newTestKeys, PRODUCT, testKeys } from '../fixtures/keys.ts';
import { makeRelease, tempFolder } from '../fixtures/release.ts';
import { refusal } from '../fixtures/refusal.ts';
import { readBundle } from '../fixtures/memory-bundle.ts';
import { noise } from '../fixtures/noise.ts';

const run = promisify(execFile);

describe('a bundle that was written', () => {
  it.each([
    ['feed', 'RS256', ['stable', 'edge']],
    ['airgap', 'ES256', ['airgap']],
  ] as const)('for audience %s is signed with %s and verifies', async (audience, alg, audiences) => {
    const { trust } = await testKeys();
    const made = await makeRelease({ version: '1.2.3', audience });
    const verified = await verifyBundleFile(made.path, trust);
    expect(verified).toMatchObject({ verified: true, kid: made.kid, digest: made.digest, size: made.size });
    expect(verified.manifest).toEqual(made.manifest);
    expect(verified.manifest.audience).toEqual(audiences);
    expect(trust.keys.get(verified.kid)?.alg).toBe(alg);
    expect((await stat(made.path)).mode & 0o777).toBe(0o644);
  });

  it('gives back every file byte for byte, over many blocks, empty and incompressible ones too', async () => {
    const { trust } = await testKeys();
    const contents: Record<string, Buffer> = {
      'bin/sidecar': noise(3 * 1024 * 1024 + 17),
      'lib/empty': Buffer.alloc(0),
      'lib/one': Buffer.from('x'),
      'lib/zeros': Buffer.alloc(2 * 1024 * 1024),
    };
    const files = Object.entries(contents).map(([path, source]) => ({
      path,
      source,
      mode: path === 'bin/sidecar' ? (0o755 as const) : (0o644 as const),
    }));
    const made = await makeRelease({ version: '1.0.0', files });
    const { manifest, files: unpacked } = await readBundle(await readFile(made.path), trust);
    expect([...unpacked.keys()]).toEqual(Object.keys(contents));
    for (const [path, bytes] of unpacked)
      expect(bytes.equals(contents[path] ?? Buffer.from('missing'))).toBe(true);
    expect(releaseDigest(manifest.files)).toBe(made.digest);
  });

  it('is the same, byte for byte, for the same inputs and time', async () => {
    const createdAt = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
    const one = await makeRelease({ version: '1.0.0', createdAt });
    const two = await makeRelease({ version: '1.0.0', createdAt });
    expect((await readFile(one.path)).equals(await readFile(two.path))).toBe(true);
    expect(one.manifest.created_at).toBe('2026-01-02T03:04:05.000Z');
  });

  it('can be listed and unpacked with standard tools', async () => {
    const { path } = await makeRelease({ version: '1.0.0' });
    const archive = `cut -d. -f2 ${path} | basenc --base64url -d`;
    const { stdout } = await run('sh', ['-c', `${archive} | tar t`]);
    expect(stdout).toBe('manifest.json\nbin/sidecar\n');
    const { stdout: manifest } = await run('sh', ['-c', `${archive} | tar xO manifest.json`]);
    expect(JSON.parse(manifest)).toMatchObject({ product: PRODUCT, version: '1.0.0' });
  });

  it('leaves nothing behind, and the old file in place, when a source cannot be read', async () => {
    const made = await makeRelease({ version: '1.0.0' });
    const before = await readFile(made.path);
    const files = [{ path: 'bin/sidecar', source: join(dirname(made.path), 'absent'), mode: 0o755 as const }];
    expect(await refusal(makeRelease({ version: '1.0.1', files, out: made.path }))).toBe('BUNDLE_NOT_FOUND');
    expect((await readFile(made.path)).equals(before)).toBe(true);
    expect(await readdir(dirname(made.path))).toHaveLength(1);
  });
});

describe('createBundle', () => {
  it('refuses a key of the wrong algorithm for the audience', async () => {
    const { dir } = await testKeys();
    const options = {
      product: PRODUCT,
      version: '1.0.0',
      platform: { os: 'linux', arch: 'x64' },
      entrypoint: 'run',
      files: [{ path: 'run', source: Buffer.from('x'), mode: 0o755 as const }],
      out: join(await tempFolder(), 'x.jws'),
    };
    const [rsa, ec] = [await loadSignerFor(dir, 'bundle'), await loadSignerFor(dir, 'airgap')];
    expect(await refusal(createBundle({ ...options, audience: 'airgap', signer: rsa }))).toBe(
      'SIGNING_FAILED',
    );
    expect(await refusal(createBundle({ ...options, audience: 'feed', signer: ec }))).toBe('SIGNING_FAILED');
  });

  it.each([
    [
      'a path that leaves the folder',
      { files: [{ path: '../run', source: Buffer.from('x'), mode: 0o755 as const }] },
    ],
    ['an entrypoint that is no file of it', { entrypoint: 'other' }],
    ['a version that is not SemVer', { version: '1.0' }],
  ])('refuses %s', async (_, change) => {
    expect(await refusal(makeRelease({ version: '1.0.0', ...change }))).toBe('MANIFEST_INVALID');
  });
});

describe('verifyBundleFile', () => {
  it('refuses keys of another publisher, another product and another platform', async () => {
    const { trust } = await testKeys();
    const strangers = await newTestKeys();
    const { path } = await makeRelease({
      version: '1.0.0',
      platform: { os: 'linux', arch: 'x64', libc: 'musl' },
    });
    expect(await refusal(verifyBundleFile(path, strangers.trust))).toBe('JWS_KEY_UNKNOWN');
    expect(await refusal(verifyBundleFile(path, { ...trust, product: 'other' }))).toBe('WRONG_PRODUCT');
    const glibc = { os: 'linux', arch: 'x64', libc: 'glibc' } as const;
    expect(await refusal(verifyBundleFile(path, trust, { platform: glibc }))).toBe('WRONG_PLATFORM');
    const musl = { os: 'linux', arch: 'x64', libc: 'musl' } as const;
    expect(await verifyBundleFile(path, trust, { platform: musl })).toMatchObject({ verified: true });
    expect(await refusal(verifyBundleFile(`${path}.absent`, trust))).toBe('BUNDLE_NOT_FOUND');
  });
});

describe('inspectBundle', () => {
  it('shows header, manifest and sizes, and says that nothing is verified', async () => {
    const made = await makeRelease({ version: '1.0.0' });
    const seen = await inspectBundle(made.path);
    expect(seen).toMatchObject({
      verified: false,
      digest: made.digest,
      header: { alg: 'RS256', kid: made.kid },
    });
    expect(seen.manifest).toEqual(made.manifest);
    expect(seen.sizes.file).toBe(made.size);
    expect(seen.sizes.archive % 1536).toBe(0);
  });
});
