/**
 * The wire format of Protocol Buffers, as far as the few small messages here need it
 * (protobuf.dev/programming-guides/encoding). Written out, because loading a library for it takes longer than all else that the
 * gRPC port does; the tests compare it with one.
 *
 * Invariant: whatever the bytes are, reading ends: with fields, or with a `RangeError`.
 */

/** One field of a message, as it stands on the wire. */
export type WireField =
  | { readonly number: number; readonly kind: 'varint'; readonly value: bigint }
  | { readonly number: number; readonly kind: 'bytes'; readonly value: Buffer }
  /** Of 4 or 8 bytes; none of the messages here has one, but later editions may. */
  | { readonly number: number; readonly kind: 'fixed'; readonly value: Buffer };

const VARINT_MAX = 10;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function readVarint(bytes: Buffer, from: number): { value: bigint; next: number } {
  let value = 0n;
  for (let index = 0; index < VARINT_MAX; index += 1) {
    const byte = bytes[from + index];
    if (byte === undefined) throw new RangeError('expected the rest of a varint, found the end');
    value |= BigInt(byte & 0x7f) << BigInt(7 * index);
    if (byte < 0x80) return { value: BigInt.asUintN(64, value), next: from + index + 1 };
  }
  throw new RangeError('expected a varint of at most 10 bytes, found a longer one');
}

/**
 * The fields of a message in order. Unknown ones are the caller's to skip.
 *
 * @throws RangeError for bytes that are no message
 */
export function* readFields(bytes: Buffer): Generator<WireField> {
  const slice = (from: number, length: number): Buffer => {
    if (length > bytes.length - from)
      throw new RangeError(`expected ${String(length)} bytes, found ${String(bytes.length - from)}`);
    return bytes.subarray(from, from + length);
  };
  let at = 0;
  while (at < bytes.length) {
    const tag = readVarint(bytes, at);
    const number = Number(tag.value >> 3n);
    const wire = Number(tag.value & 7n);
    if (number < 1 || number > 0x1fff_ffff)
      throw new RangeError(`expected a field number, found ${String(number)}`);
    if (wire === 0) {
      const { value, next } = readVarint(bytes, tag.next);
      yield { number, kind: 'varint', value };
      at = next;
    } else if (wire === 2) {
      const length = readVarint(bytes, tag.next);
      const value = slice(length.next, Number(length.value));
      yield { number, kind: 'bytes', value };
      at = length.next + value.length;
    } else if (wire === 1 || wire === 5) {
      const value = slice(tag.next, wire === 1 ? 8 : 4);
      yield { number, kind: 'fixed', value };
      at = tag.next + value.length;
    } else throw new RangeError(`expected a wire type of 0, 1, 2 or 5, found ${String(wire)}`);
  }
}

/**
 * A `string` field's text.
 *
 * @throws RangeError where it is not UTF-8
 */
export function textOf(value: Buffer): string {
  try {
    return utf8.decode(value);
  } catch (error) {
    throw new RangeError('expected UTF-8 text, found other bytes', { cause: error });
  }
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** A field that holds a whole number from 0 to 2^53 - 1; nothing for 0, which is the default. */
export function varintField(number: number, value: number): Buffer {
  return value === 0 ? Buffer.alloc(0) : Buffer.concat([varint(number * 8), varint(value)]);
}

/** A field that holds bytes, a message, or a text; there even when it is empty. */
export function bytesField(number: number, value: Buffer | string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}
