import type { KeyObject } from 'node:crypto';
import type { TrustFile } from '../bundle/trust.ts';
import { UpdateError } from '../errors.ts';

/**
 * The public part of a key as it stands in a trust file: the required members only.
 *
 * @throws UpdateError `SIGNING_FAILED` for anything but RSA and EC P-256
 */
export function publicJwk(key: KeyObject): TrustFile['keys'][number]['jwk'] {
  const { kty, n, e, crv, x, y } = key.export({ format: 'jwk' });
  if (kty === 'RSA' && n !== undefined && e !== undefined) return { kty, n, e };
  if (kty === 'EC' && crv === 'P-256' && x !== undefined && y !== undefined) return { kty, crv, x, y };
  throw new UpdateError(
    'SIGNING_FAILED',
    `expected an RSA or EC P-256 key, found ${kty ?? 'another one'} ${crv ?? ''}`,
  );
}
