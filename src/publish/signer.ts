/**
 * What signs documents, wherever its private key is.
 *
 * Invariant: a signer never shows its private key, and fits one algorithm, which its key decides.
 */
import { constants, createPublicKey, createSign, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { CompactSign } from 'jose';
import { thumbprint } from '../bundle/trust-set.ts';
import { UpdateError } from '../errors.ts';
import { KEY_PURPOSES, type KeyPurpose } from './keys.ts';
import { readPrivateKey, type AskPassphrase } from './private-key.ts';
import { publicJwk } from './public-jwk.ts';

/** Signs what comes in pieces; used once. Dispose of it when it is not needed any more, signed or not. */
export interface StreamSigner extends AsyncDisposable {
  /** Takes the next piece of the signing input, ASCII; resolves when there is room for one more. */
  update(chunk: string): Promise<void>;
  /**
   * Ends the input.
   *
   * @returns the signature as it stands in a JWS (RFC 7518 sections 3.3 and 3.4), in base64url
   * @throws UpdateError `SIGNING_FAILED`
   */
  sign(): Promise<string>;
}

/** A key that can sign: a private key in memory, or a command that holds one (`createExternalSigner`). */
export interface Signer {
  /** RFC 7638 thumbprint of its public key. */
  readonly kid: string;
  readonly alg: 'RS256' | 'ES256';
  /** Starts a signature over a large document. */
  stream(): StreamSigner;
  /** Signs a small document whole: JWS compact serialisation, header `{ alg, kid, typ }`. */
  signSmall(payload: Uint8Array, typ: string): Promise<string>;
}

/** How a private key is loaded. */
export interface LoadSignerOptions {
  /** Asked once, and only when the key is encrypted; see `readPassphrase`. */
  readonly passphrase?: AskPassphrase | undefined;
}

/**
 * Loads a private key (PKCS#8 PEM, plain or encrypted): RSA of 2048 bits or more signs RS256, EC P-256 signs ES256.
 *
 * @param path - a file that `core keys generate` wrote
 * @throws UpdateError `SIGNING_FAILED` when it cannot be read or is of another kind, and when it is encrypted and the passphrase
 * is missing or wrong; what `options.passphrase` rejects with
 * @example
 * const signer = await loadSigner('keys/bundle.pem', { passphrase: () => readPassphrase({ prompt: 'Passphrase' }) });
 */
export async function loadSigner(path: string, options: LoadSignerOptions = {}): Promise<Signer> {
  return makeSigner(await readPrivateKey(path, options.passphrase));
}

/**
 * Loads the private key for a purpose out of a folder that `generateKeys` made.
 *
 * @throws UpdateError `SIGNING_FAILED`
 */
export async function loadSignerFor(
  dir: string,
  purpose: KeyPurpose,
  options: LoadSignerOptions = {},
): Promise<Signer> {
  return loadSigner(join(dir, KEY_PURPOSES[purpose].file), options);
}

/**
 * Makes a signer of a private key in memory.
 *
 * @throws UpdateError `SIGNING_FAILED` when the key is of another kind
 */
export function makeSigner(key: KeyObject): Signer {
  const { kid, alg } = describePublicKey(createPublicKey(key));
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
        update: async (chunk) => void sign.update(chunk, 'latin1'),
        sign: async () => sign.sign(input).toString('base64url'),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      };
    },
    async signSmall(payload, typ) {
      return new CompactSign(payload).setProtectedHeader({ alg, kid, typ }).sign(key);
    },
  };
}

/**
 * What a public key signs with, and its name.
 *
 * @throws UpdateError `SIGNING_FAILED` for anything but RSA of 2048 to 8192 bits with e = 65537, and EC P-256
 */
export function describePublicKey(key: KeyObject): Pick<Signer, 'kid' | 'alg'> {
  const jwk = publicJwk(key);
  if (jwk.kty === 'EC') return { kid: thumbprint(jwk), alg: 'ES256' };
  const { modulusLength = 0, publicExponent } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < 2048 || modulusLength > 8192)
    throw new UpdateError(
      'SIGNING_FAILED',
      `expected an RSA key of 2048 to 8192 bits, found ${String(modulusLength)}`,
    );
  if (publicExponent !== 65537n)
    throw new UpdateError(
      'SIGNING_FAILED',
      `expected the RSA exponent 65537, found ${String(publicExponent)}`,
    );
  return { kid: thumbprint(jwk), alg: 'RS256' };
}
