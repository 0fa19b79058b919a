import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64urlLength, decodeBase64url, encodeBase64url } from '../../src/bundle/base64url.ts';
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
