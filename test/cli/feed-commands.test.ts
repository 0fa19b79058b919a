import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testKeys } from '../fixtures/keys.ts';
import { noise } from '../fixtures/noise.ts';
import { makeRelease, tempFolder } from '../fixtures/release.ts';
import { DAY, flipByte, HOUR } from '../publish/support/feed-rig.ts';
import { captured, core, type CliRun } from './support/core.ts';

const START = Date.UTC(2026, 5, 1);

/** A feed with 1.1.0 on edge since `START`, and a way to run `core feed …` on it at a time after that. */
async function rig(): Promise<{
  feed: string;
  bundle: string;
  run: (command: string, keys: readonly string[], after?: number, more?: string[]) => Promise<CliRun>;
}> {
  const { dir, trustFile } = await testKeys();
  const feed = join(await tempFolder(), 'feed');
  const { path: bundle } = await makeRelease({ version: '1.1.0' });
  const run = async (command: string, keys: readonly string[], after = 0, more: string[] = []) =>
    core(
      [
        'feed',
        ...command.split(' '),
        ...['--feed', feed, '--trust', trustFile],
        ...keys.flatMap((key) => ['--key', join(dir, `${key}.pem`)]),
        ...more,
      ],
      { now: () => START + after },
    );
  expect(await core(['feed', 'init', '--feed', feed])).toMatchObject({
    exit: 0,
    out: `made the feed ${feed}\n`,
  });
  expect(await core(['feed', 'init', '--feed', feed])).toMatchObject({ out: `nothing changed: ${feed}\n` });
  expect(await run('publish', ['head-edge'], 0, [bundle])).toMatchObject({ exit: 0, err: '' });
  return { feed, bundle, run };
}

const EDGE = ['head-edge'];
const STABLE = ['head-stable'];

describe('a trust file that is not there', () => {
  it.each([
    'feed rollout --all --feed f --key k --trust',
    'feed verify --feed f --trust',
    'bundle verify b.jws --trust',
    'keys inspect',
  ])('`core %s FILE` says so, and to look at the path', async (line) => {
    const absent = join(await tempFolder(), 'trust.json');
    const run = await core([...line.split(' '), absent]);
    expect(run).toMatchObject({ exit: 1, out: '' });
    expect(run.err).toMatch(
      /^error: expected [^\n]+, found no file at [^\n]+trust\.json \[TRUST_FILE_NOT_FOUND\]: Check the path [^\n]+\n$/,
    );
  });
});

describe('core feed promote', () => {
  it('refuses with the time left, then promotes, and changes nothing when it is run again', async () => {
    const { run } = await rig();
    const early = await run('promote', STABLE, 7 * DAY - HOUR);
    expect(early).toMatchObject({ exit: 1, out: '' });
    expect(early.err).toMatch(
      /^error: [^\n]*: 1 h are left, until 2026-06-08T00:00:00\.000Z \[PUBLISH_REFUSED\]: [^\n]*\n$/,
    );
    const done = await run('promote --rollout-duration 36h', STABLE, 7 * DAY);
    expect(done).toMatchObject({ exit: 0, err: '' });
    expect(done.out).toMatch(
      /^promoted 1\.1\.0 on stable, sequence 1, expires 2026-06-15T00:00:00Z: .*stable\.jws\non edge since 2026-06-01T00:00:00Z\n$/,
    );
    expect((await run('promote', STABLE, 8 * DAY)).out).toMatch(
      /^nothing changed: 1\.1\.0 on stable, sequence 1,/,
    );
  });

  it('goes early with a reason, and says what that means', async () => {
    const { run } = await rig();
    const run1 = await run('promote', STABLE, HOUR, ['--security', 'CVE-2026-0001']);
    expect(run1.exit).toBe(0);
    expect(run1.err).toMatch(/^note: it is a security exception: /);
    expect((await run('promote', EDGE, 7 * DAY)).err).toContain('[JWS_KEY_NOT_ALLOWED]');
  });
});

describe('core feed publish and promote with deltas', () => {
  const program = (version: string) => [
    {
      path: 'bin/sidecar',
      source: Buffer.concat([noise(50_000), Buffer.from(version)]),
      mode: 0o755 as const,
    },
  ];
  const release = async (version: string) => (await makeRelease({ version, files: program(version) })).path;

  it('make them, and tell of each', async () => {
    const { dir } = await testKeys();
    const { feed, run } = await rig();
    const key = ['--bundle-key', join(dir, 'bundle.pem')];
    await run('publish', EDGE, 0, [await release('1.2.0')]);
    const made = await run('publish', EDGE, 0, [await release('1.3.0'), '--delta-from', 'previous', ...key]);
    expect(made).toMatchObject({ exit: 0, err: '' });
    expect(made.out).toMatch(
      /\nmade the delta from 1\.2\.0 for [\w-]+, [\d.]+ KiB, [\d.]+ % of the full bundle: bundles\/coresdk-sidecar-1\.3\.0-[\w-]+-from-1\.2\.0\.jws\n$/,
    );
    expect((await run('verify', [])).exit).toBe(0);
    const promoted = await run('promote', STABLE, 7 * DAY, [
      '--delta-from',
      '1.2.0',
      '--delta-from',
      '1.1.0',
      ...key,
    ]);
    expect(promoted).toMatchObject({ exit: 0, err: '' });
    expect(promoted.out).toMatch(/^kept the delta from 1\.2\.0 for /m);
    expect(promoted.out).toMatch(/^no delta from 1\.1\.0 for [\w-]+: it would save nothing \(/m);
    expect((await readdir(join(feed, 'bundles'))).length).toBe(4);
  });

  it('take them as files', async () => {
    const { dir, trustFile } = await testKeys();
    const { run } = await rig();
    const [base, full] = [await release('1.2.0'), await release('1.3.0')];
    const out = join(await tempFolder(), 'delta.jws');
    const key = ['--key', join(dir, 'bundle.pem'), '--trust', trustFile, '--out', out];
    expect(await core(['bundle', 'delta', full, '--base', base, ...key])).toMatchObject({ exit: 0 });
    const lone = await run('publish', EDGE, 0, [full, out]);
    expect(lone.err).toContain('expected the full bundle of 1.2.0');
    expect(lone.err).toContain('found none in the feed [PUBLISH_REFUSED]');
    await run('publish', EDGE, 0, [base]);
    expect(await run('publish', EDGE, 0, [full])).toMatchObject({ exit: 0 });
    expect(await run('promote', STABLE, 7 * DAY, [out])).toMatchObject({ exit: 0, err: '' });
  });

  it.each([[['--delta-from', 'previous']], [['--bundle-key', 'bundle.pem']], [['--delta-from', 'last']]])(
    'refuse %j',
    async (more) => {
      const { bundle, run } = await rig();
      const refused = await run('publish', EDGE, 0, [bundle, ...more]);
      expect(refused).toMatchObject({ exit: 2, out: '' });
    },
  );
});

describe('core feed block, rollout and refresh', () => {
  it('block works on the channels of the keys, and can be undone', async () => {
    const { run } = await rig();
    await run('promote', STABLE, 7 * DAY);
    const both = await run('block 1.0.9 1.0.10', [...EDGE, ...STABLE], 7 * DAY);
    expect(both).toMatchObject({ exit: 0, err: '' });
    expect(both.out.split('\n')).toEqual([
      expect.stringMatching(/^published 1\.1\.0 on edge, sequence 2,/),
      'blocked on edge: 1.0.9, 1.0.10',
      expect.stringMatching(/^published 1\.1\.0 on stable, sequence 2,/),
      'blocked on stable: 1.0.9, 1.0.10',
      '',
    ]);
    expect((await run('block 1.0.9', EDGE, 7 * DAY)).out).toMatch(/^nothing changed: 1\.1\.0 on edge/);
    const undone = await run('block 1.0.9 1.0.10 --undo', EDGE, 7 * DAY);
    expect(undone.out).toMatch(/\nblocked on edge: nothing\n$/);
  });

  it.each([
    [['--channel', 'stable'], 2, 'USAGE'],
    [['--channel', 'manual'], 2, 'USAGE'],
  ])('block refuses %j with a key of edge', async (more, exit, code) => {
    const { run } = await rig();
    const refused = await run('block 1.0.9', EDGE, 0, more);
    expect(refused.exit).toBe(exit);
    expect(refused.err).toContain(`[${code}]`);
  });

  it('refuse keys that are for something else, none, and a key of a channel that is not named', async () => {
    const { run } = await rig();
    expect((await run('refresh', ['bundle'])).err).toContain('[JWS_KEY_NOT_ALLOWED]');
    expect((await run('refresh', [])).err).toContain('expected --key or --signer, found neither [USAGE]');
    expect((await run('refresh --channel edge', [...EDGE, ...STABLE])).err).toContain('[USAGE]');
    expect((await run('rollout', EDGE)).err).toContain(
      'expected --percent, --duration, --all, --stop or --ungroup',
    );
  });

  it('rollout and refresh write new heads', async () => {
    const { feed, run } = await rig();
    const payload = async (): Promise<unknown> => {
      const [, part = ''] = (await readFile(join(feed, 'edge.jws'), 'utf8')).split('.');
      return JSON.parse(Buffer.from(part, 'base64url').toString());
    };
    expect(await run('rollout --duration 7d --start 2026-07-01T00:00:00Z', EDGE)).toMatchObject({ exit: 1 });
    const put = await run('rollout --duration 7d --start 2026-07-01T00:00:00Z --shrink', EDGE);
    expect(put.out).toMatch(
      /\noffered to hosts: 0 % now, from 2026-07-01T00:00:00Z, all by 2026-07-08T00:00:00Z\n$/,
    );
    expect(await payload()).toMatchObject({
      rollout: { start: Date.UTC(2026, 6, 1) / 1000, duration: 604_800 },
    });
    await run('rollout --percent 12.5 --channel edge', EDGE);
    expect(await payload()).toMatchObject({ rollout: { percent: 12.5 } });
    const grouped = await run('rollout --percent 100 --start 2026-05-01T00:00:00Z --group canary', EDGE);
    expect(grouped.out).toMatch(
      /\noffered to other hosts: 0 % now, .*\noffered to group canary: 100 % now, since 2026-05-01T00:00:00Z\n$/,
    );
    await run('rollout --stop', EDGE);
    expect(await payload()).toMatchObject({ rollout: { percent: 0 } });
    await run('rollout --all', EDGE);
    expect(await payload()).not.toHaveProperty('rollout');
    const refreshed = await run('refresh --expires-days 14', EDGE, DAY);
    expect(refreshed.out).toMatch(/^refreshed 1\.1\.0 on edge, sequence 7, expires 2026-06-16T00:00:00Z/);
    expect((await run('refresh --epoch 2', EDGE, DAY)).out).toContain(
      'on edge, epoch 2, sequence 0, expires',
    );
  });
});

describe('core feed verify', () => {
  it('ends with 0, a line for everything that it looked at, and when the heads expire', async () => {
    const { run } = await rig();
    const right = await run('verify', []);
    expect(right).toMatchObject({ exit: 0, err: '' });
    const lines = right.out.trimEnd().split('\n');
    expect(lines.slice(0, -1).every((line) => line.startsWith('ok       '))).toBe(true);
    expect(lines.at(-1)).toBe('the feed is right: edge 1.1.0, expires in 7 d (2026-06-08T00:00:00Z)');
    expect((await run('verify', [], 5 * DAY)).out).toMatch(/^warning {2}edge\.jws: .*: refresh it$/m);
  });

  it('ends with 3 for what is not trusted, with 1 for other faults, in text and as JSON', async () => {
    const { feed, run } = await rig();
    await writeFile(join(feed, 'stray'), '');
    const stray = await run('verify', []);
    expect(stray).toMatchObject({ exit: 1, err: '' });
    expect(stray.out).toMatch(/^FAULT {4}stray: expected nothing here.*$/m);
    expect(stray.out).toContain('1 fault: clients would refuse it: edge 1.1.0,');
    await flipByte(join(feed, 'edge.jws'));
    const bad = await run('verify --json', []);
    expect(bad.exit).toBe(3);
    const found = JSON.parse(bad.out) as { findings: unknown };
    expect(found).toMatchObject({ ok: false, trusted: false, channels: [] });
    expect(found.findings).toContainEqual(
      expect.objectContaining({ path: 'edge.jws', level: 'fault', code: 'JWS_SIGNATURE_INVALID' }),
    );
    expect((await run('verify', [])).out).toMatch(/^FAULT {4}edge\.jws: .* \[JWS_SIGNATURE_INVALID\]$/m);
  });

  it('ends with 1 for a folder that is not there', async () => {
    const { trustFile } = await testKeys();
    const run = await core(['feed', 'verify', '--feed', '/absent', '--trust', trustFile]);
    expect(run).toMatchObject({ exit: 1, out: '' });
  });
});

describe('core feed serve', () => {
  it('serves until it is stopped', async () => {
    const { feed } = await rig();
    const stop = new AbortController();
    const url = Promise.withResolvers<string>();
    const stdout = {
      ...captured(),
      write: (text: string) => {
        url.resolve(/ at (http:\S+)/.exec(text)?.[1] ?? '');
      },
    };
    const running = core(['feed', 'serve', '--feed', feed], { stop: stop.signal, stdout });
    const answer = await fetch(`${await url.promise}edge.jws`);
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(await readFile(join(feed, 'edge.jws')));
    stop.abort();
    const { exit, err } = await running;
    expect(exit).toBe(0);
    expect(err).toContain('GET /edge.jws 200\n');
    await expect(fetch(await url.promise)).rejects.toThrow();
  });

  it('ends with 1 where there is no folder', async () => {
    expect((await core(['feed', 'serve', '--feed', '/absent'])).err).toContain('[SERVE_FAILED]');
  });
});

describe('keys that are encrypted or kept elsewhere', () => {
  it('a passphrase file opens them, for generate, inspect, bundles and heads', async () => {
    const root = await tempFolder();
    const secret = join(root, 'secret');
    await writeFile(secret, 'correct horse\n', { mode: 0o600 });
    const dir = join(root, 'keys');
    const made = await core(['keys', 'generate', '--dir', dir, '--passphrase-file', secret]);
    expect(made).toMatchObject({ exit: 0, err: '' });
    expect(await readFile(join(dir, 'bundle.pem'), 'utf8')).toContain('BEGIN ENCRYPTED PRIVATE KEY');
    const with1 = ['--passphrase-file', secret];
    const shown = await core(['keys', 'inspect', join(dir, 'airgap.pem'), ...with1]);
    expect(shown.out).toMatch(/^private key\n[\w-]{43} {2}ES256 256\n$/);
    const json = await core(['keys', 'inspect', join(dir, 'trust.json'), '--json']);
    expect(JSON.parse(json.out)).toMatchObject({ kind: 'trust set', product: 'coresdk-sidecar' });

    const program = join(root, 'sidecar');
    await writeFile(program, '#!/bin/sh\n', { mode: 0o755 });
    const out = join(root, 'b.jws');
    const create = ['bundle', 'create', '--version', '1.0.0', '--entrypoint', 'sidecar'];
    const bundled = await core([
      ...[...create, '--audience', 'stable,edge', '--out', out, program],
      ...['--key', join(dir, 'bundle.pem'), ...with1],
    ]);
    expect(bundled).toMatchObject({ exit: 0, err: '' });
    const feed = join(root, 'feed');
    await mkdir(feed);
    const published = await core([
      ...['feed', 'publish', out, '--feed', feed, '--trust', join(dir, 'trust.json')],
      ...['--key', join(dir, 'head-edge.pem'), ...with1],
    ]);
    expect(published).toMatchObject({ exit: 0, err: '' });
  });

  it('a command signs, with the public key by its kid or a file', async () => {
    const { dir, trustFile, trust } = await testKeys();
    const { feed } = await rig();
    const sign = `openssl dgst -sha256 -sign ${join(dir, 'head-edge.pem')}`;
    const kid = [...trust.keys.values()].find(
      ({ use, audiences }) => use === 'head' && audiences[0] === 'edge',
    )!.kid;
    const args = [
      'feed',
      'refresh',
      '--feed',
      feed,
      '--trust',
      trustFile,
      '--signer',
      sign,
      '--public-key',
      kid,
    ];
    const refreshed = await core(args, { now: () => START });
    expect(refreshed).toMatchObject({ exit: 0, err: '' });
    expect(refreshed.out).toContain('refreshed 1.1.0 on edge, sequence 2');
    const failing = await core([...args.slice(0, -3), 'exit 3', '--public-key', kid], { now: () => START });
    expect(failing.err).toContain('[SIGNING_FAILED]');
  });

  it('generate takes public keys instead of making private ones', async () => {
    const { dir: old } = await testKeys();
    const root = await tempFolder();
    const dir = join(root, 'keys');
    const run = await core([
      'keys',
      'generate',
      '--dir',
      dir,
      '--public-key',
      `airgap=${join(old, 'airgap.pem')}`,
    ]);
    expect(run.err).toContain('[SIGNING_FAILED]');
    expect(run.exit).toBe(1);
  });
});

describe('core keys merge', () => {
  it('writes one trust file and shows it', async () => {
    const { trustFile, trustContent } = await testKeys();
    const root = await tempFolder();
    const dir = join(root, 'keys');
    await core(['keys', 'generate', '--dir', dir]);
    const out = join(root, 'trust.json');
    const [key] = trustContent.keys;
    const merge = ['keys', 'merge', trustFile, join(dir, 'trust.json'), '--out', out];
    const run = await core([...merge, '--not-after', `${key!.kid}=2027-01-01T00:00:00Z`]);
    expect(run).toMatchObject({ exit: 0, err: '' });
    expect(run.out).toMatch(/^wrote .*: 8 keys\nproduct coresdk-sidecar\n/);
    expect(run.out).toContain(`${key!.kid}  RS256 2048  bundle  stable, edge  until 2027-01-01T00:00:00Z\n`);
    const other = await core([...merge, '--drop', key!.kid]);
    expect(other.err).toContain('[KEYS_EXIST]');
  });
});
