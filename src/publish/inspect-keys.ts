import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hasErrno, UpdateError } from '../errors.ts';
import type { TrustKey } from '../bundle/trust.ts';
import { readPrivateKey, type AskPassphrase } from './private-key.ts';
import { parsePublicKey } from './public-key.ts';
import { describePublicKey } from './signer.ts';
import { readTrustFile } from './trust-file.ts';

/** One key, as a person wants to see it. The public part only. */
export interface InspectedKey {
  readonly kid: string;
  readonly alg: 'RS256' | 'ES256';
  /** What it may sign, and for whom; null for a key file, which does not say. */
  readonly use: TrustKey['use'] | null;
  readonly audiences: TrustKey['audiences'] | null;
  /** Bits of the modulus (RSA) or of the curve (EC). */
  readonly bits: number;
  /** When it ends, as in RFC 3339; null for no end. */
  readonly not_after: string | null;
}

/** What a file of keys holds. */
export interface InspectedKeys {
  readonly kind: 'trust set' | 'public key' | 'private key';
  /** Of a trust set; null for a key file. */
  readonly product: string | null;
  /** Whether a trust set is marked as throw-away. */
  readonly development: boolean;
  readonly keys: readonly InspectedKey[];
}

/**
 * Shows the keys of a trust file, or the one key of a PEM file (public, or private and then its public part). Each is checked as a
 * program would.
 *
 * @param options - `passphrase`: asked only for an encrypted private key
 * @throws UpdateError `TRUST_FILE_NOT_FOUND`; `TRUST_SET_INVALID` for a file that is no trust set, or holds a key that may not be
 * used; `SIGNING_FAILED` for a PEM file that holds no usable key, or whose passphrase is missing or wrong
 * @example
 * const { keys } = await inspectKeys('keys/trust.json');
 */
export async function inspectKeys(
  path: string,
  options: { readonly passphrase?: AskPassphrase | undefined } = {},
): Promise<InspectedKeys> {
  const bytes = await read(path);
  const text = bytes.toString('latin1');
  if (!text.includes('-----BEGIN ')) return inspectTrustFile(path);
  if (text.includes('PRIVATE KEY-----'))
    return single('private key', createPublicKey(await readPrivateKey(path, options.passphrase)));
  return single('public key', publicKeyOf(path, bytes));
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const found = hasErrno(error, 'ENOENT', 'ENOTDIR') ? 'no file at' : 'what cannot be read at';
    throw new UpdateError('TRUST_FILE_NOT_FOUND', `expected a trust file or a key, found ${found} ${path}`, {
      cause: error,
    });
  }
}

function publicKeyOf(path: string, bytes: Buffer): KeyObject {
  try {
    return parsePublicKey(bytes);
  } catch (error) {
    throw UpdateError.from(error, 'SIGNING_FAILED', `${path} holds no public key`);
  }
}

async function inspectTrustFile(path: string): Promise<InspectedKeys> {
  const { product, development, keys } = await readTrustFile(path);
  return {
    kind: 'trust set',
    product,
    development,
    keys: [...keys.values()].map(({ kid, alg, use, audiences, notAfter, key }) => ({
      kid,
      alg,
      use,
      audiences,
      bits: bitsOf(key),
      not_after: notAfter === null ? null : new Date(notAfter).toISOString(),
    })),
  };
}

function single(kind: 'public key' | 'private key', key: KeyObject): InspectedKeys {
  const { kid, alg } = describePublicKey(key);
  const shown = { kid, alg, use: null, audiences: null, bits: bitsOf(key), not_after: null };
  return { kind, product: null, development: false, keys: [shown] };
}

/** RSA: of the modulus; EC is P-256 only. */
function bitsOf(key: KeyObject): number {
  return key.asymmetricKeyDetails?.modulusLength ?? 256;
}
