import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  compareHeads,
  HEAD_MAX_SKEW_MS,
  selectTarget,
  verifyHead,
  type HeadRule,
} from '../../src/bundle/head-document.ts';
import { HEAD_MAX_BYTES, type Head } from '../../src/bundle/head.ts';
import { makeSigner } from '../../src/publish/signer.ts';
import { archive, forge, headClaims, privateKey, type Forgery } from '../fixtures/forge.ts';
import { PRODUCT, testKeys } from '../fixtures/keys.ts';
import { refusal } from '../fixtures/refusal.ts';

const NOW = Date.UTC(2026, 5, 1);
const DAY = 24 * 3600 * 1000;

let rule: HeadRule;
beforeAll(async () => {
  rule = { trust: (await testKeys()).trust, channel: 'stable', product: PRODUCT, now: NOW };
});

const head = (change: Partial<Forgery> = {}): Promise<Buffer> =>
  forge({ purpose: 'head-stable', payload: headClaims(NOW), ...change });

const verdict = async (bytes: Uint8Array, change: Partial<HeadRule> = {}): Promise<string> =>
  refusal(verifyHead(bytes, { ...rule, ...change }));

describe('verifyHead', () => {
  it('accepts a right head and gives its claims', async () => {
    expect(await verifyHead(await head(), rule)).toMatchObject({
      sub: 'stable',
      aud: PRODUCT,
      seq: 1,
      version: '1.0.0',
    });
  });

  it.each<[string, string, Partial<Forgery>]>([
    ['an extra header member', 'JWS_HEADER_INVALID', { header: { crit: ['b64'], b64: false } }],
    ['an embedded key', 'JWS_HEADER_INVALID', { header: { jwk: {} } }],
    ['a header without kid', 'JWS_HEADER_INVALID', { header: { kid: undefined } }],
    ['a header member that is no string', 'JWS_HEADER_INVALID', { header: { alg: ['RS256'] } }],
    ['a header that is an array', 'JWS_HEADER_INVALID', { headerText: '["alg","kid","typ"]' }],
    ['a header that is null', 'JWS_HEADER_INVALID', { headerText: 'null' }],
    ['a header that is no JSON', 'JWS_HEADER_INVALID', { headerText: 'alg' }],
    ['a duplicate header member', 'JWS_HEADER_INVALID', { headerText: '{"alg":"RS256","alg":"none"}' }],
    ['a large header', 'JWS_HEADER_INVALID', { header: { typ: 'x'.repeat(2000) } }],
    ['another type', 'JWS_TYPE_MISMATCH', { header: { typ: 'coresdk-bundle+jws' } }],
    ['a type in other case', 'JWS_TYPE_MISMATCH', { header: { typ: 'CoreSDK-head+jwt' } }],
    ['an unknown key', 'JWS_KEY_UNKNOWN', { header: { kid: 'A'.repeat(43) } }],
    ['a kid that names a member of every object', 'JWS_KEY_UNKNOWN', { header: { kid: 'constructor' } }],
    ['alg none', 'JWS_ALGORITHM_MISMATCH', { header: { alg: 'none' } }],
    ['alg HS256', 'JWS_ALGORITHM_MISMATCH', { header: { alg: 'HS256' } }],
    ['alg PS256', 'JWS_ALGORITHM_MISMATCH', { header: { alg: 'PS256' } }],
    ['the key of another channel', 'JWS_KEY_NOT_ALLOWED', { purpose: 'head-edge' }],
    ['a key for bundles', 'JWS_KEY_NOT_ALLOWED', { purpose: 'bundle', header: { typ: 'coresdk-head+jwt' } }],
    ['a key for airgap', 'JWS_KEY_NOT_ALLOWED', { purpose: 'airgap', header: { typ: 'coresdk-head+jwt' } }],
    [
      'a payload with padding',
      'JWS_MALFORMED',
      { payloadText: `${headClaims(NOW).toString('base64url')}==` },
    ],
    ['a payload that is no JSON', 'JSON_INVALID', { payload: Buffer.from('no') }],
    ['a duplicate claim', 'JSON_INVALID', { payload: Buffer.from('{"iss":"a","iss":"b"}') }],
    ...[
      {},
      { canary: {} },
      { canary: { start: 1 } },
      { canary: { start: 1, percent: 1, duration: 1 } },
      { canary: { start: 1, percent: 101 } },
      { canary: { start: 1, percent: 1, more: 1 } },
      { 'a b': { start: 1, percent: 1 } },
      Object.fromEntries(
        Array.from({ length: 33 }, (_, index) => [`g${String(index)}`, { start: 1, percent: 1 }]),
      ),
    ].map((groups): [string, string, Partial<Forgery>] => [
      `the groups ${JSON.stringify(groups).slice(0, 60)}`,
      'HEAD_INVALID',
      { payload: headClaims(NOW, { rollout: { start: 1, percent: 1, groups } }) },
    ]),
    ['a claim that is not known', 'HEAD_INVALID', { payload: headClaims(NOW, { extra: 1 } as never) }],
    [
      'a life of more than 14 days',
      'HEAD_INVALID',
      { payload: headClaims(NOW, { exp: NOW / 1000 + 15 * 86400 }) },
    ],
    [
      'a path that leaves the feed',
      'HEAD_INVALID',
      { payload: headClaims(NOW, { targets: [target('../x')] }) },
    ],
    ['another channel', 'HEAD_WRONG_CHANNEL', { payload: headClaims(NOW, { sub: 'edge' }) }],
    ['another product', 'HEAD_WRONG_CHANNEL', { payload: headClaims(NOW, { aud: 'other' }) }],
  ])('refuses %s with %s', async (_, code, change) => {
    expect(await verdict(await head(change))).toBe(code);
  });

  it('refuses a signature by another key than the one it names', async () => {
    const { kid } = makeSigner(await privateKey('head-stable'));
    expect(await verdict(await head({ purpose: 'head-edge', header: { kid } }))).toBe(
      'JWS_SIGNATURE_INVALID',
    );
  });

  it('refuses anything before, after, or between', async () => {
    const bytes = (await head()).toString('latin1');
    const [first = '', second = '', third = ''] = bytes.split('.');
    const wrong = [
      `${bytes}\n`,
      ` ${bytes}`,
      `${bytes}.`,
      `${bytes}.${third}`,
      `${first}.${second}`,
      `${first}..${third}.`,
      `\uFEFF${bytes}`,
      `${first}.${second}.${third.slice(0, -4)}`,
      `${first}.${second}.`,
      '',
    ];
    for (const text of wrong) expect(await verdict(Buffer.from(text)), text.slice(-20)).toBe('JWS_MALFORMED');
  });

  it('refuses what is over the cap of the channel, before anything else', async () => {
    for (const channel of ['edge', 'stable'] as const) {
      const bytes = Buffer.alloc(HEAD_MAX_BYTES[channel] + 1, 'A');
      expect(await verdict(bytes, { channel })).toBe('JWS_TOO_LARGE');
      expect(await verdict(bytes.subarray(1), { channel })).toBe('JWS_MALFORMED');
    }
  });

  it('judges the dates by the host’s time', async () => {
    const bytes = await head();
    expect(await verdict(bytes, { now: NOW + 7 * DAY })).toBe('HEAD_EXPIRED');
    expect((await verifyHead(bytes, { ...rule, now: NOW + 7 * DAY - 1 })).seq).toBe(1);
    expect(await verdict(bytes, { now: NOW - HEAD_MAX_SKEW_MS - 1 })).toBe('HEAD_FROM_FUTURE');
    expect((await verifyHead(bytes, { ...rule, now: NOW - HEAD_MAX_SKEW_MS })).seq).toBe(1);
    const later = await head({ payload: headClaims(NOW, { nbf: NOW / 1000 + 3600 }) });
    expect(await verdict(later)).toBe('HEAD_FROM_FUTURE');
  });

  it('accepts an expired head that was accepted before', async () => {
    const bytes = await head();
    for (const now of [0, NOW + 400 * DAY])
      expect((await verifyHead(bytes, { ...rule, now, checkDates: false })).seq).toBe(1);
  });

  it('refuses a key that has ended', async () => {
    const { kid } = makeSigner(await privateKey('head-stable'));
    const key = rule.trust.keys.get(kid);
    if (key === undefined) throw new Error('no such key');
    const ended = (notAfter: number): HeadRule['trust'] => ({
      ...rule.trust,
      keys: new Map([[kid, { ...key, notAfter }]]),
    });
    const bytes = await head();
    expect(await verdict(bytes, { trust: ended(NOW - 1) })).toBe('JWS_KEY_NOT_ALLOWED');
    expect((await verifyHead(bytes, { ...rule, trust: ended(NOW) })).seq).toBe(1);
    const stored = { now: NOW + 400 * DAY, checkDates: false };
    expect((await verifyHead(bytes, { ...rule, ...stored, trust: ended(NOW) })).seq).toBe(1);
    expect(await verdict(bytes, { ...stored, trust: ended(NOW - 1) })).toBe('JWS_KEY_NOT_ALLOWED');
  });

  it('refuses a bundle', async () => {
    const payload = await archive([{ name: 'x', body: Buffer.from('x') }]);
    expect(await verdict(await forge({ purpose: 'bundle', payload }))).toBe('JWS_TYPE_MISMATCH');
  });

  it('refuses a head with any one byte changed', async () => {
    const bytes = await head();
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(bytes.readUInt8(at) ^ flip, at);
        await verdict(changed);
      }),
      { numRuns: 300 },
    );
  });

  it('rejects with nothing but UpdateError, whatever the bytes', async () => {
    const part = fc.oneof(
      fc.base64String(),
      fc.string(),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
    );
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc.array(part).map((parts) => Buffer.from(parts.join('.'))),
    );
    await fc.assert(
      fc.asyncProperty(bytes, async (it) => {
        await verdict(it);
      }),
    );
  });
});

function target(path: string): unknown {
  return {
    os: 'linux',
    arch: 'x64',
    release_digest: 'a'.repeat(64),
    bundles: [{ path, size: 1, sha256: 'b'.repeat(64) }],
  };
}

describe('compareHeads', () => {
  const at = (epoch: number, seq: number, bytes = 'x'): { head: Head; bytes: Buffer } => ({
    head: { ...(JSON.parse(headClaims(NOW).toString()) as Head), epoch, seq },
    bytes: Buffer.from(bytes),
  });

  it.each([
    ['a greater seq', at(0, 1), at(0, 2), 'newer'],
    ['a smaller seq', at(0, 2), at(0, 1), 'stale'],
    ['a greater epoch, whatever the seq', at(0, 9), at(1, 0), 'newer'],
    ['a smaller epoch, whatever the seq', at(1, 0), at(0, 9), 'stale'],
    ['the same place and bytes', at(1, 1), at(1, 1), 'same'],
    ['the same place and other bytes', at(1, 1), at(1, 1, 'y'), 'equivocation'],
    ['the same place and claims by another key', at(1, 1, 'k1.x.s1'), at(1, 1, 'k2.x.s2'), 'same'],
    ['the same place and other claims', at(1, 1, 'k1.x.s1'), at(1, 1, 'k1.y.s1'), 'equivocation'],
    ['recovery from a fast-forward', at(0, Number.MAX_SAFE_INTEGER), at(1, 0), 'newer'],
    ['a fast-forward after recovery', at(1, 0), at(0, Number.MAX_SAFE_INTEGER), 'stale'],
  ])('%s', (_, accepted, candidate, order) => {
    expect(compareHeads(accepted, candidate)).toBe(order);
  });
});

describe('selectTarget', () => {
  const linux = { os: 'linux' as const, arch: 'x64' as const, release_digest: '', bundles: [] };
  const claims = (...targets: Head['targets']): Head => ({
    ...(JSON.parse(headClaims(NOW).toString()) as Head),
    targets,
  });

  it('prefers the target for this C library, and takes one that names none', () => {
    const musl = { ...linux, libc: 'musl' as const };
    const any = { ...linux, bundles: [] };
    const platform = { os: 'linux', arch: 'x64', libc: 'musl' } as const;
    expect(selectTarget(claims(any, musl), platform)).toBe(musl);
    expect(selectTarget(claims(any, musl), { ...platform, libc: 'glibc' })).toBe(any);
    expect(selectTarget(claims(musl), { ...platform, libc: 'glibc' })).toBeUndefined();
    expect(selectTarget(claims(musl), { os: 'linux', arch: 'x64' })).toBeUndefined();
    expect(selectTarget(claims(any), { os: 'linux', arch: 'arm64' })).toBeUndefined();
    expect(selectTarget(claims(any), { os: 'darwin', arch: 'x64' })).toBeUndefined();
  });
});
