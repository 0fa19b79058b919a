/**
 * Import of a trust set.
 *
 * Invariants: every key in a {@link TrustSet} is RSA of 2048 to 8192 bits with e = 65537 and without the ROCA fingerprint, or EC
 * on P-256; its `kid` is its RFC 7638 thumbprint, so no two entries hold the same key; RS256 signs for stable and edge, ES256
 * for airgap, never crossed; a head key is for one channel.
 */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { UpdateError } from '../errors.ts';
import { firstIssue } from './quote.ts';
import { hasRocaFingerprint } from './roca.ts';
import { trustSetSchema, type TrustFile, type TrustKey, type TrustSet } from './trust.ts';

type FileKey = TrustFile['keys'][number];

const RSA_BITS = { least: 2048, most: 8192 } as const;

/**
 * Imports a trust file and checks each of its keys.
 *
 * @param file - the content of a trust file, parsed (see `TrustFile`)
 * @throws UpdateError `TRUST_SET_INVALID`, which names the key
 * @example
 * const trust = importTrustSet(JSON.parse(await readFile('trust.json', 'utf8')));
 */
export function importTrustSet(file: unknown): TrustSet {
  const parsed = trustSetSchema.safeParse(file);
  if (!parsed.success)
    throw new UpdateError('TRUST_SET_INVALID', `trust set: ${firstIssue(parsed.error)}`, {
      cause: parsed.error,
    });
  const keys = new Map<string, TrustKey>();
  for (const entry of parsed.data.keys) {
    if (keys.has(entry.kid)) throw fault(entry, 'stands twice in the trust set');
    keys.set(entry.kid, importKey(entry));
  }
  return { product: parsed.data.product, development: parsed.data.development ?? false, keys };
}

/** The `kid`s of a trust set, sorted. */
export function keyIds(trust: TrustSet): string[] {
  return [...trust.keys.keys()].sort();
}

/**
 * The RFC 7638 thumbprint of a public key (section 3.2: the required members only, in lexicographic order).
 *
 * @returns SHA-256 in base64url, 43 characters
 */
export function thumbprint(jwk: FileKey['jwk']): string {
  const canonical =
    jwk.kty === 'RSA'
      ? JSON.stringify({ e: jwk.e, kty: jwk.kty, n: jwk.n })
      : JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y });
  return createHash('sha256').update(canonical).digest('base64url');
}

function importKey(entry: FileKey): TrustKey {
  checkBinding(entry);
  const expected = thumbprint(entry.jwk);
  if (expected !== entry.kid) throw fault(entry, `is not the thumbprint of its key, which is ${expected}`);
  const key = createKey(entry);
  checkStrength(entry, key);
  const notAfter = entry.not_after === undefined ? null : Date.parse(entry.not_after);
  return Object.freeze({
    kid: entry.kid,
    alg: entry.alg,
    use: entry.use,
    audiences: Object.freeze([...entry.audiences]),
    notAfter,
    key,
  });
}

function checkBinding(entry: FileKey): void {
  const kty = entry.alg === 'RS256' ? 'RSA' : 'EC';
  if (entry.jwk.kty !== kty)
    throw fault(entry, `expected an ${kty} key for ${entry.alg}, found ${entry.jwk.kty}`);
  if (new Set(entry.audiences).size !== entry.audiences.length) throw fault(entry, 'names an audience twice');
  const airgap = entry.audiences.includes('airgap');
  if (airgap !== (entry.alg === 'ES256') || (airgap && entry.audiences.length > 1))
    throw fault(
      entry,
      `expected RS256 for stable and edge, ES256 for airgap alone, found ${describe(entry)}`,
    );
  if (entry.use === 'head' && (airgap || entry.audiences.length !== 1))
    throw fault(entry, `expected a head key for one channel, found ${describe(entry)}`);
}

function createKey(entry: FileKey): KeyObject {
  try {
    const key = createPublicKey({ format: 'jwk', key: entry.jwk });
    // Another spelling of the same numbers would be another thumbprint of the same key.
    const again = key.export({ format: 'jwk' });
    const { jwk } = entry;
    const same =
      jwk.kty === 'RSA' ? again.n === jwk.n && again.e === jwk.e : again.x === jwk.x && again.y === jwk.y;
    if (!same) throw fault(entry, 'is not written canonically');
    return key;
  } catch (cause) {
    if (cause instanceof UpdateError) throw cause;
    throw fault(entry, 'does not hold a usable public key', cause);
  }
}

function checkStrength(entry: FileKey, key: KeyObject): void {
  if (entry.jwk.kty === 'EC') return;
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  const exponent = key.asymmetricKeyDetails?.publicExponent;
  if (bits < RSA_BITS.least || bits > RSA_BITS.most)
    throw fault(
      entry,
      `expected an RSA modulus of ${String(RSA_BITS.least)} to ${String(RSA_BITS.most)} bits, found ${String(bits)}`,
    );
  if (exponent !== 65537n) throw fault(entry, `expected the RSA exponent 65537, found ${String(exponent)}`);
  if (hasRocaFingerprint(BigInt(`0x${Buffer.from(entry.jwk.n, 'base64url').toString('hex')}`)))
    throw fault(entry, 'was made by a flawed generator (ROCA, CVE-2017-15361)');
}

function describe(entry: FileKey): string {
  return `${entry.alg} for ${entry.audiences.join(' and ')}`;
}

function fault(entry: FileKey, why: string, cause?: unknown): UpdateError {
  return new UpdateError('TRUST_SET_INVALID', `key ${entry.kid} ${why}`, { cause });
}
