import { generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSignature } from '../../src/publish/signature-text.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const raw = (r: string, s: string): Buffer => Buffer.from(r.padStart(64, '0') + s.padStart(64, '0'), 'hex');

describe('readSignature', () => {
  it('reads DER with leading zeros and short numbers (RFC 3279)', () => {
    expect(readSignature(hex('3006 020101 020102'), 'ES256', 64)).toEqual(raw('01', '02'));
    expect(readSignature(hex('3008 02020080 020200ff'), 'ES256', 64)).toEqual(raw('80', 'ff'));
    const long = `0221 00${'ff'.repeat(32)}`;
    expect(readSignature(hex(`3046 ${long} ${long}`), 'ES256', 64)).toEqual(
      raw('ff'.repeat(32), 'ff'.repeat(32)),
    );
  });

  it.each([
    ['a negative number', '3006 020181 020102'],
    ['a number with a useless zero', '3007 02020001 020102'],
    ['an empty number', '3005 0200 020102'],
    ['a number that is too long', `3027 022201${'00'.repeat(33)} 020102`],
    ['data after the end', '3006 020101 020102 00'],
    ['data within, after s', '3007 020101 020102 00'],
    ['a length beyond the end', '3006 020101 020202'],
    ['one number', '3003 020101'],
    ['another type', '3106 020101 020102'],
    ['other elements', '3006 040101 040102'],
    ['a sequence alone', '30'],
    ['nothing', ''],
  ])('refuses DER with %s', (_, text) => {
    expect(readSignature(hex(text), 'ES256', 64)).toBeNull();
  });

  it('takes no DER for RSA, and no other length', () => {
    expect(readSignature(hex('3006 020101 020102'), 'RS256', 64)).toBeNull();
    expect(readSignature(Buffer.alloc(255), 'RS256', 256)).toBeNull();
    expect(readSignature(Buffer.alloc(257), 'RS256', 256)).toBeNull();
    expect(readSignature(Buffer.alloc(256), 'RS256', 256)).toEqual(Buffer.alloc(256));
  });

  it('reads every form of any P-256 signature', () => {
    const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    for (let at = 0; at < 64; at += 1) {
      const der = sign('sha256', Buffer.from(String(at)), { key, dsaEncoding: 'der' });
      const plain = readSignature(der, 'ES256', 64);
      if (plain === null) throw new Error(`not read: ${der.toString('hex')}`);
      for (const text of [
        plain.toString('base64url'),
        `${plain.toString('base64')}\n`,
        der.toString('base64'),
      ])
        expect(readSignature(Buffer.from(text), 'ES256', 64)).toEqual(plain);
    }
  });

  it('never throws, and never gives another length, for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.constantFrom('RS256', 'ES256'), (bytes, alg) => {
        const found = readSignature(Buffer.from(bytes), alg, 64);
        return found === null || found.length === 64;
      }),
    );
  });
});
