import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  base64urlLength,
  decodeBase64url,
  decodeBase64urlInto,
  encodeBase64url,
} from '../../src/bundle/base64url.ts';
import { UpdateError } from '../../src/errors.ts';
import { refusal } from '../fixtures/refusal.ts';

describe('decodeBase64url', () => {
  it.each([
    ['padding', 'QQ=='],
    ['the alphabet of plain base64', '-_+/'],
    ['a length that cannot occur', 'QUJDR'],
    ['spare bits that are not zero', 'QR'],
    ['spare bits that are not zero, in a group of three', 'QUF'],
    ['white space', 'QUJD\n'],
    ['other characters', 'QU*D'],
    ['characters beyond ASCII', 'QUé'],
    ['a dot', 'QU.D'],
  ])('refuses %s', async (_, text) => {
    expect(await refusal(() => decodeBase64url(text, 'it'))).toBe('JWS_MALFORMED');
  });

  it('accepts exactly what encoding gives', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = Buffer.from(bytes).toString('base64url');
        expect(decodeBase64url(text, 'it').equals(bytes)).toBe(true);
        expect(base64urlLength(bytes.length)).toBe(text.length);
      }),
    );
  });
});

describe('decodeBase64urlInto', () => {
  const verdict = (decode: () => Buffer): string => {
    try {
      return decode().toString('hex');
    } catch (error) {
      return error instanceof UpdateError ? error.code : String(error);
    }
  };
  const into = (text: Buffer): Buffer => {
    const target = Buffer.alloc(text.length);
    return target.subarray(0, decodeBase64urlInto(text, target, 'it'));
  };

  it('accepts and refuses exactly what decodeBase64url does, in whole groups', () => {
    const close = fc.constantFrom(...Array.from('ABYZabyz0189-_+/= \n\t\0.,:;@[`{~é\xff'));
    const character = fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom(...Array.from('ABCDwxyz0189-_')) },
      { weight: 1, arbitrary: close },
    );
    fc.assert(
      fc.property(fc.array(character, { maxLength: 40 }), (characters) => {
        const text = characters.slice(0, characters.length - (characters.length % 4)).join('');
        expect(verdict(() => into(Buffer.from(text, 'latin1')))).toBe(
          verdict(() => decodeBase64url(text, 'it')),
        );
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses every other octet, wherever it stands', () => {
    const right = Buffer.from('A'.repeat(64 * 1024 + 64), 'latin1');
    const alphabet = /[A-Za-z0-9_-]/;
    for (let octet = 0; octet < 256; octet += 1)
      for (const at of [0, 3, 64 * 1024 - 1, 64 * 1024, right.length - 1]) {
        const text = Buffer.from(right);
        text.writeUInt8(octet, at);
        const known = alphabet.test(String.fromCharCode(octet));
        expect(verdict(() => into(text)) === 'JWS_MALFORMED', `${String(octet)} at ${String(at)}`).toBe(
          !known,
        );
      }
  });

  it('refuses an incomplete group', () => {
    for (const text of ['A', 'AA', 'AAA', 'AAAAA', 'AAAAAA', 'AAAAAAA'])
      expect(verdict(() => into(Buffer.from(text)))).toBe('JWS_MALFORMED');
  });
});

describe('encodeBase64url', () => {
  it('gives the same text however the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 10 })), async (chunks) => {
        const parts: string[] = [];
        for await (const text of encodeBase64url(cut(chunks))) parts.push(text);
        expect(parts.join('')).toBe(Buffer.concat(chunks).toString('base64url'));
      }),
    );
  });
});

async function* cut(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  await Promise.resolve();
  yield* chunks;
}
