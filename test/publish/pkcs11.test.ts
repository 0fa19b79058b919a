/**
 * Signing with keys that never leave a PKCS#11 token (SoftHSM). Needs softhsm2 and opensc of Debian; without them the tests are
 * skipped, but on CI they fail.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { importTrustSet } from '../../src/bundle/trust-set.ts';
import { verifyHead } from '../../src/bundle/head-document.ts';
import type { TrustSet } from '../../src/bundle/trust.ts';
import { createBundle } from '../../src/publish/bundle-writer.ts';
import { createExternalSigner, type SignerMode } from '../../src/publish/external-signer.ts';
import { publishToFeed } from '../../src/publish/feed.ts';
import { verifyBundleFile } from '../../src/publish/verify-bundle.ts';
import { generateKeys } from '../../src/publish/keys.ts';
import { readPublicKey } from '../../src/publish/public-key.ts';
import { PRODUCT } from '../fixtures/keys.ts';
import { noise } from '../fixtures/noise.ts';
import { refusal } from '../fixtures/refusal.ts';
import { tempFolder } from '../fixtures/release.ts';

const run = promisify(execFile);

const MODULE = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib64/softhsm/libsofthsm2.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
].find((path) => existsSync(path));

const onPath = (name: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((dir) => existsSync(join(dir, name)));

const missing = [
  ...(MODULE === undefined ? ['libsofthsm2.so (Debian: softhsm2)'] : []),
  ...(onPath('softhsm2-util') ? [] : ['softhsm2-util (Debian: softhsm2)']),
  ...(onPath('pkcs11-tool') ? [] : ['pkcs11-tool (Debian: opensc)']),
];
const required = (process.env['CI'] ?? '') !== '';
const skipped = missing.length > 0 && !required;
if (skipped) console.warn(`SKIPPED: signing with a PKCS#11 token: missing ${missing.join(', ')}`);

const PIN = '987654';
/** SHA-256's DigestInfo up to the digest (RFC 8017 section 9.2, note 1), as `printf` takes it: CKM_RSA_PKCS adds only the padding. */
const DIGEST_INFO =
  '\\060\\061\\060\\015\\006\\011\\140\\206\\110\\001\\145\\003\\004\\002\\001\\005\\000\\004\\040';

/** One key of the token for each purpose: its id, and its type. */
const KEYS = {
  bundle: ['01', 'rsa:3072'],
  'head-stable': ['02', 'rsa:3072'],
  airgap: ['03', 'EC:prime256v1'],
} as const;

describe.skipIf(skipped)('keys in a PKCS#11 token', () => {
  let dir: string;
  let trust: TrustSet;

  const environment = (): string =>
    `SOFTHSM2_CONF='${join(dir, 'softhsm2.conf')}' TOKEN_PIN='${PIN}' pkcs11-tool --module '${String(MODULE)}' --token-label publisher`;
  const shell = async (command: string): Promise<void> => {
    await run('sh', ['-c', command]);
  };

  beforeAll(async () => {
    if (missing.length > 0) throw new Error(`CI must have ${missing.join(', ')}`);
    dir = await tempFolder();
    await mkdir(join(dir, 'tokens'));
    await writeFile(
      join(dir, 'softhsm2.conf'),
      `directories.tokendir = ${join(dir, 'tokens')}\nobjectstore.backend = file\nlog.level = ERROR\n`,
    );
    await shell(
      `SOFTHSM2_CONF='${join(dir, 'softhsm2.conf')}' softhsm2-util --init-token --free --label publisher --so-pin 123456 --pin ${PIN}`,
    );
    for (const [purpose, [id, type]] of Object.entries(KEYS)) {
      await shell(
        `${environment()} --login --pin env:TOKEN_PIN --keypairgen --key-type ${type} --id ${id} --usage-sign`,
      );
      await shell(
        `${environment()} --read-object --type pubkey --id ${id} --output-file '${join(dir, purpose)}.der'`,
      );
    }
    const publicKeys = Object.fromEntries(
      await Promise.all(
        Object.keys(KEYS).map(async (purpose) => [purpose, await readPublicKey(join(dir, `${purpose}.der`))]),
      ),
    ) as NonNullable<Parameters<typeof generateKeys>[0]['publicKeys']>;
    const made = await generateKeys({
      product: PRODUCT,
      dir: join(dir, 'keys'),
      modulusLength: 2048,
      publicKeys,
    });
    trust = importTrustSet(made.trust);
  });

  const signer = async (
    purpose: keyof typeof KEYS,
    how: string,
    mode: SignerMode,
    pin = 'env:TOKEN_PIN',
  ): Promise<ReturnType<typeof createExternalSigner>> => {
    const command = `${environment()} --login --pin ${pin} --id ${KEYS[purpose][0]} --sign ${how}`;
    return createExternalSigner({
      // pkcs11-tool takes its first read for the whole: dd makes one write of both.
      command: how.includes('-m RSA-PKCS')
        ? `(printf '${DIGEST_INFO}'; cat) | dd obs=512 2>/dev/null | ${command}`
        : command,
      publicKey: await readPublicKey(join(dir, `${purpose}.der`)),
      mode,
    });
  };

  const release = async (from: ReturnType<typeof createExternalSigner>): Promise<string> => {
    const out = join(await tempFolder(), 'release.jws');
    await createBundle({
      product: PRODUCT,
      version: '1.0.0',
      audience: from.alg === 'ES256' ? 'airgap' : 'feed',
      platform: { os: 'linux', arch: 'x64' },
      entrypoint: 'run',
      files: [{ path: 'run', source: noise(300_000), mode: 0o755 }],
      signer: from,
      out,
    });
    return out;
  };

  it('has none of the private keys on disk in the publisher’s folder', async () => {
    for (const purpose of Object.keys(KEYS))
      await expect(access(join(dir, 'keys', `${purpose}.pem`))).rejects.toThrow('ENOENT');
  });

  it.each<[keyof typeof KEYS, string, SignerMode]>([
    ['bundle', '-m SHA256-RSA-PKCS', 'input'],
    ['bundle', '-m RSA-PKCS', 'digest'],
    ['airgap', '-m ECDSA --signature-format rs', 'digest'],
    ['airgap', '-m ECDSA --signature-format sequence', 'digest'],
  ])('sign a bundle: %s with %s on the %s', async (purpose, how, mode) => {
    const from = await signer(purpose, how, mode);
    expect(await verifyBundleFile(await release(from), trust)).toMatchObject({
      verified: true,
      kid: from.kid,
    });
  });

  it('sign the head of a feed', async () => {
    const bundle = await release(await signer('bundle', '-m SHA256-RSA-PKCS', 'input'));
    const { path } = await publishToFeed({
      feedDir: await tempFolder(),
      channel: 'stable',
      bundles: [bundle],
      signer: await signer('head-stable', '-m SHA256-RSA-PKCS', 'input'),
      trust,
    });
    const now = Date.now();
    const head = await verifyHead(await readFile(path), { trust, channel: 'stable', product: PRODUCT, now });
    expect(head.version).toBe('1.0.0');
  });

  it('refuse to sign with a wrong PIN, and say why', async () => {
    const from = await signer('bundle', '-m SHA256-RSA-PKCS', 'input', '000000');
    await expect(from.signSmall(Buffer.from('{}'), 'typ')).rejects.toThrow(/found 1: .*CKR_PIN_INCORRECT/);
  });

  it('refuse what another key of the token signed', async () => {
    const publicKey = await readPublicKey(join(dir, 'head-stable.der'));
    const command = `${environment()} --login --pin env:TOKEN_PIN --id 01 --sign -m SHA256-RSA-PKCS`;
    const from = createExternalSigner({ command, publicKey });
    expect(await refusal(from.signSmall(Buffer.from('{}'), 'typ'))).toBe('SIGNING_FAILED');
  });
});
