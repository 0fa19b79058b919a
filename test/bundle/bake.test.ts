import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { BAKE_S, requireBake, securityOverride, type BakeRule } from '../../src/bundle/bake.ts';
import { headSchema, type Head } from '../../src/bundle/head.ts';
import type { TrustSet } from '../../src/bundle/trust.ts';
import type { KeyPurpose } from '../../src/publish/keys.ts';
import { forge, headClaims } from '../fixtures/forge.ts';
import { PRODUCT, testKeys } from '../fixtures/keys.ts';
import { refusal } from '../fixtures/refusal.ts';

const NOW = Date.UTC(2026, 5, 15, 12);
const HERE = { os: 'linux', arch: 'x64', libc: 'glibc' } as const;
const target = (digest: string, change: Record<string, unknown> = {}) => ({
  os: 'linux',
  arch: 'x64',
  release_digest: digest.repeat(64),
  bundles: [{ path: 'bundles/x.jws', size: 1, sha256: 'b'.repeat(64) }],
  ...change,
});

type Change = Partial<Record<keyof Head, unknown>>;

let rule: BakeRule;
beforeAll(async () => {
  rule = { trust: (await testKeys()).trust, product: PRODUCT, platform: HERE };
});

/** An edge head that is `seconds` older than the stable heads of this test. */
async function edge(
  seconds: number,
  change: Change = {},
  purpose: KeyPurpose = 'head-edge',
): Promise<string> {
  const payload = headClaims(NOW - seconds * 1000, { sub: 'edge', ...change });
  return (await forge({ purpose, payload })).toString('latin1');
}

const stable = (bake: string | undefined, change: Change = {}): Head =>
  headSchema.parse(
    JSON.parse(headClaims(NOW, { ...change, ...(bake === undefined ? {} : { bake }) }).toString()),
  );

const verdict = (head: Head, change: Partial<BakeRule> = {}): Promise<string> =>
  refusal(requireBake(head, { ...rule, ...change }));

describe('a release that baked', () => {
  it('stood on edge for exactly seven days, or longer', async () => {
    await requireBake(stable(await edge(BAKE_S)), rule);
    await requireBake(stable(await edge(BAKE_S * 40)), rule);
  });

  it('is vouched for by an edge head that has ended long since', async () => {
    await requireBake(stable(await edge(BAKE_S * 40, { exp: NOW / 1000 - BAKE_S * 40 + 1 })), rule);
  });

  it('may have other bundles now: deltas are made at promotion', async () => {
    const bundles = [{ path: 'bundles/y.jws', size: 2, sha256: 'c'.repeat(64) }];
    await requireBake(stable(await edge(BAKE_S), { targets: [target('a', { bundles })] }), rule);
  });

  it('may be built for more platforms, also for ones that did not bake', async () => {
    const more = [target('a'), target('e', { arch: 'arm64' })];
    await requireBake(stable(await edge(BAKE_S), { targets: more }), rule);
    expect(
      await verdict(stable(await edge(BAKE_S), { targets: more }), {
        platform: { os: 'linux', arch: 'arm64' },
      }),
    ).toBe('BAKE_INVALID');
  });

  it('may be vouched for by a key that ended after it had signed', async () => {
    const ending = (at: number): TrustSet => ({
      ...rule.trust,
      keys: new Map([...rule.trust.keys].map(([kid, key]) => [kid, { ...key, notAfter: at }])),
    });
    const head = stable(await edge(BAKE_S));
    await requireBake(head, { ...rule, trust: ending(NOW - BAKE_S * 1000) });
    expect(await verdict(head, { trust: ending(NOW - BAKE_S * 1000 - 1) })).toBe('BAKE_INVALID');
  });

  it('is not asked of an edge head', async () => {
    const head = headSchema.parse(JSON.parse(headClaims(NOW, { sub: 'edge' }).toString()));
    await requireBake(head, rule);
  });
});

describe('what did not bake', () => {
  it('is refused without an edge head', async () => {
    expect(await verdict(stable(undefined))).toBe('BAKE_MISSING');
  });

  it.each([
    [BAKE_S - 1, 'expected 1.0.0 on stable to have stood on edge for 7 days, found 7 d: 1 min are left'],
    [6 * 86_400, 'expected 1.0.0 on stable to have stood on edge for 7 days, found 6 d: 1 d are left'],
    [86_400 * 3 + 3600 * 5 + 60 * 7, /found 3 d 5 h 7 min: 3 d 18 h 53 min are left$/],
    [0, /found 0 min: 7 d are left$/],
    [-60, /found −1 min: 7 d 1 min are left$/],
  ])('is refused after %i seconds, with the time that is left', async (seconds, message) => {
    await expect(requireBake(stable(await edge(seconds)), rule)).rejects.toMatchObject({
      code: 'BAKE_TOO_SHORT',
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    });
  });

  it.each<[string, Change, KeyPurpose?]>([
    ['another release digest', { targets: [target('f')] }],
    ['the release digest of another platform only', { targets: [target('a', { arch: 'arm64' })] }],
    ['the release digest of another C library only', { targets: [target('a', { libc: 'musl' })] }],
    ['another version', { version: '1.0.1' }],
    ['another product', { aud: 'other' }],
    ['another channel', { sub: 'stable' }],
    ['a shape that is none', { targets: [] }],
    ['a member that is not known', { surprise: true } as Change],
    ['the stable key', {}, 'head-stable'],
  ])('is refused with an edge head of %s', async (_, change, purpose) => {
    expect(await verdict(stable(await edge(BAKE_S, change, purpose)))).toBe('BAKE_INVALID');
  });

  it('is refused with an edge head by a key for bundles', async () => {
    const payload = headClaims(NOW - BAKE_S * 1000, { sub: 'edge' });
    const bytes = await forge({ purpose: 'bundle', payload, header: { typ: 'coresdk-head+jwt' } });
    expect(await verdict(stable(bytes.toString('latin1')))).toBe('BAKE_INVALID');
  });

  it('is refused with an edge head by a key that this program does not know', async () => {
    const nobody: TrustSet = { ...rule.trust, keys: new Map() };
    expect(await verdict(stable(await edge(BAKE_S)), { trust: nobody })).toBe('BAKE_INVALID');
  });

  it('is refused when any byte of the edge head is another', async () => {
    const good = await edge(BAKE_S);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(good.length - 1),
        fc.string({ minLength: 1, maxLength: 1, unit: 'binary-ascii' }),
        async (at, char) => {
          fc.pre(good[at] !== char);
          const bad = `${good.slice(0, at)}${char}${good.slice(at + 1)}`;
          expect(await verdict(stable(bad))).toBe('BAKE_INVALID');
        },
      ),
      { numRuns: 50 },
    );
  });

  it.each(['', '.', '..', 'a.b.c', ' ', 'Łatin', '\0'])('is refused with %j', async (bake) => {
    expect(await verdict(stable(bake))).toBe('BAKE_INVALID');
  });

  it('is refused where the release is not for this platform at all', async () => {
    expect(await verdict(stable(await edge(BAKE_S)), { platform: { os: 'darwin', arch: 'x64' } })).toBe(
      'BAKE_INVALID',
    );
  });
});

describe('a step on the way', () => {
  const step = (digest: string) => [{ version: '0.9.0', targets: [target(digest)] }];

  it('must be the one that edge named', async () => {
    await requireBake(stable(await edge(BAKE_S, { steps: step('7') }), { steps: step('7') }), rule);
    expect(await verdict(stable(await edge(BAKE_S, { steps: step('8') }), { steps: step('7') }))).toBe(
      'BAKE_INVALID',
    );
    expect(await verdict(stable(await edge(BAKE_S), { steps: step('7') }))).toBe('BAKE_INVALID');
  });

  it('for other platforms is not looked at', async () => {
    const other = [{ version: '0.9.0', targets: [target('7', { arch: 'arm64' })] }];
    await requireBake(stable(await edge(BAKE_S), { steps: other }), rule);
  });
});

describe('securityOverride', () => {
  const at = NOW / 1000;
  it('is the reason of a dated exception', () => {
    expect(securityOverride({ iat: at, security: { reason: 'CVE-1', at } })).toBe('CVE-1');
    expect(securityOverride({ iat: at, security: { reason: 'CVE-1', at: at - 86_400 } })).toBe('CVE-1');
  });

  it('is none where there is none, or where it is dated after its head', () => {
    expect(securityOverride({ iat: at })).toBeNull();
    expect(securityOverride({ iat: at, security: { reason: 'CVE-1', at: at + 300 } })).toBe('CVE-1');
    expect(securityOverride({ iat: at, security: { reason: 'CVE-1', at: at + 301 } })).toBeNull();
  });
});
