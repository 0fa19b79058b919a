import { chmod, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { collectFiles } from '../../src/cli/bundle-files.ts';
import { testKeys } from '../fixtures/keys.ts';
import { noise } from '../fixtures/noise.ts';
import { refusal } from '../fixtures/refusal.ts';
import { makeRelease, tempFolder } from '../fixtures/release.ts';
import { core, EMBEDDED, type CliRun } from './support/core.ts';

/** A release's folder: a program, a library, a text. */
async function releaseFolder(): Promise<string> {
  const dir = await tempFolder();
  await mkdir(join(dir, 'bin'));
  await writeFile(join(dir, 'bin', 'sidecar'), '#!/bin/sh\n');
  await chmod(join(dir, 'bin', 'sidecar'), 0o700);
  await writeFile(join(dir, 'README'), 'read me\n');
  return dir;
}

async function createArgs(
  version: string,
  audience: string,
  key: string,
): Promise<{ args: string[]; out: string }> {
  const { dir } = await testKeys();
  const out = join(await tempFolder(), `${version}.jws`);
  const args = [
    'bundle',
    'create',
    '--key',
    join(dir, key),
    '--version',
    version,
    '--entrypoint',
    'bin/sidecar',
  ];
  return { args: [...args, '--audience', audience, '--out', out, await releaseFolder()], out };
}

describe('core keys', () => {
  it('generate makes keys, inspect shows them', async () => {
    const dir = join(await tempFolder(), 'keys');
    const made = await core(['keys', 'generate', '--dir', dir, '--product', 'acme', '--development']);
    expect(made).toMatchObject({ exit: 0, err: '' });
    expect(made.out).toContain(`--trust ${dir}/trust.json`);
    const shown = await core(['keys', 'inspect', join(dir, 'trust.json')]);
    expect(shown.out).toMatch(/^product acme\nDEVELOPMENT KEYS.*\n(?:[\w-]{43} {2}(?:RS|ES)256 .*\n){4}$/);
    const again = await core(['keys', 'generate', '--dir', dir]);
    expect(again.exit).toBe(1);
    expect(again.err).toMatch(/^error: [^\n]* \[KEYS_EXIST\]: [^\n]*\n$/);
  });

  it('inspect refuses what is no trust file', async () => {
    expect(await core(['keys', 'inspect', '/absent'])).toMatchObject({ exit: 1, out: '' });
  });
});

describe('core bundle', () => {
  it.each([
    ['stable,edge', 'bundle.pem'],
    ['airgap', 'airgap.pem'],
  ])('create for %s makes a bundle that verifies, inspect shows it as unverified', async (audience, key) => {
    const { trustFile } = await testKeys();
    const { args, out } = await createArgs('1.2.3-rc.1', audience, key);
    const notes = join(await tempFolder(), 'notes');
    await writeFile(notes, 'first\u001B[2J\nsecond\n');
    const options = [
      '--notes-file',
      notes,
      '--min-updater',
      '1.0.0',
      '--libc',
      'musl',
      '--os',
      'linux',
      '--arch',
      'arm64',
    ];
    const made = await core([...args, ...options]);
    expect(made).toMatchObject({ exit: 0, err: '' });
    expect(made.out).toMatch(/^wrote .*: 1\.2\.3-rc\.1, release [0-9a-f]{64}, key /);

    const verified = await core(['bundle', 'verify', out, '--trust', trustFile]);
    expect(verified.exit).toBe(0);
    expect(verified.out).toMatch(/^verified: /);
    expect(verified.out).toContain(`audience    ${audience.replace(',', ', ')}\n`);
    expect(verified.out).toContain('platform    linux-arm64-musl\n');
    expect(verified.out).toContain('min updater 1.0.0\n');
    expect(verified.out).toMatch(/files {7}644 {9}8 B {2}README\n {12}755 {8}10 B {2}bin\/sidecar\n/);
    expect(verified.out).toContain('notes       first[2J\n            second\n');

    const shown = await core(['bundle', 'inspect', out]);
    expect(shown.out).toMatch(/^UNVERIFIED/);
    expect(JSON.parse((await core(['bundle', 'inspect', out, '--json'])).out)).toMatchObject({
      verified: false,
      manifest: { version: '1.2.3-rc.1' },
    });
  });

  it('verify ends with 3 for what is not trusted, and 1 for what is not there', async () => {
    const { trustFile } = await testKeys();
    const { path } = await makeRelease({ version: '1.0.0' });
    const bytes = await readFile(path);
    const middle = Math.floor(bytes.length / 2);
    bytes[middle] = bytes[middle] === 65 ? 66 : 65;
    await writeFile(path, bytes);
    const bad = await core(['bundle', 'verify', path, '--trust', trustFile]);
    expect(bad).toMatchObject({ exit: 3, out: '' });
    expect(bad.err).toMatch(/^error: [^\n]* \[JWS_SIGNATURE_INVALID\]: [^\n]*\n$/);
    expect(await core(['bundle', 'verify', '/absent', '--trust', trustFile])).toMatchObject({ exit: 1 });
    expect(await core(['bundle', 'inspect', '/absent'])).toMatchObject({ exit: 1 });
  });

  it.each([
    [['--audience', 'stable'], 2],
    [['--version', '1.2'], 2],
    [['--arch', 'mips'], 2],
    [['--entrypoint', 'absent'], 3],
    [['--notes-file', '/absent'], 1],
    [['--key', '/absent'], 1],
    [['/absent'], 1],
  ])('create refuses %j', async (more, exit) => {
    const { args, out } = await createArgs('1.0.0', 'stable,edge', 'bundle.pem');
    const run = await core([...args, ...more]);
    expect(run).toMatchObject({ exit, out: '' });
    expect(run.err).toMatch(/^error: [^\n]+ \[[A-Z_]+\]: [^\n]+\n$/);
    await expect(stat(out)).rejects.toThrow('ENOENT');
  });

  it('takes files by their name, refuses links and two files of one path', async () => {
    const dir = await releaseFolder();
    const single = await collectFiles([join(dir, 'README'), join(dir, 'bin')]);
    expect(single.map(({ path, mode }) => [path, mode])).toEqual([
      ['README', 0o644],
      ['sidecar', 0o755],
    ]);
    expect(await refusal(collectFiles([dir, join(dir, 'README')]))).toBe('USAGE');
    await symlink('README', join(dir, 'link'));
    expect(await refusal(collectFiles([dir]))).toBe('USAGE');
  });
});

describe('core feed publish', () => {
  it('publishes, is safe to run again, and refreshes when told', async () => {
    const { dir, trustFile } = await testKeys();
    const feed = join(await tempFolder(), 'feed');
    const { path } = await makeRelease({ version: '1.1.0' });
    const args = [
      'feed',
      'publish',
      '--feed',
      feed,
      '--channel',
      'edge',
      '--key',
      join(dir, 'head-edge.pem'),
      '--trust',
      trustFile,
    ];
    const first = await core([
      ...args,
      '--min-version',
      '1.0.0',
      '--block',
      '1.0.1',
      '--block',
      '1.0.2',
      path,
    ]);
    expect(first).toMatchObject({ exit: 0, err: '' });
    expect(first.out).toMatch(
      /^published 1\.1\.0 on edge, sequence 1, expires 2026-01-09T03:04:05Z: .*edge\.jws\n$/,
    );
    const [, payload = ''] = (await readFile(join(feed, 'edge.jws'), 'utf8')).split('.');
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({
      min_version: '1.0.0',
      blocked: ['1.0.1', '1.0.2'],
    });
    expect((await core([...args, path])).out).toMatch(/^nothing changed: 1\.1\.0 on edge, sequence 1,/);
    expect((await core([...args, '--refresh', '--expires-days', '14', path])).out).toMatch(
      /^published .* sequence 2, expires 2026-01-16/,
    );
  });

  it.each([
    [['--channel', 'manual'], 2],
    [['--expires-days', '15'], 2],
    [['--block', 'all'], 2],
    [['--channel', 'stable'], 1],
    [['--key', 'bundle.pem'], 3],
    [['--key', 'head-stable.pem'], 3],
    [['--rollout-start', '2026-01-01T00:00:00Z'], 2],
    [['--rollout-percent', '101'], 2],
    [['--signer', 'true'], 2],
  ])('refuses %j', async ([option = '', value = ''], exit) => {
    const { dir, trustFile } = await testKeys();
    const { path } = await makeRelease({ version: '1.1.0' });
    const options = new Map([
      ['--feed', join(await tempFolder(), 'feed')],
      ['--channel', 'edge'],
      ['--key', join(dir, 'head-edge.pem')],
      ['--trust', trustFile],
      [option, option === '--key' ? join(dir, value) : value],
    ]);
    const run = await core(['feed', 'publish', ...[...options].flat(), path]);
    expect(run).toMatchObject({ exit, out: '' });
    expect(run.err).toMatch(/^error: [^\n]+ \[[A-Z_]+\]: [^\n]+\n$/);
  });
});

describe('core sidecar update --bundle FILE --verify-only', () => {
  const verify = async (path: string, trusted = true): ReturnType<typeof core> => {
    const { trustContent } = await testKeys();
    return core(['sidecar', 'update', '--bundle', path, '--verify-only'], {
      // Nobody is asked, not even whether this is Kubernetes.
      env: { CORESDK_RUNTIME: 'k8s' },
      embedded: { ...EMBEDDED, trust: trusted ? trustContent : null },
    });
  };

  it('verifies with the program’s own keys, and needs no daemon', async () => {
    const airgap = await makeRelease({ version: '1.3.0', audience: 'airgap' });
    const run = await verify(airgap.path);
    expect(run).toMatchObject({ exit: 0, err: '' });
    for (const fact of ['1.3.0', airgap.digest, airgap.kid, 'airgap', 'bin/sidecar'])
      expect(run.out).toContain(fact);
    expect(run.out).not.toContain('note:');
    expect((await verify((await makeRelease({ version: '1.3.0' })).path)).out).toContain(
      'only while the channel’s head names it',
    );
  });

  it('refuses another platform, another product, other bytes, and everything without keys', async () => {
    const platform = { os: process.platform === 'linux' ? 'darwin' : 'linux', arch: 'x64' } as const;
    const other = await makeRelease({ version: '1.3.0', platform });
    expect((await verify(other.path)).err).toContain('[WRONG_PLATFORM]');
    const product = await makeRelease({ version: '1.3.0', product: 'acme' });
    expect(await verify(product.path)).toMatchObject({ exit: 3, out: '' });
    const good = await makeRelease({ version: '1.3.0' });
    expect((await verify(good.path, false)).err).toContain('[TRUST_SET_MISSING]');
    await writeFile(good.path, 'no bundle');
    expect(await verify(good.path)).toMatchObject({ exit: 3 });
    expect(await verify(`${good.path}.absent`)).toMatchObject({ exit: 1 });
  });
});

describe('core bundle delta', () => {
  const files = (version: string) => [
    {
      path: 'bin/sidecar',
      source: Buffer.concat([noise(50_000), Buffer.from(version)]),
      mode: 0o755 as const,
    },
    { path: 'LICENSE', source: noise(9_000), mode: 0o644 as const },
  ];
  const release = (version: string) => makeRelease({ version, files: files(version) });

  async function made(): Promise<{ base: string; full: string; out: string; run: CliRun }> {
    const { dir, trustFile } = await testKeys();
    const base = (await release('1.0.0')).path;
    const full = (await release('1.1.0')).path;
    const out = join(await tempFolder(), 'delta.jws');
    const run = await core([
      ...['bundle', 'delta', full, '--base', base, '--trust', trustFile],
      ...['--key', join(dir, 'bundle.pem'), '--out', out],
    ]);
    return { base, full, out, run };
  }

  it('makes a delta, and says what it saves; inspect shows base, encodings and saving', async () => {
    const { out, run } = await made();
    expect(run).toMatchObject({ exit: 0, err: '' });
    expect(run.out).toMatch(
      /^wrote .*delta\.jws, .* KiB: 1\.1\.0 from 1\.0\.0, release [0-9a-f]{64}, key .*\nthe full bundle has .* KiB: the delta is [\d.]+ % of it\n$/,
    );
    const shown = (await core(['bundle', 'inspect', out])).out;
    expect(shown).toMatch(/^base {8}1\.0\.0, release [0-9a-f]{64}$/m);
    expect(shown).toMatch(/ bin\/sidecar \(patch of \d+ B\)$/m);
    expect(shown).toMatch(/ LICENSE \(same\)$/m);
    expect(shown).toMatch(/^delta {7}carries \d+ B for 57\.6 KiB, 0\.[\d]+ %$/m);
    const json = JSON.parse((await core(['bundle', 'inspect', out, '--json'])).out) as unknown;
    expect(json).toMatchObject({ manifest: { base: { version: '1.0.0' } } });
  });

  it('verify applies it to its base, and refuses it without', async () => {
    const { trustFile } = await testKeys();
    const { base, full, out } = await made();
    const verify = (...more: string[]) => core(['bundle', 'verify', out, '--trust', trustFile, ...more]);
    expect(await verify('--base', base)).toMatchObject({ exit: 0, err: '' });
    for (const more of [[], ['--base', full]]) {
      const refused = await verify(...more);
      expect(refused).toMatchObject({ exit: 1, out: '' });
      expect(refused.err).toContain('[DELTA_BASE_MISSING]');
    }
  });

  it('says when it saves nothing', async () => {
    const { dir, trustFile } = await testKeys();
    const out = join(await tempFolder(), 'delta.jws');
    const [base, full] = [await makeRelease({ version: '1.0.0' }), await makeRelease({ version: '1.1.0' })];
    const run = await core([
      ...['bundle', 'delta', full.path, '--base', base.path, '--trust', trustFile],
      ...['--key', join(dir, 'bundle.pem'), '--out', out],
    ]);
    expect(run).toMatchObject({ exit: 0, err: 'note: it saves nothing: hosts take the full bundle\n' });
  });

  it('create --base makes the same from files, and needs --trust', async () => {
    const { trustFile } = await testKeys();
    const { args, out } = await createArgs('1.1.0', 'stable,edge', 'bundle.pem');
    const { path: base } = await makeRelease({ version: '1.0.0' });
    const bare = await core([...args, '--base', base]);
    expect(bare.exit).toBe(2);
    expect(bare.err).toContain('expected --trust with --base');
    const run = await core([...args, '--base', base, '--trust', trustFile]);
    expect(run).toMatchObject({ exit: 0, err: '' });
    expect(run.out).toContain(': 1.1.0 from 1.0.0, release ');
    expect((await core(['bundle', 'verify', out, '--trust', trustFile, '--base', base])).exit).toBe(0);
  });
});
