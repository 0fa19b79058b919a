import { join } from 'node:path';
import { createRequire } from 'node:module';
import { loadSync, type MessageTypeDefinition } from '@grpc/proto-loader';
import fc from 'fast-check';
import { service } from 'grpc-health-check';
import { describe, expect, it } from 'vitest';
import { healthList, healthRequest, healthResponse, SERVING_STATUS } from '../../src/grpc/health-messages.ts';
import { decodeReflectionRequest, encodeReflectionResponse } from '../../src/grpc/reflection-messages.ts';
import { bytesField, readFields, textOf, varintField } from '../../src/grpc/wire.ts';

const { Check, List } = service as unknown as Record<
  'Check' | 'List',
  Record<'requestSerialize' | 'responseSerialize', (value: unknown) => Buffer> &
    Record<'requestDeserialize' | 'responseDeserialize', (bytes: Buffer) => unknown>
>;
const reflection = loadSync(
  join(
    createRequire(import.meta.url).resolve('@grpc/reflection'),
    '../../proto/grpc/reflection/v1/reflection.proto',
  ),
  { keepCase: true, enums: String, oneofs: true },
);
const message = (name: string): MessageTypeDefinition<object, object> =>
  reflection[`grpc.reflection.v1.${name}`] as MessageTypeDefinition<object, object>;
const bytesOf = (definition: MessageTypeDefinition<object, object>, value: object): Buffer =>
  definition.serialize(value);
const text = fc.string({ unit: 'grapheme', maxLength: 300 });

describe('messages', () => {
  it('of health are what another implementation reads and writes', () => {
    fc.assert(
      fc.property(text, (name) => {
        expect(Check.requestDeserialize(healthRequest.encode({ service: name }))).toEqual({ service: name });
        expect(healthRequest.decode(Check.requestSerialize({ service: name }))).toEqual({ service: name });
      }),
    );
    for (const status of Object.keys(SERVING_STATUS) as (keyof typeof SERVING_STATUS)[]) {
      expect(Check.responseDeserialize(healthResponse.encode(status))).toEqual({ status });
      expect(healthResponse.decode(Check.responseSerialize({ status }))).toBe(status);
    }
    expect(
      List.responseDeserialize(
        healthList.encode(
          new Map([
            ['', 'SERVING'],
            ['a', 'UNKNOWN'],
          ] as const),
        ),
      ),
    ).toEqual({ statuses: { '': { status: 'SERVING' }, a: { status: 'UNKNOWN' } } });
  });

  it('of health that a later edition sends are read as far as they are known', () => {
    expect(healthResponse.decode(Buffer.concat([varintField(1, 99), bytesField(7, 'new')]))).toBe('UNKNOWN');
  });

  it.each([
    ['list_services', '*', 'services'],
    ['file_by_filename', 'a.proto', 'file'],
    ['file_containing_symbol', 'a.B', 'symbol'],
    ['all_extension_numbers_of_type', 'a.B', 'extensions'],
    ['file_containing_extension', { containing_type: 'a.B', extension_number: 7 }, 'extension'],
  ])('of reflection: a request with %s', (field, value, kind) => {
    const bytes = bytesOf(message('ServerReflectionRequest'), { host: 'h', [field]: value });
    expect(decodeReflectionRequest(bytes)).toMatchObject({ host: 'h', ask: { for: kind }, bytes });
  });

  it('of reflection: answers, with the request in them', () => {
    const bytes = bytesOf(message('ServerReflectionRequest'), { host: 'h', list_services: '*' });
    const read = (answer: Parameters<typeof encodeReflectionResponse>[1]): unknown =>
      message('ServerReflectionResponse').deserialize(encodeReflectionResponse({ host: 'h', bytes }, answer));
    const request = { host: 'h', list_services: '*' };
    expect(read({ kind: 'services', names: ['a.B', 'c.D'] })).toMatchObject({
      valid_host: 'h',
      original_request: request,
      list_services_response: { service: [{ name: 'a.B' }, { name: 'c.D' }] },
    });
    expect(read({ kind: 'error', code: 5, message: 'no' })).toMatchObject({
      error_response: { error_code: 5, error_message: 'no' },
    });
    expect(read({ kind: 'files', files: [Buffer.from('x')] })).toMatchObject({
      file_descriptor_response: { file_descriptor_proto: [Buffer.from('x')] },
    });
  });
});

describe('the wire format', () => {
  it('is read to its end or refused, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          for (const field of readFields(Buffer.from(bytes))) if (field.kind === 'bytes') textOf(field.value);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });

  it('gives back what was written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.maxSafeNat(), text, (number, value, words) => {
        const bytes = Buffer.concat([varintField(number, value), bytesField(number, words)]);
        const fields = [...readFields(bytes)];
        const last = fields.at(-1);
        expect(last?.kind === 'bytes' && textOf(last.value)).toBe(words);
        expect(fields.slice(0, -1)).toEqual(
          value === 0 ? [] : [{ number, kind: 'varint', value: BigInt(value) }],
        );
      }),
    );
  });

  it.each([
    ['a varint that does not end', 'ff'],
    ['a varint of 11 bytes', '08ffffffffffffffffffff01'],
    ['bytes that are not there', '0a05aa'],
    ['a length beyond every buffer', '0affffffffffffffff7f'],
    ['field number 0', '0000'],
    ['a group', '0b'],
    ['4 bytes of which 3 are there', '0d000000'],
  ])('refuses %s', (_, hex) => {
    expect(() => [...readFields(Buffer.from(hex, 'hex'))]).toThrow(RangeError);
  });

  it('skips fields of fixed size, and refuses text that is not UTF-8', () => {
    expect(
      [...readFields(Buffer.from('0d01020304090102030405060708', 'hex'))].map(({ kind }) => kind),
    ).toEqual(['fixed', 'fixed']);
    expect(() => healthRequest.decode(Buffer.from('0a01ff', 'hex'))).toThrow(RangeError);
  });
});
