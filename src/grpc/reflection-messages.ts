/**
 * The messages of server reflection (github.com/grpc/grpc/blob/master/doc/server-reflection.md). Versions v1 and v1alpha differ
 * in their name only.
 */
import { bytesField, readFields, textOf, varintField } from './wire.ts';

/** What a client wants to know. */
export interface ReflectionRequest {
  readonly host: string;
  readonly ask:
    | { readonly for: 'file'; readonly name: string }
    | { readonly for: 'symbol'; readonly name: string }
    | { readonly for: 'extension'; readonly name: string }
    | { readonly for: 'extensions'; readonly name: string }
    | { readonly for: 'services' }
    /** Nothing that this edition knows. */
    | { readonly for: 'unknown' };
  /** The request as it came: it stands in the answer. */
  readonly bytes: Buffer;
}

/** What it is told. */
export type ReflectionAnswer =
  | { readonly kind: 'files'; readonly files: readonly Buffer[] }
  | { readonly kind: 'services'; readonly names: readonly string[] }
  /** `code` is a gRPC status. */
  | { readonly kind: 'error'; readonly code: number; readonly message: string };

function firstText(bytes: Buffer): string {
  for (const field of readFields(bytes))
    if (field.number === 1 && field.kind === 'bytes') return textOf(field.value);
  return '';
}

/**
 * Reads a `ServerReflectionRequest`.
 *
 * @throws RangeError for bytes that are no such message
 */
export function decodeReflectionRequest(bytes: Buffer): ReflectionRequest {
  let host = '';
  let ask: ReflectionRequest['ask'] = { for: 'unknown' };
  for (const field of readFields(bytes)) {
    if (field.kind !== 'bytes') continue;
    const { number, value } = field;
    if (number === 1) host = textOf(value);
    // The last of them counts, as always in a `oneof`.
    else if (number === 3) ask = { for: 'file', name: textOf(value) };
    else if (number === 4) ask = { for: 'symbol', name: textOf(value) };
    else if (number === 5) ask = { for: 'extension', name: firstText(value) };
    else if (number === 6) ask = { for: 'extensions', name: textOf(value) };
    else if (number === 7) ask = { for: 'services' };
  }
  return { host, ask, bytes };
}

function encodeAnswer(answer: ReflectionAnswer): Buffer {
  switch (answer.kind) {
    case 'files':
      return bytesField(4, Buffer.concat(answer.files.map((file) => bytesField(1, file))));
    case 'services':
      return bytesField(6, Buffer.concat(answer.names.map((name) => bytesField(1, bytesField(1, name)))));
    case 'error':
      return bytesField(7, Buffer.concat([varintField(1, answer.code), bytesField(2, answer.message)]));
  }
}

/** Writes a `ServerReflectionResponse`. */
export function encodeReflectionResponse(
  request: Pick<ReflectionRequest, 'host' | 'bytes'>,
  answer: ReflectionAnswer,
): Buffer {
  return Buffer.concat([
    ...(request.host === '' ? [] : [bytesField(1, request.host)]),
    bytesField(2, request.bytes),
    encodeAnswer(answer),
  ]);
}
