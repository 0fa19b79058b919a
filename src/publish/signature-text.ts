/**
 * Signatures as commands print them. Lenient, because whatever is read is verified with the public key before it is used.
 */

/**
 * Reads a command's output as a signature of a known length: the raw bytes, base64url or base64 text (white space does not matter),
 * and for ES256 also the DER of either. Bytes that could be both are raw.
 *
 * @param output - what the command wrote
 * @param alg - the algorithm of its key
 * @param length - octets of a signature as JWS has it (RFC 7518 sections 3.3 and 3.4)
 * @returns `length` octets, or null when no reading fits
 */
export function readSignature(output: Buffer, alg: 'RS256' | 'ES256', length: number): Buffer | null {
  const octets = [output, ...decodeText(output)];
  const readings = alg === 'RS256' ? octets : [...octets, ...octets.flatMap(fromDer)];
  return readings.find((bytes) => bytes.length === length) ?? null;
}

function decodeText(output: Buffer): Buffer[] {
  const text = output.toString('latin1').replace(/\s+/g, '');
  // Node decodes both alphabets by either name.
  return /^[A-Za-z0-9_+/-]+={0,2}$/.test(text) ? [Buffer.from(text, 'base64url')] : [];
}

/**
 * Reads `ECDSA-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER }` (RFC 3279 section 2.2.3) of a P-256 key, strictly DER.
 *
 * @returns r and s, 32 octets each; nothing when it is not that
 */
function fromDer(bytes: Buffer): Buffer[] {
  if (bytes[0] !== 0x30 || bytes[1] !== bytes.length - 2) return [];
  const r = integerAt(bytes, 2);
  if (r === null) return [];
  const s = integerAt(bytes, r.end);
  if (s?.end !== bytes.length) return [];
  return [Buffer.concat([r.value, s.value])];
}

/** A positive INTEGER of at most 32 octets, filled up to 32. */
function integerAt(bytes: Buffer, start: number): { value: Buffer; end: number } | null {
  const length = bytes[start + 1] ?? 0;
  const end = start + 2 + length;
  if (bytes[start] !== 0x02 || length === 0 || end > bytes.length) return null;
  const content = bytes.subarray(start + 2, end);
  const [first = 0, second = 0] = content;
  const negative = first >= 0x80;
  const padded = length > 1 && first === 0 && second < 0x80;
  const digits = first === 0 ? content.subarray(1) : content;
  if (negative || padded || digits.length > 32) return null;
  return { value: Buffer.concat([Buffer.alloc(32 - digits.length), digits]), end };
}
