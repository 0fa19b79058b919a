import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_JSON_DEPTH, parseStrictJson } from '../../src/bundle/strict-json.ts';
import { UpdateError } from '../../src/errors.ts';
import { refusal } from '../fixtures/refusal.ts';

const parse = (text: string | Uint8Array): unknown => parseStrictJson(Buffer.from(text), 'the text');

describe('parseStrictJson', () => {
  it.each<[string, string | Uint8Array]>([
    ['a byte order mark', '\uFEFF{}'],
    ['invalid UTF-8', Uint8Array.of(0x22, 0xc3, 0x28, 0x22)],
    ['an overlong encoding', Uint8Array.of(0x22, 0xc0, 0xaf, 0x22)],
    ['UTF-16', Buffer.from('{}', 'utf16le')],
    ['nothing', ''],
    ['a comment', '{} // x'],
    ['a trailing comma', '{"a":1,}'],
    ['something after the value', '{} {}'],
    ['a duplicate member', '{"a":1,"a":1}'],
    ['a duplicate member in another spelling', '{"a":1,"\\u0061":2}'],
    ['a duplicate member with white space before its colon', '{"a" : 1, "a"\n: 2}'],
    ['a duplicate member deep down', '{"x":[{"y":{"b":1,"c":{},"b":2}}]}'],
    ['a duplicate member whose name has quotes', '{"\\"":1,"\\u0022":2}'],
    ['a lone surrogate in a value', '["\\ud800"]'],
    ['a lone surrogate in a name', '{"\\udc00x":1}'],
    ['surrogates in the wrong order', '["\\udc00\\ud800"]'],
    ['a member named __proto__', '{"__proto__":{}}'],
    ['a member named __proto__ in another spelling', '{"a":{"\\u005f_proto__":1}}'],
    ['deep nesting', '['.repeat(MAX_JSON_DEPTH + 1) + ']'.repeat(MAX_JSON_DEPTH + 1)],
    ['very deep nesting', '['.repeat(200_000) + ']'.repeat(200_000)],
  ])('refuses %s', async (_, text) => {
    expect(await refusal(() => parse(text))).toBe('JSON_INVALID');
  });

  it('accepts the same name in different objects, and names that only look alike', () => {
    const text = '{"a":{"a":[{"a":1},{"a":2}]},"A":"a","b":"\\"a\\":","c":"\\\\","\\ud83d\\ude00":"😀"}';
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  it('accepts nesting up to the cap', () => {
    expect(parse('['.repeat(MAX_JSON_DEPTH) + ']'.repeat(MAX_JSON_DEPTH))).toBeInstanceOf(Array);
  });

  it('reads whatever JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!text.includes('__proto__') && !/\\ud[89a-f]/i.test(text));
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('throws nothing but UpdateError, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.string()), (bytes) => {
        try {
          parse(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(UpdateError);
        }
      }),
    );
  });

  it('never puts control characters of the text into its message', () => {
    const error = ((): unknown => {
      try {
        return parse('{"\\n\\u001b[2J":1,"\\n\\u001b[2J":2}');
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(String(error)).toMatch(/^[\x20-\x7e…]+$/);
  });
});
