import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectKeys } from '../../src/publish/inspect-keys.ts';
import { readPublicKey } from '../../src/publish/public-key.ts';
import { loadSignerFor } from '../../src/publish/signer.ts';
import { PRODUCT, testKeys } from '../fixtures/keys.ts';
import { refusal } from '../fixtures/refusal.ts';
import { tempFolder } from '../fixtures/release.ts';

const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });

describe('inspectKeys', () => {
  it('shows each key of a trust file with what it is bound to', async () => {
    const { dir, trustFile, trustContent } = await testKeys();
    const seen = await inspectKeys(trustFile);
    expect(seen).toMatchObject({ kind: 'trust set', product: PRODUCT, development: true });
    expect(
      seen.keys.map(({ alg, use, audiences, bits, not_after: end }) => [alg, use, audiences, bits, end]),
    ).toEqual([
      ['RS256', 'bundle', ['stable', 'edge'], 2048, null],
      ['RS256', 'head', ['edge'], 2048, null],
      ['RS256', 'head', ['stable'], 2048, null],
      ['ES256', 'bundle', ['airgap'], 256, null],
    ]);
    const ending = join(await tempFolder(), 'trust.json');
    const keys = trustContent.keys.map((key) => ({ ...key, not_after: '2030-01-02T03:04:05Z' }));
    await writeFile(ending, JSON.stringify({ ...trustContent, keys }));
    expect((await inspectKeys(ending)).keys[0]).toMatchObject({
      kid: (await loadSignerFor(dir, 'bundle')).kid,
      not_after: '2030-01-02T03:04:05.000Z',
    });
  });

  it('shows the public part of a private key, and a public key', async () => {
    const { dir } = await testKeys();
    const { kid } = await loadSignerFor(dir, 'airgap');
    const found = { kid, alg: 'ES256', use: null, audiences: null, bits: 256, not_after: null };
    const own = await inspectKeys(join(dir, 'airgap.pem'));
    expect(own).toEqual({ kind: 'private key', product: null, development: false, keys: [found] });
    const pub = join(await tempFolder(), 'pub.pem');
    const key = createPublicKey(createPrivateKey(await readFile(join(dir, 'airgap.pem'))));
    await writeFile(pub, key.export({ format: 'pem', type: 'spki' }));
    expect(await inspectKeys(pub)).toEqual({ ...own, kind: 'public key' });
  });

  it('asks for the passphrase of an encrypted key', async () => {
    const path = join(await tempFolder(), 'key.pem');
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await writeFile(
      path,
      privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' }),
    );
    expect(await inspectKeys(path, { passphrase: async () => 'x' })).toMatchObject({ kind: 'private key' });
    expect(await refusal(inspectKeys(path))).toBe('SIGNING_FAILED');
  });

  it('refuses files that hold no key that may be used', async () => {
    const dir = await tempFolder();
    const { trustContent } = await testKeys();
    const wrong: [string, string, string][] = [
      ['text', 'hello', 'TRUST_SET_INVALID'],
      ['damaged.pem', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n', 'SIGNING_FAILED'],
      ['p384.pem', p384.publicKey.export({ format: 'pem', type: 'spki' }), 'SIGNING_FAILED'],
      ['trust.json', JSON.stringify({ ...trustContent, keys: [] }), 'TRUST_SET_INVALID'],
    ];
    for (const [name, content, code] of wrong) {
      await writeFile(join(dir, name), content);
      expect(await refusal(inspectKeys(join(dir, name))), name).toBe(code);
    }
    expect(await refusal(inspectKeys(join(dir, 'absent')))).toBe('TRUST_FILE_NOT_FOUND');
  });
});

describe('readPublicKey', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  it('finds a key by its kid, and in PEM, JWK and DER files', async () => {
    const { trust } = await testKeys();
    for (const [kid, { key }] of trust.keys) expect((await readPublicKey(kid, trust)).equals(key)).toBe(true);
    const dir = await tempFolder();
    const forms = {
      pem: publicKey.export({ format: 'pem', type: 'spki' }),
      der: publicKey.export({ format: 'der', type: 'spki' }),
      jwk: JSON.stringify(publicKey.export({ format: 'jwk' })),
    };
    for (const [name, content] of Object.entries(forms)) {
      await writeFile(join(dir, name), content);
      expect((await readPublicKey(join(dir, name), trust)).equals(publicKey), name).toBe(true);
    }
  });

  it('refuses private keys, other kinds, and what is no key', async () => {
    const dir = await tempFolder();
    const { trust } = await testKeys();
    const wrong = {
      'private.pem': privateKey.export({ format: 'pem', type: 'pkcs8' }),
      'private.jwk': JSON.stringify(privateKey.export({ format: 'jwk' })),
      'p384.der': p384.publicKey.export({ format: 'der', type: 'spki' }),
      text: 'hello',
      json: '{',
      empty: '',
    };
    for (const [name, content] of Object.entries(wrong)) {
      await writeFile(join(dir, name), content);
      expect(await refusal(readPublicKey(join(dir, name), trust)), name).toBe('SIGNING_FAILED');
    }
    expect(await refusal(readPublicKey('A'.repeat(43), trust))).toBe('SIGNING_FAILED');
  });
});
