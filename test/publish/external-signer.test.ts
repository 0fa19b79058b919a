import { createHash, createPublicKey, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { verifyHead } from '../../src/bundle/head-document.ts';
import { UpdateError } from '../../src/errors.ts';
import { createBundle } from '../../src/publish/bundle-writer.ts';
import { createExternalSigner, type ExternalSignerOptions } from '../../src/publish/external-signer.ts';
import { publishToFeed } from '../../src/publish/feed.ts';
import { verifyBundleFile } from '../../src/publish/verify-bundle.ts';
import { KEY_PURPOSES, type KeyPurpose } from '../../src/publish/keys.ts';
import { startCommand } from '../../src/publish/signer-command.ts';
import { makeSigner, type Signer } from '../../src/publish/signer.ts';
import { privateKey } from '../fixtures/forge.ts';
import { PRODUCT, testKeys } from '../fixtures/keys.ts';
import { noise } from '../fixtures/noise.ts';
import { refusal } from '../fixtures/refusal.ts';
import { tempFolder } from '../fixtures/release.ts';

/** Signs standard input: argv is the key, then how to write the signature. */
const SIGN = `
import { createSign, createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
const [path, form] = process.argv.slice(2);
const sign = createSign('sha256');
for await (const chunk of process.stdin) sign.update(chunk);
const key = createPrivateKey(readFileSync(path));
const raw = sign.sign({ key, dsaEncoding: form.startsWith('der') ? 'der' : 'ieee-p1363' });
const text = { base64url: () => raw.toString('base64url') + '\\n', lines: () => raw.toString('base64').replace(/.{20}/g, '$&\\n') };
process.stdout.write((text[form.replace('der-', '')] ?? (() => raw))());
`;

let script: string;
beforeAll(async () => {
  script = join(await tempFolder(), 'sign.mjs');
  await writeFile(script, SIGN);
});

async function external(
  purpose: KeyPurpose,
  form: string,
  more: Partial<ExternalSignerOptions> = {},
): Promise<Signer> {
  const { dir } = await testKeys();
  const publicKey = createPublicKey(await privateKey(purpose));
  const command = [process.execPath, script, join(dir, KEY_PURPOSES[purpose].file), form] as const;
  return createExternalSigner({ command, publicKey, ...more });
}

async function bundle(signer: Signer, out?: string, content: Buffer = Buffer.from('x')): Promise<string> {
  const path = out ?? join(await tempFolder(), 'release.jws');
  await createBundle({
    product: PRODUCT,
    version: '1.0.0',
    audience: signer.alg === 'ES256' ? 'airgap' : 'feed',
    platform: { os: 'linux', arch: 'x64' },
    entrypoint: 'run',
    files: [{ path: 'run', source: content, mode: 0o755 }],
    signer,
    out: path,
  });
  return path;
}

describe('a signer that is a command', () => {
  it.each<[KeyPurpose, string]>([
    ['bundle', 'raw'],
    ['bundle', 'base64url'],
    ['bundle', 'lines'],
    ['airgap', 'raw'],
    ['airgap', 'der'],
    ['airgap', 'base64url'],
    ['airgap', 'der-lines'],
  ])('signs bundles with the %s key, whose signature comes as %s', async (purpose, form) => {
    const { trust } = await testKeys();
    const signer = await external(purpose, form);
    const verified = await verifyBundleFile(await bundle(signer), trust);
    expect(verified.kid).toBe(signer.kid);
  });

  it('signs a large bundle through the pipe, and publishes it under a head signed the same way', async () => {
    const { trust } = await testKeys();
    const path = await bundle(await external('bundle', 'raw'), undefined, noise(6 * 1024 * 1024));
    const feedDir = await tempFolder();
    const signer = await external('head-stable', 'base64url');
    const { path: head } = await publishToFeed({
      feedDir,
      channel: 'stable',
      bundles: [path],
      signer,
      trust,
    });
    const seen = await verifyHead(await readFile(head), {
      trust,
      channel: 'stable',
      product: PRODUCT,
      now: Date.now(),
    });
    expect(seen.version).toBe('1.0.0');
  });

  it('is given exactly the signing input, or exactly its SHA-256', async () => {
    const dir = await tempFolder();
    const payload = Buffer.from('{}');
    for (const mode of ['input', 'digest'] as const) {
      const seen = join(dir, mode);
      const signer = await external('airgap', 'raw', { mode, command: `cat > '${seen}'` });
      expect(await refusal(signer.signSmall(payload, 'typ'))).toBe('SIGNING_FAILED');
    }
    const input = await readFile(join(dir, 'input'), 'latin1');
    const [header = '', body] = input.split('.');
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({
      alg: 'ES256',
      kid: (await external('airgap', 'raw')).kid,
      typ: 'typ',
    });
    expect(body).toBe(payload.toString('base64url'));
    expect(await readFile(join(dir, 'digest'))).toEqual(createHash('sha256').update(input).digest());
  });

  it('takes a line for the shell', async () => {
    const { dir, trust } = await testKeys();
    const command = `cat | '${process.execPath}' '${script}' '${join(dir, 'bundle.pem')}' raw`;
    expect(
      await verifyBundleFile(await bundle(await external('bundle', 'raw', { command })), trust),
    ).toMatchObject({
      verified: true,
    });
  });
});

describe('a signer command is refused, and no bundle appears,', () => {
  const node = (source: string): readonly [string, ...string[]] => [process.execPath, '-e', source];

  it.each<[string, Partial<ExternalSignerOptions>, RegExp]>([
    [
      'when it fails, with the last it said',
      { command: "echo first >&2; printf 'token \\033[1mlocked\\nAborting.\\n\\n' >&2; exit 3" },
      /exit code 0, found 3: first \| token \?\[1mlocked \| Aborting\.$/,
    ],
    ['when a signal ends it', { command: 'kill -9 $$' }, /exit code 0, found SIGKILL$/],
    [
      'when it is not there',
      { command: ['coresdk-no-such-program', '--pin', '1234'] },
      /to start it, found ENOENT$/,
    ],
    [
      'when it cannot be one',
      { command: ['a\0b', '--pin', '1234'] },
      /to start it, found ERR_INVALID_ARG_VALUE$/,
    ],
    [
      'when it says nothing',
      { command: 'cat >/dev/null' },
      /signature of 256 bytes for RS256, found 0 bytes/,
    ],
    ['when it ends at once', { command: 'exit 0' }, /found 0 bytes/],
    [
      'when it is of the wrong length',
      { command: node('process.stdout.write(Buffer.alloc(255))') },
      /found 255 bytes/,
    ],
    [
      'when it is no signature',
      { command: node('process.stdout.write(Buffer.alloc(256, 1))') },
      /found another one$/,
    ],
    ['when it says too much', { command: 'yes' }, /at most 16384 bytes of output, found more$/],
    [
      'when it says very much to people',
      { command: 'yes complaint | head -c 3000000 >&2; exit 1' },
      /found 1: complaint \| complaint \| complaint$/,
    ],
    [
      'when it never ends',
      { command: 'cat >/dev/null; exec sleep 600', timeoutMs: 300 },
      /to end within 0\.3 s/,
    ],
    [
      'when what it started never ends',
      { command: 'sleep 3 & exit 0', timeoutMs: 300 },
      /to end within 0\.3 s/,
    ],
    ['when it never reads', { command: ['sleep', '600'], timeoutMs: 300 }, /to (read on|end) within 0\.3 s/],
    [
      'when it is told to digest itself, but gets the digest',
      { mode: 'digest' },
      /the SHA-256 on its standard input, found another/,
    ],
  ])('%s', async (_, more, message) => {
    const out = join(await tempFolder(), 'release.jws');
    const signer = await external('bundle', 'raw', more);
    const error: unknown = await bundle(signer, out, noise(400_000)).catch((thrown: unknown) => thrown);
    if (!(error instanceof UpdateError)) throw new Error(`expected an UpdateError, found ${String(error)}`);
    expect(error.code).toBe('SIGNING_FAILED');
    expect(error.message).toMatch(message);
    expect(JSON.stringify([error.message, error.cause ?? null])).not.toContain('1234');
    await expect(access(out)).rejects.toThrow('ENOENT');
  });

  it('when it signs with another key than the public one', async () => {
    const publicKey = createPublicKey(await privateKey('head-edge'));
    const signer = await external('bundle', 'raw', { publicKey });
    expect(await refusal(bundle(signer))).toBe('SIGNING_FAILED');
    expect(await refusal(signer.signSmall(Buffer.from('{}'), 'typ'))).toBe('SIGNING_FAILED');
  });

  it('when it is cancelled before and while it runs', async () => {
    const abort = new AbortController();
    const signer = await external('bundle', 'raw', { signal: abort.signal, command: 'exec sleep 600' });
    const signing = refusal(signer.signSmall(Buffer.from('{}'), 'typ'));
    abort.abort();
    expect(await signing).toBe('CANCELLED');
    expect(await refusal(signer.signSmall(Buffer.from('{}'), 'typ'))).toBe('CANCELLED');
  });

  it('and is not left running when the bundle fails for another reason', async () => {
    const dir = await tempFolder();
    const pidFile = join(dir, 'pid');
    const signer = await external('bundle', 'raw', {
      command: ['sh', '-c', `echo $$ > '${pidFile}'; exec sleep 600`],
    });
    const signature = signer.stream();
    let pid = 0;
    while (pid === 0) pid = Number(await readFile(pidFile, 'utf8').catch(() => '0'));
    await signature[Symbol.asyncDispose]();
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  it('and says the first reason again, not what came of it', async () => {
    const abort = new AbortController();
    await using running = startCommand(['sleep', '600'], { timeoutMs: 60_000, signal: abort.signal });
    abort.abort();
    expect(await refusal(running.finish())).toBe('CANCELLED');
    await running[Symbol.asyncDispose]();
    expect(await refusal(running.finish())).toBe('CANCELLED');
    expect(await refusal(running.write('x'))).toBe('CANCELLED');
  });

  it.each<[string, () => KeyObject]>([
    ['a weak public key', () => generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey],
    [
      'an RSA key with e = 3',
      () => generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).publicKey,
    ],
    ['another curve', () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey],
    ['another kind', () => generateKeyPairSync('ed25519').publicKey],
  ])('with %s, at once', async (_, publicKey) => {
    expect(await refusal(() => createExternalSigner({ command: 'true', publicKey: publicKey() }))).toBe(
      'SIGNING_FAILED',
    );
  });
});

describe('a signer in memory', () => {
  it('streams the same RS256 signature as node makes in one go', async () => {
    const key = await privateKey('bundle');
    await using stream = makeSigner(key).stream();
    await stream.update('a.');
    await stream.update('b');
    expect(await stream.sign()).toBe(createSign('sha256').update('a.b').sign(key).toString('base64url'));
  });
});
