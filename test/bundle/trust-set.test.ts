import { generateKeyPairSync } from 'node:crypto';
import { calculateJwkThumbprint } from 'jose';
import { describe, expect, it } from 'vitest';
import { importTrustSet, keyIds, thumbprint } from '../../src/bundle/trust-set.ts';
import type { TrustFile } from '../../src/bundle/trust.ts';
import { UpdateError } from '../../src/errors.ts';
import { publicJwk } from '../../src/publish/public-jwk.ts';
import { testKeys } from '../fixtures/keys.ts';
import { refusal } from '../fixtures/refusal.ts';

type FileKey = TrustFile['keys'][number];

const importing = (...keys: unknown[]): string[] => keyIds(importTrustSet({ schema: 1, product: 'p', keys }));

async function key(alg: FileKey['alg'], use: FileKey['use'] = 'bundle'): Promise<FileKey> {
  const { trustContent } = await testKeys();
  const found = trustContent.keys.find((candidate) => candidate.alg === alg && candidate.use === use);
  if (found === undefined) throw new Error('no such test key');
  return found;
}

function weakRsa(modulusLength: number, publicExponent: number): FileKey {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength, publicExponent });
  const jwk = publicJwk(publicKey);
  return { kid: thumbprint(jwk), alg: 'RS256', use: 'bundle', audiences: ['stable'], jwk };
}

describe('importTrustSet', () => {
  it('imports what `core keys generate` writes', async () => {
    const { trust, trustContent } = await testKeys();
    expect(trust.development).toBe(true);
    expect(keyIds(trust)).toEqual(trustContent.keys.map(({ kid }) => kid).sort());
    for (const { kid, jwk } of trustContent.keys) {
      expect(kid).toBe(await calculateJwkThumbprint(jwk));
      expect(trust.keys.get(kid)?.key.type).toBe('public');
    }
  });

  it('refuses, and names the key', async () => {
    const rsa = await key('RS256');
    const head = await key('RS256', 'head');
    const ec = await key('ES256');
    const wrong: [string, ...unknown[]][] = [
      ['no keys'],
      ['a key twice', rsa, rsa],
      ['a kid of another key', { ...rsa, kid: ec.kid }],
      ['RS256 for airgap', { ...rsa, audiences: ['airgap'] }],
      ['ES256 for stable', { ...ec, audiences: ['stable'] }],
      ['ES256 for airgap and stable', { ...ec, audiences: ['airgap', 'stable'] }],
      ['an airgap head key', { ...ec, use: 'head' }],
      ['a head key for two channels', { ...head, audiences: ['stable', 'edge'] }],
      ['an audience twice', { ...rsa, audiences: ['edge', 'edge'] }],
      ['ES256 with an RSA key', { ...rsa, alg: 'ES256', audiences: ['airgap'] }],
      ['RS256 with an EC key', { ...ec, alg: 'RS256', audiences: ['stable'] }],
      ['another algorithm', { ...rsa, alg: 'PS256' }],
      ['a private key', { ...rsa, jwk: { ...rsa.jwk, d: 'AAAA' } }],
      ['an unknown member', { ...rsa, disabled: true }],
      ['1024 bits', weakRsa(1024, 65537)],
      ['the exponent 3', weakRsa(2048, 3)],
      ['a point that is not on the curve', offCurve(ec)],
      ['a modulus with a leading zero', leadingZero(rsa)],
    ];
    for (const [what, ...keys] of wrong) {
      expect(await refusal(() => importing(...keys)), what).toBe('TRUST_SET_INVALID');
    }
    const error = ((): unknown => {
      try {
        return importing(rsa, { ...head, audiences: ['stable', 'edge'] });
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(UpdateError);
    expect(String(error)).toContain(head.kid);
  });

  it('reads not_after as an instant', async () => {
    const rsa = await key('RS256');
    const file = { schema: 1, product: 'p', keys: [{ ...rsa, not_after: '2026-01-01T00:00:00Z' }] };
    expect(importTrustSet(file).keys.get(rsa.kid)?.notAfter).toBe(Date.UTC(2026, 0, 1));
  });
});

function offCurve(entry: FileKey): FileKey {
  if (entry.jwk.kty !== 'EC') throw new Error('expected an EC key');
  const jwk = { ...entry.jwk, y: entry.jwk.x };
  return { ...entry, jwk, kid: thumbprint(jwk) };
}

function leadingZero(entry: FileKey): FileKey {
  if (entry.jwk.kty !== 'RSA') throw new Error('expected an RSA key');
  const n = Buffer.concat([Buffer.alloc(3), Buffer.from(entry.jwk.n, 'base64url')]).toString('base64url');
  const jwk = { ...entry.jwk, n };
  return { ...entry, jwk, kid: thumbprint(jwk) };
}
