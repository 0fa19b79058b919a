import { constants, createPrivateKey, createPublicKey, createSign, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CompactSign } from 'jose';
import { thumbprint } from '../bundle/trust-set.ts';
import { UpdateError } from '../errors.ts';
import { KEY_PURPOSES, type KeyPurpose } from './keys.ts';
import { publicJwk } from './public-jwk.ts';

/** Signs what comes in pieces; used once. */
export interface StreamSigner {
  update(chunk: string): void;
  /** The signature in base64url. */
  sign(): string;
}

/** A private key that can sign. Never shows the key itself. */
export interface Signer {
  /** RFC 7638 thumbprint of its public key. */
  readonly kid: string;
  readonly alg: 'RS256' | 'ES256';
  /** Starts a signature over a large document. */
  stream(): StreamSigner;
  /** Signs a small document whole: JWS compact serialisation, header `{ alg, kid, typ }`. */
  signSmall(payload: Uint8Array, typ: string): Promise<string>;
}

/**
 * Loads a private key (PKCS#8 PEM): RSA of 2048 bits or more signs RS256, EC P-256 signs ES256.
 *
 * @param path - a file that `core keys generate` wrote
 * @throws UpdateError `SIGNING_FAILED` when it cannot be read or is of another kind
 * @example
 * const signer = await loadSigner('keys/bundle.pem');
 */
export async function loadSigner(path: string): Promise<Signer> {
  try {
    return makeSigner(createPrivateKey(await readFile(path)));
  } catch (error) {
    throw UpdateError.from(error, 'SIGNING_FAILED', `the private key ${path} cannot be used`);
  }
}

/**
 * Loads the private key for a purpose out of a folder that `generateKeys` made.
 *
 * @throws UpdateError `SIGNING_FAILED`
 */
export async function loadSignerFor(dir: string, purpose: KeyPurpose): Promise<Signer> {
  return loadSigner(join(dir, KEY_PURPOSES[purpose].file));
}

/**
 * Makes a signer of a private key in memory.
 *
 * @throws UpdateError `SIGNING_FAILED` when the key is of another kind
 */
export function makeSigner(key: KeyObject): Signer {
  const jwk = publicJwk(createPublicKey(key));
  const alg = jwk.kty === 'RSA' ? 'RS256' : 'ES256';
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (alg === 'RS256' && bits < 2048)
    throw new UpdateError(
      'SIGNING_FAILED',
      `expected an RSA key of 2048 bits or more, found ${String(bits)}`,
    );
  const kid = thumbprint(jwk);
  const input =
    alg === 'ES256'
      ? { key, dsaEncoding: 'ieee-p1363' as const }
      : { key, padding: constants.RSA_PKCS1_PADDING };
  return {
    kid,
    alg,
    stream() {
      const sign = createSign('sha256');
      return {
        update: (chunk) => void sign.update(chunk, 'latin1'),
        sign: () => sign.sign(input).toString('base64url'),
      };
    },
    async signSmall(payload, typ) {
      return new CompactSign(payload).setProtectedHeader({ alg, kid, typ }).sign(key);
    },
  };
}
