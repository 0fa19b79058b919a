/**
 * The signature core of heads and bundles.
 *
 * Invariant: no signature is judged anywhere else, and a signature of another length than the key's never gets as far.
 */
import { constants, createVerify } from 'node:crypto';
import { UpdateError } from '../errors.ts';
import { base64urlLength, decodeBase64url } from './base64url.ts';
import type { TrustKey } from './trust.ts';

/** The octets that a key's signatures have: the modulus' length for RSA (RFC 7518 section 3.3), 64 for P-256 (3.4). */
export function signatureLength(key: TrustKey): number {
  if (key.alg === 'ES256') return 64;
  return Math.ceil((key.key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
}

/**
 * Decodes a signature part: canonical, and exactly as long as the key's signatures are.
 *
 * @throws UpdateError `JWS_MALFORMED`
 */
export function decodeSignature(part: string, key: TrustKey): Buffer {
  const expected = base64urlLength(signatureLength(key));
  if (part.length !== expected)
    throw new UpdateError(
      'JWS_MALFORMED',
      `expected a signature of ${String(expected)} characters, found ${String(part.length)}`,
    );
  return decodeBase64url(part, 'the signature');
}

/** Takes a signing input in pieces, then judges one signature over it. */
export interface SignatureCheck {
  /** The next piece of the signing input. */
  update(piece: Uint8Array): void;
  /** Whether this is the key's signature over all the pieces. Asked once, last. */
  accepts(signature: Uint8Array): boolean;
}

/**
 * Begins the check of one signature: RSASSA-PKCS1-v1_5 or ECDSA on P-256, both with SHA-256, as the key says (RFC 7518
 * sections 3.3 and 3.4; `r` and `s` raw, never DER).
 *
 * @param key - out of a trust set, so that its strength was checked at import
 * @example
 * const check = checkSignature(key);
 * check.update(Buffer.from(`${header}.${payload}`, 'latin1'));
 * check.accepts(decodeSignature(signature, key));
 */
export function checkSignature(key: TrustKey): SignatureCheck {
  const verify = createVerify('sha256');
  const how =
    key.alg === 'ES256'
      ? { key: key.key, dsaEncoding: 'ieee-p1363' as const }
      : { key: key.key, padding: constants.RSA_PKCS1_PADDING };
  return {
    update: (piece) => void verify.update(piece),
    accepts: (signature) => verify.verify(how, signature),
  };
}

/** The error for a signature that {@link checkSignature} does not accept. */
export function wrongSignature(key: TrustKey): UpdateError {
  return new UpdateError(
    'JWS_SIGNATURE_INVALID',
    `expected a signature by key ${key.kid}, found another one`,
  );
}
