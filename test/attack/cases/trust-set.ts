/** Public keys that no program may be built with. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { thumbprint } from '../../../src/bundle/trust-set.ts';
import type { AttackRow } from '../support/attack.ts';

/** An entry of a trust file that must be refused. */
export interface TrustAttack extends AttackRow {
  /** The keys of the trust file. */
  readonly keys: () => readonly object[];
  /** Part of the reason. */
  readonly says: string;
}

type Jwk = Record<string, string>;

const rsa = (modulusLength: number, publicExponent = 65537): Jwk =>
  publicJwk(generateKeyPairSync('rsa', { modulusLength, publicExponent }).publicKey);
const ec = (namedCurve = 'P-256'): Jwk => publicJwk(generateKeyPairSync('ec', { namedCurve }).publicKey);

function publicJwk(key: KeyObject): Jwk {
  return key.export({ format: 'jwk' }) as Jwk;
}

const entry = (jwk: Jwk, change: Record<string, unknown> = {}): object => ({
  kid: thumbprint(jwk as Parameters<typeof thumbprint>[0]),
  alg: jwk['kty'] === 'EC' ? 'ES256' : 'RS256',
  use: 'bundle',
  audiences: jwk['kty'] === 'EC' ? ['airgap'] : ['stable', 'edge'],
  jwk,
  ...change,
});

const attack = (name: string, says: string, keys: TrustAttack['keys']): TrustAttack => ({
  name,
  code: 'TRUST_SET_INVALID',
  defence: 'keys',
  says,
  keys,
});

/** A modulus whose every residue is a power of 65537, as those of the flawed generator are. Nobody knows its factors. */
function rocaModulus(): string {
  const primes = [
    3n,
    5n,
    7n,
    11n,
    13n,
    17n,
    19n,
    23n,
    29n,
    31n,
    37n,
    41n,
    43n,
    47n,
    53n,
    59n,
    61n,
    67n,
    71n,
    73n,
  ];
  const more = [
    79n,
    83n,
    89n,
    97n,
    101n,
    103n,
    107n,
    109n,
    113n,
    127n,
    131n,
    137n,
    139n,
    149n,
    151n,
    157n,
    163n,
    167n,
  ];
  const product = [...primes, ...more].reduce((all, prime) => all * prime, 2n);
  let n = (1n << 2047n) - ((1n << 2047n) % product) + product + 65537n;
  if (n % 2n === 0n) n += product;
  return Buffer.from(n.toString(16), 'hex').toString('base64url');
}

/** Every key that must keep a program from starting. */
export const TRUST_ATTACKS: readonly TrustAttack[] = [
  attack('an RSA key of 1024 bits', '2048 to 8192 bits', () => [entry(rsa(1024))]),
  attack('an RSA key with the exponent 1', '65537', () => [entry({ ...rsa(2048), e: 'AQ' })]),
  attack('an RSA key with the exponent 3', '65537', () => [entry(rsa(2048, 3))]),
  attack('an RSA key with the fingerprint of ROCA', 'CVE-2017-15361', () => [
    entry({ ...rsa(2048), n: rocaModulus() }),
  ]),
  attack('an RSA modulus with a zero before it', 'canonically', () => {
    const { n = '', ...rest } = rsa(2048);
    const padded = Buffer.concat([Buffer.alloc(1), Buffer.from(n, 'base64url')]).toString('base64url');
    return [entry({ ...rest, n: padded })];
  }),
  attack('an EC key on P-384', 'jwk', () => [entry(ec('P-384'))]),
  attack('an EC key that is no point of the curve', 'usable public key', () => {
    const { x = '', ...rest } = ec();
    return [entry({ ...rest, x: Buffer.from(x, 'base64url').reverse().toString('base64url') })];
  }),
  attack('a symmetric key', 'jwk', () => [{ ...entry(ec()), alg: 'RS256', jwk: { kty: 'oct', k: 'AAAA' } }]),
  attack('a private key', 'jwk', () => [entry({ ...ec(), d: 'AAAA' })]),
  attack('a key under another kid', 'thumbprint', () => [entry(rsa(2048), { kid: 'A'.repeat(43) })]),
  attack('a key twice', 'twice', () => {
    const one = entry(rsa(2048));
    return [one, one];
  }),
  attack('HS256 as algorithm of a key', 'alg', () => [entry(rsa(2048), { alg: 'HS256' })]),
  attack('an EC key for RS256', 'expected an RSA key', () => [
    entry(ec(), { alg: 'RS256', audiences: ['stable', 'edge'] }),
  ]),
  attack('one key for channels and air-gapped hosts', 'ES256 for airgap alone', () => [
    entry(rsa(2048), { audiences: ['stable', 'airgap'] }),
  ]),
  attack('one head key for both channels', 'one channel', () => [entry(rsa(2048), { use: 'head' })]),
];
