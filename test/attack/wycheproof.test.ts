/**
 * Project Wycheproof's JSON Web Signature and JSON Web Key vectors (RS256, ES256, public keys), through the same import of
 * keys and the same signature core as heads and bundles. Their headers are not ours, so the core is driven below the header
 * rule; what the header rule says to them is asserted apart.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { splitCompact, verifyParts, verifySmall } from '../../src/bundle/jws.ts';
import { importTrustSet, thumbprint } from '../../src/bundle/trust-set.ts';
import type { TrustKey, TrustSet } from '../../src/bundle/trust.ts';
import { UpdateError } from '../../src/errors.ts';

interface Vector {
  readonly tcId: number;
  readonly comment: string;
  readonly jws: string;
  readonly result: 'valid' | 'invalid' | 'acceptable';
}

type Jwk = Readonly<Record<string, unknown>>;

interface Group {
  readonly comment: string;
  readonly public?: Jwk | { readonly keys: readonly Jwk[] };
  readonly tests: readonly Vector[];
}

const FOLDER = join(import.meta.dirname, '../../../shared/vectors/wycheproof/testvectors_v1');
const SIGNATURE_VECTORS = 276;
const KEY_VECTORS = 11;
const SIGNATURES = 'json_web_signature_test.json';
const KEYS = 'json_web_key_test.json';

/** Valid vectors that are refused here on purpose, by file and tcId. */
const STRICTER: Readonly<Record<string, string>> = {
  [`${SIGNATURES} 349`]: 'a key in a trust file has no member key_ops: its use is bound beside it',
};

function groups(file: string): Group[] {
  return (JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as { testGroups: Group[] }).testGroups;
}

/** The public keys of a group; none for a symmetric one. */
function publicKeys({ public: found }: Group): readonly Jwk[] {
  if (found === undefined) return [];
  return Array.isArray(found.keys) ? (found.keys as Jwk[]) : [found];
}

/** Whether a vector is ours to judge: a public key that says RS256 or ES256, or says nothing and the header does. */
function isOurs(key: Jwk, { jws }: Vector): boolean {
  if (key['alg'] !== undefined) return key['alg'] === 'RS256' || key['alg'] === 'ES256';
  return /"alg":"(RS|ES)256"/.test(Buffer.from(jws.split('.')[0] ?? '', 'base64url').toString());
}

/** Puts a JWK into a trust file: `alg`, `kid` and `use: sig` stand beside the key there; all else stays in it. */
function asTrustKey({ alg, kid: _, use, ...jwk }: Jwk): TrustSet {
  const kept = use === undefined || use === 'sig' ? jwk : { ...jwk, use };
  const algorithm = alg ?? (jwk['kty'] === 'EC' ? 'ES256' : 'RS256');
  return importTrustSet({
    schema: 1,
    product: 'wycheproof',
    keys: [
      {
        kid: thumbprint(jwk as Parameters<typeof thumbprint>[0]),
        alg: algorithm,
        use: 'bundle',
        audiences: algorithm === 'ES256' ? ['airgap'] : ['stable'],
        jwk: kept,
      },
    ],
  });
}

function onlyKey(trust: TrustSet): TrustKey {
  const [key] = trust.keys.values();
  if (key === undefined) throw new Error('expected one key, found none');
  return key;
}

/** `accepted`, or the code of the refusal; anything else that is thrown comes out. */
function verdict(work: () => unknown): string {
  try {
    work();
    return 'accepted';
  } catch (error) {
    if (error instanceof UpdateError) return error.code;
    throw error;
  }
}

const there = existsSync(FOLDER);
if (!there)
  console.warn('SKIPPED: the Wycheproof vectors are not beside the project (shared/vectors/wycheproof)');

const signatures = there
  ? groups(SIGNATURES).flatMap((group) =>
      publicKeys(group).flatMap((key) =>
        group.tests.filter((vector) => isOurs(key, vector)).map((vector) => ({ ...vector, key })),
      ),
    )
  : [];
const keys = there
  ? groups(KEYS).flatMap((group) =>
      publicKeys(group).flatMap((key) => group.tests.map((vector) => ({ ...vector, key }))),
    )
  : [];

describe.skipIf(!there)('Wycheproof', () => {
  it('finds every RS256 and ES256 vector and every public key', () => {
    expect(signatures).toHaveLength(SIGNATURE_VECTORS);
    expect(keys).toHaveLength(KEY_VECTORS);
  });

  it.each(signatures)(`${SIGNATURES} $tcId: $comment is $result`, ({ tcId, jws, key, result }) => {
    const found = verdict(() => verifyParts(splitCompact(Buffer.from(jws)), onlyKey(asTrustKey(key))));
    const stricter = STRICTER[`${SIGNATURES} ${String(tcId)}`] !== undefined;
    if (result === 'valid' && !stricter) expect(found).toBe('accepted');
    else expect(found).not.toBe('accepted');
  });

  it.each(keys)(`${KEYS} $tcId: $comment is $result`, ({ jws, key, result }) => {
    const found = verdict(() => verifyParts(splitCompact(Buffer.from(jws)), onlyKey(asTrustKey(key))));
    if (result === 'valid') expect(found).toBe('accepted');
    else expect(found).toBe('TRUST_SET_INVALID');
  });

  it('has no vector that the whole reader accepts: none has a header of exactly alg, kid and typ', async () => {
    for (const { jws, key } of signatures) {
      let trust: TrustSet;
      try {
        trust = asTrustKey(key);
      } catch {
        continue;
      }
      const rule = { trust, typ: 'coresdk-bundle+jws', use: 'bundle', maxBytes: 65_536 } as const;
      await expect(verifySmall(Buffer.from(jws), rule)).rejects.toMatchObject({
        code: expect.stringMatching(/^JWS_(HEADER_INVALID|MALFORMED)$/),
      });
    }
  });
});
