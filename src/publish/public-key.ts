import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { TrustSet } from '../bundle/trust.ts';
import { UpdateError } from '../errors.ts';
import { describePublicKey } from './signer.ts';

/**
 * Finds a public key that somebody names: by its `kid` in a trust set, or by a file with it.
 *
 * @param name - a `kid` (43 characters), or the path of a file: PEM, JWK, or the DER that PKCS#11 tools write (SPKI)
 * @param trust - where a `kid` is looked up
 * @throws UpdateError `SIGNING_FAILED` when it cannot be read, is a private key, or is not RSA of 2048 to 8192 bits or EC P-256
 * @example
 * const publicKey = await readPublicKey('hsm/bundle.der');
 */
export async function readPublicKey(name: string, trust?: TrustSet): Promise<KeyObject> {
  const known = trust?.keys.get(name);
  if (known !== undefined) return known.key;
  let key: KeyObject;
  try {
    key = parsePublicKey(await readFile(name));
  } catch (cause) {
    const which = trust === undefined ? 'a file with one' : 'a kid of the trust set or a file with one';
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UpdateError('SIGNING_FAILED', `the public key ${name}: expected ${which}: ${why}`, { cause });
  }
  describePublicKey(key);
  return key;
}

/**
 * Reads a public key from the bytes of a file: PEM, JWK or DER (SPKI).
 *
 * @throws Error of any kind when they hold no public key; a private key is refused, since it does not belong where a public one is
 * expected
 */
export function parsePublicKey(bytes: Buffer): KeyObject {
  const text = bytes.toString('latin1').trimStart();
  if (text.startsWith('{')) {
    const jwk = JSON.parse(text) as Record<string, unknown>;
    if ('d' in jwk) throw new Error('it is a private key');
    return createPublicKey({ format: 'jwk', key: jwk });
  }
  if (!text.includes('-----BEGIN ')) return createPublicKey({ format: 'der', type: 'spki', key: bytes });
  if (text.includes('PRIVATE KEY-----')) throw new Error('it is a private key');
  return createPublicKey({ format: 'pem', key: bytes });
}
