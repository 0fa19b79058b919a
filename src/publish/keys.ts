/**
 * A publisher's keys.
 *
 * Invariants: private keys are written once, 0600, into a folder that only its owner can enter, and never overwritten; each
 * key is for one purpose, so that what leaks with one machine is one purpose.
 */
import { generateKeyPair, type KeyObject } from 'node:crypto';
import { chmod, lstat, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { importTrustSet, thumbprint } from '../bundle/trust-set.ts';
import type { TrustFile } from '../bundle/trust.ts';
import { hasErrno, UpdateError } from '../errors.ts';
import { encryptPrivateKey } from './encrypted-pkcs8.ts';
import { publicJwk } from './public-jwk.ts';

const generate = promisify(generateKeyPair);

/** The private keys of a publisher, by purpose: their file, and what they may sign. */
export const KEY_PURPOSES = {
  bundle: { file: 'bundle.pem', alg: 'RS256', use: 'bundle', audiences: ['stable', 'edge'] },
  'head-edge': { file: 'head-edge.pem', alg: 'RS256', use: 'head', audiences: ['edge'] },
  'head-stable': { file: 'head-stable.pem', alg: 'RS256', use: 'head', audiences: ['stable'] },
  airgap: { file: 'airgap.pem', alg: 'ES256', use: 'bundle', audiences: ['airgap'] },
} as const;

/** What a private key is for. */
export type KeyPurpose = keyof typeof KEY_PURPOSES;

/** The trust file's name in the folder of keys. */
export const TRUST_FILE = 'trust.json';

/** How keys are generated. */
export interface GenerateKeysOptions {
  /** The product that the trust set is for. */
  readonly product: string;
  /** The folder; made with mode 0700 if it is not there. */
  readonly dir: string;
  /** Marks the trust set as throw-away. */
  readonly development?: boolean;
  /** Bits of the RSA keys; 3072 unless told. */
  readonly modulusLength?: number;
  /** Encrypts the private keys (PKCS#8, AES-256-CBC); in the clear unless told. See `readPassphrase`. */
  readonly passphrase?: string | undefined;
  /**
   * Keys that are kept elsewhere, in an HSM or KMS (`createExternalSigner`): for these purposes no private key is written, and
   * the trust file names these public keys.
   */
  readonly publicKeys?: Readonly<Partial<Record<KeyPurpose, KeyObject>>> | undefined;
}

/** What was generated. */
export interface GeneratedKeys {
  readonly dir: string;
  readonly trustFile: string;
  readonly trust: TrustFile;
}

/**
 * Generates the four key pairs of a publisher and writes them with their trust file.
 *
 * @throws UpdateError `KEYS_EXIST` when one of the files is there already (nothing is written then), `WRITE_FAILED`,
 * `SIGNING_FAILED` for a passphrase that cannot be used, `TRUST_SET_INVALID` for a public key that does not fit its purpose
 * @example
 * const { trustFile } = await generateKeys({ product: 'coresdk-sidecar', dir: 'keys' });
 */
export async function generateKeys(options: GenerateKeysOptions): Promise<GeneratedKeys> {
  try {
    return await generateInto(options.dir, options);
  } catch (error) {
    throw UpdateError.from(error, 'WRITE_FAILED', `keys cannot be written to ${options.dir}`);
  }
}

async function generateInto(dir: string, options: GenerateKeysOptions): Promise<GeneratedKeys> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const purposes = Object.values(KEY_PURPOSES);
  for (const name of [...purposes.map(({ file }) => file), TRUST_FILE]) await expectAbsent(join(dir, name));
  await chmod(dir, 0o700);

  const made = await Promise.all(
    (Object.keys(KEY_PURPOSES) as KeyPurpose[]).map((purpose) => makeKey(purpose, options)),
  );
  const trust: TrustFile = {
    schema: 1,
    product: options.product,
    ...(options.development === undefined ? {} : { development: options.development }),
    keys: made.map(({ entry }) => entry),
  };
  // What no program would take must not be written.
  importTrustSet(trust);
  for (const { file, pem } of made) if (pem !== null) await writeOnce(join(dir, file), pem, 0o600);
  const trustFile = join(dir, TRUST_FILE);
  await writeOnce(trustFile, `${JSON.stringify(trust, null, 2)}\n`, 0o644);
  return { dir, trustFile, trust };
}

/** A key for a purpose; `pem` is null where the private key is kept elsewhere. */
async function makeKey(
  purpose: KeyPurpose,
  options: GenerateKeysOptions,
): Promise<{ file: string; pem: string | Buffer | null; entry: TrustFile['keys'][number] }> {
  const { file, alg, use, audiences } = KEY_PURPOSES[purpose];
  const entryOf = (key: KeyObject): TrustFile['keys'][number] => {
    const jwk = publicJwk(key);
    return { kid: thumbprint(jwk), alg, use, audiences: [...audiences], jwk };
  };
  const elsewhere = options.publicKeys?.[purpose];
  if (elsewhere !== undefined) return { file, pem: null, entry: entryOf(elsewhere) };
  const { publicKey, privateKey } = await generatePair(alg, options.modulusLength ?? 3072);
  return { file, pem: await privatePem(privateKey, options.passphrase), entry: entryOf(publicKey) };
}

async function privatePem(key: KeyObject, passphrase: string | undefined): Promise<string | Buffer> {
  if (passphrase !== undefined) return encryptPrivateKey(key, passphrase);
  return key.export({ format: 'pem', type: 'pkcs8' });
}

async function generatePair(
  alg: 'RS256' | 'ES256',
  modulusLength: number,
): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  return alg === 'RS256'
    ? generate('rsa', { modulusLength, publicExponent: 65537 })
    : generate('ec', { namedCurve: 'P-256' });
}

async function expectAbsent(path: string): Promise<void> {
  try {
    await lstat(path);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return;
    throw error;
  }
  throw exists(path);
}

async function writeOnce(path: string, content: string | Buffer, mode: number): Promise<void> {
  try {
    await writeFile(path, content, { flag: 'wx', mode, flush: true });
  } catch (error) {
    throw hasErrno(error, 'EEXIST') ? exists(path, error) : error;
  }
}

function exists(path: string, cause?: unknown): UpdateError {
  return new UpdateError('KEYS_EXIST', `expected no file at ${path}, found one`, { cause });
}
