/**
 * The one strict reader of JWS compact serialisation (RFC 7515 section 7.1), for heads and bundles alike. A head is read
 * whole by {@link verifySmall}; a bundle is streamed by `bundle-signature.ts`, out of the same parts.
 *
 * Invariants:
 * - The protected header is exactly `{ alg, kid, typ }`, so nothing in it can change how the rest is read (`crit`, `b64`,
 *   `jwk`, `jku`, `x5u`, `zip`, …).
 * - The key is chosen by `kid` from the trust set, and the key decides the algorithm; the header's `alg` is only compared
 *   (RFC 8725 sections 3.1 and 3.11).
 * - Every signature is judged by {@link checkSignature}, and by nothing else.
 */
import { UpdateError } from '../errors.ts';
import { decodeBase64url } from './base64url.ts';
import { quote } from './quote.ts';
import { checkSignature, decodeSignature, wrongSignature } from './signature.ts';
import { parseStrictJson } from './strict-json.ts';
import type { TrustKey, TrustSet } from './trust.ts';

/** The most characters that the header part may have. */
export const MAX_HEADER_CHARS = 1024;

/** The types of signed documents, the values of `typ`. */
export const JWS_TYPES = { bundle: 'coresdk-bundle+jws', head: 'coresdk-head+jwt' } as const;

/** A protected header. Says nothing by itself: see {@link chooseKey}. */
export interface JwsHeader {
  readonly alg: string;
  readonly kid: string;
  readonly typ: string;
}

/** What a document must be to be read here. */
export interface KeyRule {
  readonly trust: TrustSet;
  /** The value that `typ` must have. */
  readonly typ: string;
  /** What its key must be for. */
  readonly use: TrustKey['use'];
  /** The audience that its key must be for; left out, any. */
  readonly audience?: TrustKey['audiences'][number] | undefined;
  /** The instant at which the key's `not_after` is judged, ms since 1970; left out, it is not judged here. */
  readonly now?: number | undefined;
}

/**
 * Reads the header part of a JWS, without trusting it.
 *
 * @param part - the characters before the first dot
 * @throws UpdateError `JWS_MALFORMED`, `JWS_HEADER_INVALID`
 */
export function parseJwsHeader(part: string): JwsHeader {
  if (part.length > MAX_HEADER_CHARS)
    throw invalidHeader(`at most ${String(MAX_HEADER_CHARS)} characters, found ${String(part.length)}`);
  const value = parseHeaderJson(decodeBase64url(part, 'the protected header'));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalidHeader('an object');
  const members = new Map(Object.entries(value));
  for (const name of members.keys())
    if (!['alg', 'kid', 'typ'].includes(name))
      throw invalidHeader(`only alg, kid and typ, found ${quote(name)}`);
  const text = (name: string): string => {
    const member: unknown = members.get(name);
    if (typeof member !== 'string') throw invalidHeader(`${name} as a string, found ${typeof member}`);
    return member;
  };
  return { alg: text('alg'), kid: text('kid'), typ: text('typ') };
}

function parseHeaderJson(bytes: Uint8Array): unknown {
  try {
    return parseStrictJson(bytes, 'the protected header');
  } catch (cause) {
    throw invalidHeader(`strict JSON: ${cause instanceof Error ? cause.message : 'unreadable'}`, cause);
  }
}

function invalidHeader(expected: string, cause?: unknown): UpdateError {
  return new UpdateError('JWS_HEADER_INVALID', `protected header: expected ${expected}`, { cause });
}

/**
 * Chooses the key of a document, and sees that it may sign such a one.
 *
 * @throws UpdateError `JWS_TYPE_MISMATCH`, `JWS_KEY_UNKNOWN`, `JWS_KEY_NOT_ALLOWED`, `JWS_ALGORITHM_MISMATCH`
 */
export function chooseKey(header: JwsHeader, rule: KeyRule): TrustKey {
  if (header.typ !== rule.typ)
    throw new UpdateError('JWS_TYPE_MISMATCH', `expected type ${rule.typ}, found ${quote(header.typ)}`);
  const key = rule.trust.keys.get(header.kid);
  if (key === undefined)
    throw new UpdateError(
      'JWS_KEY_UNKNOWN',
      `expected a key of the trust set (${String(rule.trust.keys.size)} keys), found ${quote(header.kid)}`,
    );
  if (key.use !== rule.use) throw notAllowed(key, `is for ${key.use}s, expected one for ${rule.use}s`);
  if (rule.audience !== undefined && !key.audiences.includes(rule.audience))
    throw notAllowed(key, `is for ${key.audiences.join(' and ')}, expected one for ${rule.audience}`);
  if (rule.now !== undefined) checkNotAfter(key, rule.now);
  if (header.alg !== key.alg)
    throw new UpdateError(
      'JWS_ALGORITHM_MISMATCH',
      `expected ${key.alg}, to which key ${key.kid} is bound, found ${quote(header.alg)}`,
    );
  return key;
}

/**
 * Sees that a key had not ended at an instant.
 *
 * @param at - ms since 1970
 * @throws UpdateError `JWS_KEY_NOT_ALLOWED`
 */
export function checkNotAfter(key: Pick<TrustKey, 'kid' | 'notAfter'>, at: number): void {
  if (key.notAfter !== null && at > key.notAfter)
    throw notAllowed(
      key,
      `ended at ${new Date(key.notAfter).toISOString()}, before ${new Date(at).toISOString()}`,
    );
}

function notAllowed(key: Pick<TrustKey, 'kid'>, why: string): UpdateError {
  return new UpdateError('JWS_KEY_NOT_ALLOWED', `key ${key.kid} ${why}`);
}

/** The three parts of a compact serialisation, as they stand there. */
export interface CompactParts {
  readonly header: string;
  readonly payload: string;
  readonly signature: string;
}

/**
 * Takes a compact serialisation apart (RFC 7515 section 7.1): three parts, two dots.
 *
 * @throws UpdateError `JWS_MALFORMED`
 */
export function splitCompact(bytes: Uint8Array): CompactParts {
  const text = Buffer.from(bytes).toString('latin1');
  const [header, payload, signature, ...more] = text.split('.');
  if (header === undefined || payload === undefined || signature === undefined || more.length > 0)
    throw new UpdateError('JWS_MALFORMED', `expected three parts, found ${String(text.split('.').length)}`);
  return { header, payload, signature };
}

/**
 * Verifies the signature over a compact serialisation by one key, whatever the header says. For {@link verifySmall}, which
 * judges the header first; and for published test vectors, whose headers are not ours.
 *
 * @returns the payload's bytes
 * @throws UpdateError `JWS_MALFORMED` for what is not canonical or not as long as the key's signatures, `JWS_SIGNATURE_INVALID`
 */
export function verifyParts({ header, payload, signature }: CompactParts, key: TrustKey): Buffer {
  const bytes = decodeBase64url(payload, 'the payload');
  const raw = decodeSignature(signature, key);
  const check = checkSignature(key);
  check.update(Buffer.from(`${header}.${payload}`, 'latin1'));
  if (!check.accepts(raw)) throw wrongSignature(key);
  return bytes;
}

/**
 * Verifies a small document whole in memory (a channel head).
 *
 * @param bytes - the whole document: three parts, two dots, nothing before or after
 * @param rule - what it must be, and `maxBytes`, its cap
 * @returns the payload's bytes and the key that signed them
 * @throws UpdateError `JWS_TOO_LARGE`, `JWS_MALFORMED`, `JWS_SIGNATURE_INVALID`, and what {@link parseJwsHeader} and
 * {@link chooseKey} throw
 */
export async function verifySmall(
  bytes: Uint8Array,
  rule: KeyRule & { readonly maxBytes: number },
): Promise<{ payload: Uint8Array; key: TrustKey }> {
  if (bytes.byteLength > rule.maxBytes)
    throw new UpdateError(
      'JWS_TOO_LARGE',
      `expected at most ${String(rule.maxBytes)} bytes, found ${String(bytes.byteLength)}`,
    );
  const parts = splitCompact(bytes);
  const key = chooseKey(parseJwsHeader(parts.header), rule);
  return { payload: verifyParts(parts, key), key };
}
