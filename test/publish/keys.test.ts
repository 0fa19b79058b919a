import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { importTrustSet } from '../../src/bundle/trust-set.ts';
import { generateKeys, KEY_PURPOSES, type KeyPurpose } from '../../src/publish/keys.ts';
import { loadSigner, loadSignerFor } from '../../src/publish/signer.ts';
import { readTrustFile } from '../../src/publish/trust-file.ts';
import { PRODUCT, testKeys } from '../fixtures/keys.ts';
import { refusal } from '../fixtures/refusal.ts';
import { tempFolder } from '../fixtures/release.ts';

const mode = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);

describe('generateKeys', () => {
  it('writes four private keys that only their owner can read, and the trust file', async () => {
    const { dir, trustFile } = await testKeys();
    expect((await readdir(dir)).sort()).toEqual([
      'airgap.pem',
      'bundle.pem',
      'head-edge.pem',
      'head-stable.pem',
      'trust.json',
    ]);
    expect(await mode(dir)).toBe('700');
    for (const { file } of Object.values(KEY_PURPOSES)) expect(await mode(join(dir, file))).toBe('600');
    expect(await mode(trustFile)).toBe('644');
    expect(await readFile(join(dir, 'airgap.pem'), 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    expect(await readFile(trustFile, 'utf8')).not.toMatch(/"d"|PRIVATE/);
  });

  it('binds each key to its algorithm, use and audiences', async () => {
    const { dir, trust, trustFile } = await testKeys();
    expect(trust).toMatchObject({ product: PRODUCT, development: true });
    expect(await readTrustFile(trustFile)).toMatchObject({ product: PRODUCT });
    for (const [purpose, { alg, use, audiences }] of Object.entries(KEY_PURPOSES)) {
      const signer = await loadSignerFor(dir, purpose as KeyPurpose);
      expect(trust.keys.get(signer.kid)).toMatchObject({ alg, use, audiences, notAfter: null });
    }
    expect(trust.keys.size).toBe(4);
  });

  it('uses RSA keys of 3072 bits unless told otherwise', async () => {
    const dir = join(await tempFolder(), 'new', 'keys');
    const { trust } = await generateKeys({ product: PRODUCT, dir });
    expect(importTrustSet(trust).development).toBe(false);
    const key = createPrivateKey(await readFile(join(dir, 'bundle.pem')));
    expect(key.asymmetricKeyDetails?.modulusLength).toBe(3072);
  });

  it.each(['head-stable.pem', 'trust.json'])('writes nothing where there is %s already', async (name) => {
    const dir = await tempFolder();
    await writeFile(join(dir, name), 'precious');
    expect(await refusal(generateKeys({ product: PRODUCT, dir, modulusLength: 2048 }))).toBe('KEYS_EXIST');
    expect(await readdir(dir)).toEqual([name]);
    expect(await readFile(join(dir, name), 'utf8')).toBe('precious');
  });

  it('says where it cannot write', async () => {
    const dir = join(await tempFolder(), 'file');
    await writeFile(dir, '');
    expect(await refusal(generateKeys({ product: PRODUCT, dir, modulusLength: 2048 }))).toBe('WRITE_FAILED');
  });
});

describe('loadSigner', () => {
  it('refuses what is not a private RSA or P-256 key', async () => {
    const dir = await tempFolder();
    const { trustFile } = await testKeys();
    const pem = async (
      name: string,
      key: { privateKey: ReturnType<typeof createPrivateKey> },
    ): Promise<string> => {
      const path = join(dir, name);
      await writeFile(path, key.privateKey.export({ format: 'pem', type: 'pkcs8' }));
      return path;
    };
    const wrong = [
      join(dir, 'absent'),
      trustFile,
      await pem('weak', generateKeyPairSync('rsa', { modulusLength: 1024 })),
      await pem('p384', generateKeyPairSync('ec', { namedCurve: 'P-384' })),
      await pem('ed', generateKeyPairSync('ed25519')),
    ];
    for (const path of wrong) expect(await refusal(loadSigner(path)), path).toBe('SIGNING_FAILED');
  });
});

describe('readTrustFile', () => {
  it('refuses what is absent, no strict JSON, or no trust set', async () => {
    const dir = await tempFolder();
    await mkdir(join(dir, 'folder'));
    await writeFile(join(dir, 'duplicate'), '{"schema":1,"schema":1}');
    await writeFile(join(dir, 'empty'), '{}');
    await chmod(join(dir, 'empty'), 0o600);
    for (const name of ['duplicate', 'empty'])
      expect(await refusal(readTrustFile(join(dir, name))), name).toBe('TRUST_SET_INVALID');
    for (const name of ['absent', 'folder'])
      expect(await refusal(readTrustFile(join(dir, name))), name).toBe('TRUST_FILE_NOT_FOUND');
  });
});
