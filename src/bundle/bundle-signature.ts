/**
 * Pass one over a bundle: the signature, over the raw bytes, before anything in the payload is parsed or decompressed.
 *
 * Invariants: every byte of the file is read once, in order (the second dot's place is looked at before, and again), and at most a
 * few MiB are in memory; the header, the signature and what is kept of the blocks all come from that one reading.
 */
import { UpdateError } from '../errors.ts';
import { base64urlLength } from './base64url.ts';
import { chooseKey, JWS_TYPES, MAX_HEADER_CHARS, parseJwsHeader } from './jws.ts';
import { readBlocks, type PayloadSource } from './payload.ts';
import type { RandomAccess } from './random-access.ts';
import { watchBlocks, type SeenBlocks } from './seen-blocks.ts';
import { checkSignature, decodeSignature, signatureLength, wrongSignature } from './signature.ts';
import type { TrustKey, TrustSet } from './trust.ts';

/** The most bytes that a bundle may have: 8 GiB. */
export const MAX_BUNDLE_BYTES = 8 * 1024 ** 3;

const DOT = 0x2e;

/** A bundle whose signature is right. Says nothing yet of what is in it. */
export interface SignedBundle extends PayloadSource {
  /** The key that signed it, and what it may sign for. */
  readonly kid: string;
  readonly audiences: TrustKey['audiences'];
  readonly notAfter: TrustKey['notAfter'];
  readonly blocks: SeenBlocks;
}

/**
 * Finds the header part in the first block of a bundle.
 *
 * @returns the characters before the first dot
 * @throws UpdateError `JWS_MALFORMED` when there is no dot within {@link MAX_HEADER_CHARS}
 */
export function headerPart(firstBlock: Buffer): string {
  const dot = firstBlock.subarray(0, MAX_HEADER_CHARS + 1).indexOf(DOT);
  if (dot < 0)
    throw new UpdateError(
      'JWS_MALFORMED',
      `expected a header and a dot within ${String(MAX_HEADER_CHARS + 1)} bytes, found no dot`,
    );
  return firstBlock.toString('latin1', 0, dot);
}

/**
 * Verifies the signature of a bundle, streaming (RFC 7515 section 5.2; RFC 7518 sections 3.3 and 3.4).
 *
 * @param file - read once from start to end, in blocks of 1 MiB
 * @param options - `now` (ms since 1970): judge the key's `not_after` at this instant. Without it, the manifest's
 * `created_at` is judged when it is read.
 * @throws UpdateError `JWS_TOO_LARGE`, `JWS_MALFORMED`, `JWS_HEADER_INVALID`, `JWS_TYPE_MISMATCH`, `JWS_KEY_UNKNOWN`,
 * `JWS_KEY_NOT_ALLOWED`, `JWS_ALGORITHM_MISMATCH`, `JWS_SIGNATURE_INVALID`, `BUNDLE_CHANGED`, `CANCELLED`
 */
export async function verifyBundleSignature(
  file: RandomAccess,
  trust: TrustSet,
  signal: AbortSignal,
  options: { readonly now?: number } = {},
): Promise<SignedBundle> {
  const { size } = file;
  if (size > MAX_BUNDLE_BYTES)
    throw new UpdateError(
      'JWS_TOO_LARGE',
      `expected at most ${String(MAX_BUNDLE_BYTES)} bytes, found ${String(size)}`,
    );

  const blocks = readBlocks(file, size, signal);
  try {
    return await verifyBlocks(file, blocks, trust, options);
  } finally {
    await blocks.return();
  }
}

async function verifyBlocks(
  file: RandomAccess,
  blocks: AsyncGenerator<Buffer, void, undefined>,
  trust: TrustSet,
  options: { readonly now?: number },
): Promise<SignedBundle> {
  const { size } = file;
  const first = await blocks.next();
  if (first.done === true) throw new UpdateError('JWS_MALFORMED', 'expected a bundle, found an empty file');
  const header = headerPart(first.value);
  const key = chooseKey(parseJwsHeader(header), {
    trust,
    typ: JWS_TYPES.bundle,
    use: 'bundle',
    now: options.now,
  });
  const start = header.length + 1;
  const signatureChars = base64urlLength(signatureLength(key));
  const end = size - signatureChars - 1;
  const length = end - start;
  const separator = new Uint8Array(1);
  if (end > start) await file.read(separator, end);
  if (separator[0] !== DOT)
    throw new UpdateError(
      'JWS_MALFORMED',
      `expected a dot and a signature of ${String(signatureChars)} characters at the end, found no dot there`,
    );
  if (length <= 0 || length % 4 !== 0)
    throw new UpdateError(
      'JWS_MALFORMED',
      `expected a payload of a multiple of 4 characters, found ${String(Math.max(length, 0))}`,
    );

  const check = checkSignature(key);
  const seen = watchBlocks();
  const tail: Buffer[] = [];
  let at = 0;
  for (let next: IteratorResult<Buffer, void> = first; next.done !== true; next = await blocks.next()) {
    const block = next.value;
    seen.see(block);
    const signed = block.subarray(0, Math.max(0, Math.min(block.length, end - at)));
    check.update(signed);
    if (signed.includes(DOT, at === 0 ? start : 0))
      throw new UpdateError(
        'JWS_MALFORMED',
        'expected exactly two dots and the signature’s length, found another dot',
      );
    if (signed.length < block.length) tail.push(Buffer.from(block.subarray(signed.length)));
    at += block.length;
  }
  const signature = readTail(Buffer.concat(tail), key);
  if (!check.accepts(signature)) throw wrongSignature(key);
  return {
    kid: key.kid,
    audiences: key.audiences,
    notAfter: key.notAfter,
    size,
    payload: { start, length },
    blocks: seen,
  };
}

function readTail(tail: Buffer, key: TrustKey): Buffer {
  // The file may have been changed since the dot was looked for.
  if (tail[0] !== DOT) throw new UpdateError('BUNDLE_CHANGED', 'the bundle changed while it was read');
  return decodeSignature(tail.toString('latin1', 1), key);
}
