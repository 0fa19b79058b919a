import { execFile } from 'node:child_process';
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { UpdateError } from '../../src/errors.ts';
import { encryptPrivateKey, PBKDF2_ROUNDS } from '../../src/publish/encrypted-pkcs8.ts';
import { generateKeys, KEY_PURPOSES, type KeyPurpose } from '../../src/publish/keys.ts';
import { loadSigner, loadSignerFor } from '../../src/publish/signer.ts';
import { PRODUCT, testKeys } from '../fixtures/keys.ts';
import { refusal } from '../fixtures/refusal.ts';
import { tempFolder } from '../fixtures/release.ts';

const run = promisify(execFile);
const PASSPHRASE = 'correct horse bättery staple';

describe('generateKeys with a passphrase', () => {
  let dir: string;
  beforeAll(async () => {
    dir = join(await tempFolder(), 'keys');
    await generateKeys({ product: PRODUCT, dir, modulusLength: 2048, passphrase: PASSPHRASE });
  });

  it('writes every private key encrypted, 0600, and the passphrase nowhere', async () => {
    for (const { file } of Object.values(KEY_PURPOSES)) {
      const pem = await readFile(join(dir, file), 'utf8');
      expect(pem).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/);
      expect(() => createPrivateKey(pem)).toThrow();
      expect((await stat(join(dir, file))).mode & 0o777).toBe(0o600);
      expect(pem).not.toContain(PASSPHRASE);
    }
  });

  it('gives keys that sign once the passphrase is known, and asks once a key', async () => {
    let asked = 0;
    const passphrase = async (): Promise<string> => {
      asked += 1;
      return PASSPHRASE;
    };
    const trust = JSON.parse(await readFile(join(dir, 'trust.json'), 'utf8')) as { keys: { kid: string }[] };
    const kids: string[] = [];
    for (const purpose of Object.keys(KEY_PURPOSES) as KeyPurpose[])
      kids.push((await loadSignerFor(dir, purpose, { passphrase })).kid);
    expect(kids).toEqual(trust.keys.map(({ kid }) => kid));
    expect(asked).toBe(4);
  });

  it.each<[string, (() => Promise<string>) | undefined, RegExp]>([
    ['a wrong passphrase', async () => 'wrong', /the passphrase is wrong/],
    ['an empty one', async () => '', /found an empty one/],
    ['one that is far too long', async () => 'x'.repeat(5000), /the passphrase is wrong/],
    ['none', undefined, /expected a passphrase, found none/],
  ])('refuses %s in one line that names the file', async (_, passphrase, message) => {
    const error: unknown = await loadSigner(join(dir, 'airgap.pem'), { passphrase }).catch(
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof UpdateError)) throw new Error('expected an UpdateError');
    expect(error.code).toBe('SIGNING_FAILED');
    expect(error.message).toMatch(message);
    expect(error.message).toContain('airgap.pem');
    expect(error.message).not.toContain('\n');
  });

  it('hands on what the question was refused with', async () => {
    const passphrase = (): Promise<string> => Promise.reject(new UpdateError('CANCELLED', 'no'));
    expect(await refusal(loadSigner(join(dir, 'airgap.pem'), { passphrase }))).toBe('CANCELLED');
  });

  it('can be read by openssl, which shows the rounds and the cipher', async () => {
    const file = join(dir, 'bundle.pem');
    const { stdout } = await run('openssl', ['asn1parse', '-in', file]);
    expect(stdout).toContain('PBES2');
    expect(stdout).toContain('hmacWithSHA256');
    expect(stdout).toContain('aes-256-cbc');
    expect(stdout).toContain(PBKDF2_ROUNDS.toString(16).toUpperCase());
    const secret = join(await tempFolder(), 'pass');
    await writeFile(secret, PASSPHRASE, { mode: 0o600 });
    const key = await run('openssl', ['pkey', '-in', file, '-passin', `file:${secret}`, '-pubout']);
    const expected = createPublicKey(createPrivateKey({ key: await readFile(file), passphrase: PASSPHRASE }));
    expect(createPublicKey(key.stdout).equals(expected)).toBe(true);
  });
});

describe('loadSigner', () => {
  it('asks for nothing when the key is in the clear', async () => {
    const { dir } = await testKeys();
    const passphrase = (): Promise<string> => Promise.reject(new Error('asked'));
    expect((await loadSignerFor(dir, 'airgap', { passphrase })).alg).toBe('ES256');
  });

  it('reads the encrypted keys of openssl, old form and new', async () => {
    const dir = await tempFolder();
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    for (const type of ['sec1', 'pkcs8'] as const) {
      const path = join(dir, type);
      await writeFile(
        path,
        privateKey.export({ format: 'pem', type, cipher: 'aes-256-cbc', passphrase: 'x' }),
      );
      expect((await loadSigner(path, { passphrase: async () => 'x' })).alg).toBe('ES256');
      expect(await refusal(loadSigner(path))).toBe('SIGNING_FAILED');
    }
  });
});

describe('encryptPrivateKey', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  it('never makes the same file twice', async () => {
    const [one, two] = await Promise.all([
      encryptPrivateKey(privateKey, 'x'),
      encryptPrivateKey(privateKey, 'x'),
    ]);
    expect(one).not.toBe(two);
    for (const key of [one, two])
      expect(createPrivateKey({ key, passphrase: 'x' }).equals(privateKey)).toBe(true);
  });

  it.each([
    ['an empty passphrase', ''],
    ['one of 1025 bytes', 'ä'.repeat(512) + 'x'],
  ])('refuses %s', async (_, passphrase) => {
    expect(await refusal(encryptPrivateKey(privateKey, passphrase))).toBe('SIGNING_FAILED');
  });

  it('takes the longest passphrase that OpenSSL takes', async () => {
    const passphrase = 'x'.repeat(1024);
    const key = await encryptPrivateKey(privateKey, passphrase);
    expect(createPrivateKey({ key, passphrase }).equals(privateKey)).toBe(true);
  });

  it('leaves nothing behind when keys cannot be encrypted', async () => {
    const dir = await tempFolder();
    expect(await refusal(generateKeys({ product: PRODUCT, dir, modulusLength: 2048, passphrase: '' }))).toBe(
      'SIGNING_FAILED',
    );
    expect(await readdir(dir)).toEqual([]);
  });
});

describe('generateKeys with public keys of keys that are elsewhere', () => {
  const ec = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;

  it('writes no private key for them, and names them in the trust file', async () => {
    const dir = await tempFolder();
    const { trust } = await generateKeys({
      product: PRODUCT,
      dir,
      modulusLength: 2048,
      publicKeys: { airgap: ec() },
    });
    expect((await readdir(dir)).sort()).toEqual([
      'bundle.pem',
      'head-edge.pem',
      'head-stable.pem',
      'trust.json',
    ]);
    expect(trust.keys.at(-1)).toMatchObject({ alg: 'ES256', use: 'bundle', audiences: ['airgap'] });
  });

  it.each<[string, () => KeyObject, string]>([
    ['of another kind than its purpose', ec, 'TRUST_SET_INVALID'],
    [
      'that is weak',
      () => generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey,
      'TRUST_SET_INVALID',
    ],
    [
      'of another curve',
      () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey,
      'SIGNING_FAILED',
    ],
  ])('refuses one %s, and writes nothing', async (_, key, code) => {
    const dir = await tempFolder();
    const publicKeys = { bundle: key() };
    expect(await refusal(generateKeys({ product: PRODUCT, dir, modulusLength: 2048, publicKeys }))).toBe(
      code,
    );
    expect(await readdir(dir)).toEqual([]);
  });
});
