/**
 * Base64url as JWS uses it (RFC 7515 section 2, RFC 4648 sections 3.5 and 5).
 *
 * Invariant: each octet string has exactly one text that is accepted: alphabet `[A-Za-z0-9_-]`, no padding, a length that
 * can occur, and zero spare bits. All of it follows from one rule: what decodes must encode to the same text again.
 * `decodeBase64urlInto` keeps the same rule for whole groups without encoding again.
 */
import { UpdateError } from '../errors.ts';

/**
 * Decodes canonical base64url.
 *
 * @param what - what it is, for messages: `signature`
 * @throws UpdateError `JWS_MALFORMED`
 */
export function decodeBase64url(text: string, what: string): Buffer {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text) throw malformed(what);
  return bytes;
}

function malformed(what: string): UpdateError {
  return new UpdateError('JWS_MALFORMED', `expected ${what} in canonical base64url, found something else`);
}

/** Characters that become a string at once: short-lived strings of this size are cheap to make and to forget. */
const PIECE_CHARS = 64 * 1024;

const PLUS = 0x2b;
const SLASH = 0x2f;

/**
 * Decodes canonical base64url of whole groups, out of one buffer into another. As strict as {@link decodeBase64url}, without the
 * way back: whole groups have no spare bits, what Node's decoder does not know it leaves out, so that bytes are missing, and the
 * two characters of plain base64 that it takes as well are looked for.
 *
 * @param text - the characters, one a byte
 * @param target - at least three bytes for each four characters
 * @returns how many bytes were decoded
 * @throws UpdateError `JWS_MALFORMED`
 */
export function decodeBase64urlInto(text: Buffer, target: Buffer, what: string): number {
  const expected = (text.length / 4) * 3;
  let length = 0;
  for (let at = 0; at < text.length; at += PIECE_CHARS)
    length += target.write(text.toString('latin1', at, at + PIECE_CHARS), length, 'base64url');
  if (length !== expected || text.includes(PLUS) || text.includes(SLASH)) throw malformed(what);
  return length;
}

/** The length in characters of the base64url text of `bytes` octets. */
export function base64urlLength(bytes: number): number {
  return Math.ceil((bytes * 4) / 3);
}

/**
 * Encodes a stream, chunk by chunk; the chunks together are the canonical text of all the bytes together.
 */
export async function* encodeBase64url(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? asBuffer(chunk) : Buffer.concat([rest, chunk]);
    const whole = bytes.length - (bytes.length % 3);
    rest = Buffer.from(bytes.subarray(whole));
    if (whole > 0) yield bytes.toString('base64url', 0, whole);
  }
  if (rest.length > 0) yield rest.toString('base64url');
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
