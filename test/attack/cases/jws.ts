/** Attacks on the signed envelope, for heads and bundles alike. */
import { createHmac, createPublicKey, privateEncrypt, constants, sign, type KeyObject } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import type { ErrorCode } from '../../../src/error-codes.ts';
import type { AttackRow } from '../support/attack.ts';
import { honest, kidOf, type Craft, type Sign } from '../support/craft.ts';
import { jwkOf, type Maker } from '../support/makers.ts';

/** An attack on a signed document, wherever that comes from. */
export interface JwsAttack extends AttackRow {
  /** The kinds that it is tried on. */
  readonly on: readonly Maker['kind'][];
  /** Where a bundle ends with another code than a head. */
  readonly bundleCode?: ErrorCode;
  readonly bytes: (maker: Maker) => Uint8Array | Promise<Uint8Array>;
}

const ANY = ['head', 'airgap bundle'] as const;
const RSA = ['head', 'feed bundle'] as const;
const EC = ['airgap bundle'] as const;
const HEAD = ['head'] as const;
const BUNDLES = ['feed bundle', 'airgap bundle'] as const;

const NOTHING: Sign = () => Buffer.alloc(0);
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const bytes = (characters: string): Buffer => Buffer.from(characters, 'latin1');
const around = (before: string, after: string) => (maker: Maker) =>
  bytes(before + text(maker.make()) + after);
const insert = (part: string, at: number, what: string): string => part.slice(0, at) + what + part.slice(at);
const parts = (maker: Maker): [string, string, string] =>
  text(maker.make()).split('.') as [string, string, string];

/** The next character of the base64url alphabet: differs in the lowest bit. */
function otherLastCharacter(part: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return part.slice(0, -1) + (alphabet[alphabet.indexOf(part.at(-1) ?? '') ^ 1] ?? '');
}

const hmac =
  (secret: (key: KeyObject) => Uint8Array): Sign =>
  (input, key) =>
    createHmac('sha256', secret(createPublicKey(key)))
      .update(input)
      .digest();

const spki = (key: KeyObject, format: 'pem' | 'der'): Buffer =>
  Buffer.from(
    format === 'pem' ? key.export({ format, type: 'spki' }) : key.export({ format: 'der', type: 'spki' }),
  );
const pkcs1 = (key: KeyObject, format: 'pem' | 'der'): Buffer =>
  Buffer.from(
    format === 'pem' ? key.export({ format, type: 'pkcs1' }) : key.export({ format: 'der', type: 'pkcs1' }),
  );

const withHeader =
  (header: Craft['header'], more: Partial<Craft> = {}) =>
  (maker: Maker) =>
    maker.make({ ...(header === undefined ? {} : { header }), ...more });

const headerOf = (maker: Maker, change: Record<string, unknown> = {}): string =>
  text(Buffer.from(parts(maker)[0], 'base64url')).replace(
    /\}$/,
    Object.entries(change)
      .map(([name, value]) => `,${JSON.stringify(name)}:${JSON.stringify(value)}`)
      .join('') + '}',
  );

const rawHeader = (edit: (header: string) => Uint8Array) => (maker: Maker) =>
  maker.make({ headerBytes: edit(headerOf(maker)) });

/** 32 octets of a number. */
const scalar = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(64, '0'), 'hex');
/** The order of P-256 (FIPS 186-5; SP 800-186 section 3.2.1.3). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const raw =
  (r: (honest: bigint) => bigint, s: (honest: bigint) => bigint): Sign =>
  (input, key) => {
    const signature = honest(input, key).toString('hex');
    const half = (from: number): bigint => BigInt(`0x${signature.slice(from, from + 64)}`);
    return Buffer.concat([scalar(r(half(0))), scalar(s(half(64)))]);
  };
const keep = (value: bigint): bigint => value;
const fixed = (value: bigint) => (): bigint => value;

const modulus = (key: KeyObject): Buffer => Buffer.from(String(jwkOf(key)['n']), 'base64url');
const digestSign =
  (digest: string): Sign =>
  (input, key) =>
    key.asymmetricKeyType === 'ec'
      ? sign(digest, input, { key, dsaEncoding: 'ieee-p1363' })
      : sign(digest, input, key);
const pss: Sign = (input, key) =>
  sign('sha256', input, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 });

/** A document that has `-` or `_` in its signature, which is chance. */
function urlAlphabet(maker: Maker): string {
  for (;;) {
    const document = text(maker.make());
    const signature = document.slice(document.lastIndexOf('.'));
    if (/[-_]/.test(signature)) return document;
  }
}

const algorithm = (
  name: string,
  header: string,
  on: JwsAttack['on'],
  by: Sign,
  code: ErrorCode = 'JWS_ALGORITHM_MISMATCH',
): JwsAttack => ({
  name,
  code,
  defence: code === 'JWS_ALGORITHM_MISMATCH' ? 'algorithm' : 'signature',
  on,
  bytes: withHeader({ alg: header }, { sign: by }),
});

const rightAlg = (maker: Maker): string => (maker.key.asymmetricKeyType === 'ec' ? 'ES256' : 'RS256');

const algorithms: JwsAttack[] = [
  algorithm('alg none and no signature', 'none', ANY, NOTHING),
  algorithm('alg NONE and no signature', 'NONE', ANY, NOTHING),
  algorithm('alg nOnE and no signature', 'nOnE', ANY, NOTHING),
  algorithm('alg none and the right signature', 'none', ANY, honest),
  algorithm('an empty alg', '', ANY, honest),
  {
    name: 'the right alg and an empty signature',
    code: 'JWS_MALFORMED',
    defence: 'length',
    on: ANY,
    bytes: (maker) => maker.make({ sign: NOTHING }),
  },
  algorithm(
    'HS256 keyed with the public key as SPKI PEM',
    'HS256',
    ANY,
    hmac((key) => spki(key, 'pem')),
  ),
  algorithm(
    'HS256 keyed with the public key as PEM without its last line feed',
    'HS256',
    ANY,
    hmac((key) => spki(key, 'pem').subarray(0, -1)),
  ),
  algorithm(
    'HS256 keyed with the public key as SPKI DER',
    'HS256',
    ANY,
    hmac((key) => spki(key, 'der')),
  ),
  algorithm(
    'HS256 keyed with the public key as PKCS#1 PEM',
    'HS256',
    RSA,
    hmac((key) => pkcs1(key, 'pem')),
  ),
  algorithm(
    'HS256 keyed with the public key as PKCS#1 DER',
    'HS256',
    RSA,
    hmac((key) => pkcs1(key, 'der')),
  ),
  algorithm(
    'HS256 keyed with the public key as JWK',
    'HS256',
    ANY,
    hmac((key) => Buffer.from(JSON.stringify(key.export({ format: 'jwk' })))),
  ),
  algorithm(
    'HS256 keyed with nothing',
    'HS256',
    ANY,
    hmac(() => Buffer.alloc(0)),
  ),
  {
    name: 'an HMAC with the public key under the right alg',
    code: 'JWS_MALFORMED',
    defence: 'length',
    on: ANY,
    bytes: (maker) => maker.make({ sign: hmac((key) => spki(key, 'pem')) }),
  },
  algorithm('ES256 named over an RSA key', 'ES256', RSA, honest),
  algorithm('PS256 named, and signed so by the right key', 'PS256', RSA, pss),
  algorithm('RS384 named, and signed so by the right key', 'RS384', RSA, digestSign('sha384')),
  algorithm('RS512 named, and signed so by the right key', 'RS512', RSA, digestSign('sha512')),
  algorithm('RS1 named, and signed so by the right key', 'RS1', RSA, digestSign('sha1')),
  algorithm('a PSS signature under RS256', 'RS256', RSA, pss, 'JWS_SIGNATURE_INVALID'),
  algorithm('a SHA-1 signature under RS256', 'RS256', RSA, digestSign('sha1'), 'JWS_SIGNATURE_INVALID'),
  algorithm('a SHA-512 signature under RS256', 'RS256', RSA, digestSign('sha512'), 'JWS_SIGNATURE_INVALID'),
  algorithm(
    'PKCS#1 padding around something else than a digest',
    'RS256',
    RSA,
    (input, key) => privateEncrypt(key, input.subarray(0, 32)),
    'JWS_SIGNATURE_INVALID',
  ),
  algorithm('RS256 named over an EC key', 'RS256', EC, honest),
  algorithm('PS256 named over an EC key', 'PS256', EC, honest),
  algorithm('ES384 named, and signed so by the right key', 'ES384', EC, digestSign('sha384')),
  algorithm('ES256K named over a P-256 key', 'ES256K', EC, honest),
  algorithm('EdDSA named over a P-256 key', 'EdDSA', EC, honest),
  algorithm('a SHA-384 signature under ES256', 'ES256', EC, digestSign('sha384'), 'JWS_SIGNATURE_INVALID'),
];

const header = (name: string, on: JwsAttack['on'], make: JwsAttack['bytes']): JwsAttack => ({
  name,
  code: 'JWS_HEADER_INVALID',
  defence: 'header',
  on,
  bytes: make,
});
const keyInHeader = (name: string, make: JwsAttack['bytes']): JwsAttack => ({
  ...header(name, ANY, make),
  defence: 'keyring',
});
const asAttacker = (maker: Maker): KeyObject =>
  maker.kind === 'head' ? maker.foreign['head-edge'] : maker.foreign.airgap;

const headers: JwsAttack[] = [
  header('crit', ANY, withHeader({ crit: ['exp'], exp: 1 })),
  header('an empty crit', ANY, withHeader({ crit: [] })),
  header('crit that names alg', ANY, withHeader({ crit: ['alg'] })),
  header('b64 false, and a payload that is not encoded', HEAD, (maker) =>
    maker.make({
      header: { b64: false, crit: ['b64'] },
      payloadText: (part) => text(Buffer.from(part, 'base64url')).replaceAll('.', '-'),
    }),
  ),
  header('b64 false without crit', ANY, withHeader({ b64: false })),
  header('b64 true', ANY, withHeader({ b64: true, crit: ['b64'] })),
  keyInHeader('jwk: the attacker’s own key, which signed', (maker) => {
    const key = asAttacker(maker);
    return maker.make({ key, header: { jwk: jwkOf(key) } });
  }),
  keyInHeader('jwk: the attacker’s own key under a trusted kid', (maker) => {
    const key = asAttacker(maker);
    return maker.make({ key, header: { kid: kidOf(maker.key), jwk: jwkOf(key) } });
  }),
  keyInHeader('jwk: the right key', (maker) => maker.make({ header: { jwk: jwkOf(maker.key) } })),
  keyInHeader('jku: an address of keys', (maker) =>
    maker.make({ key: asAttacker(maker), header: { jku: `${maker.address}/attacker.json` } }),
  ),
  keyInHeader('x5u: an address of a certificate', (maker) =>
    maker.make({ key: asAttacker(maker), header: { x5u: `${maker.address}/attacker.pem` } }),
  ),
  keyInHeader('x5c: a certificate', (maker) =>
    maker.make({ key: asAttacker(maker), header: { x5c: ['MIIB'] } }),
  ),
  keyInHeader('x5t: the thumbprint of a certificate', withHeader({ x5t: 'AAAA', 'x5t#S256': 'AAAA' })),
  header('zip, and a payload that is compressed', HEAD, (maker) =>
    maker.make({
      header: { zip: 'DEF' },
      payloadText: (part) => deflateRawSync(Buffer.from(part, 'base64url')).toString('base64url'),
    }),
  ),
  header('zip', BUNDLES, withHeader({ zip: 'DEF' })),
  header('cty', ANY, withHeader({ cty: 'JWT' })),
  header('a member that nobody knows', ANY, withHeader({ x: null })),
  header('no alg', ANY, withHeader({ alg: undefined })),
  header('no kid', ANY, withHeader({ kid: undefined })),
  header('no typ', ANY, withHeader({ typ: undefined })),
  header('an alg that is a list', ANY, (maker) => maker.make({ header: { alg: [rightAlg(maker)] } })),
  header('a kid that is an object', ANY, withHeader({ kid: {} })),
  header('an alg that is null', ANY, withHeader({ alg: null })),
  header(
    'a header that is a list',
    ANY,
    rawHeader(() => Buffer.from('["alg","kid","typ"]')),
  ),
  header(
    'a header that is null',
    ANY,
    rawHeader(() => Buffer.from('null')),
  ),
  header(
    'a header that is a text',
    ANY,
    rawHeader((it) => Buffer.from(JSON.stringify(it))),
  ),
  header(
    'an empty header',
    ANY,
    rawHeader(() => Buffer.alloc(0)),
  ),
  header(
    'alg twice, none first',
    ANY,
    rawHeader((it) => Buffer.from(it.replace('{', '{"alg":"none",'))),
  ),
  header(
    'alg twice, none last',
    ANY,
    rawHeader((it) => Buffer.from(it.replace(/\}$/, ',"alg":"none"}'))),
  ),
  header(
    'alg twice, once escaped',
    ANY,
    rawHeader((it) => Buffer.from(it.replace(/\}$/, ',"\\u0061lg":"none"}'))),
  ),
  header(
    'a header with a byte order mark',
    ANY,
    rawHeader((it) => Buffer.from(`\ufeff${it}`)),
  ),
  header(
    'a header in UTF-16',
    ANY,
    rawHeader((it) => Buffer.from(it, 'utf16le')),
  ),
  header(
    'a header with invalid UTF-8',
    ANY,
    rawHeader((it) => Buffer.from(it.replace('{', '{"\xff":1,'), 'latin1')),
  ),
  header(
    'a header with a second value after it',
    ANY,
    rawHeader((it) => Buffer.from(`${it}{}`)),
  ),
  header(
    'a header with a member named __proto__',
    ANY,
    rawHeader((it) => Buffer.from(it.replace('{', '{"__proto__":{"alg":"none"},'))),
  ),
  {
    ...header(
      'a header of more than 1024 characters',
      ANY,
      rawHeader((it) => Buffer.from(it.padEnd(1000))),
    ),
    bundleCode: 'JWS_MALFORMED',
  },
  {
    ...header('a header of 40 000 characters', ANY, withHeader({ kid: 'A'.repeat(30_000) })),
    bundleCode: 'JWS_MALFORMED',
  },
];

const unknown = (name: string, kid: string): JwsAttack => ({
  name,
  code: 'JWS_KEY_UNKNOWN',
  defence: 'keyring',
  on: ANY,
  bytes: withHeader({ kid }),
});
const wrongKey = (name: string, purpose: keyof Maker['keys'], on: JwsAttack['on']): JwsAttack => ({
  name,
  code: 'JWS_KEY_NOT_ALLOWED',
  defence: 'binding',
  on,
  bytes: (maker) => maker.make({ key: maker.keys[purpose] }),
});
const wrongType = (name: string, make: JwsAttack['bytes']): JwsAttack => ({
  name,
  code: 'JWS_TYPE_MISMATCH',
  defence: 'binding',
  on: ANY,
  bytes: make,
});

const keys: JwsAttack[] = [
  {
    name: 'the attacker’s own key under its own kid',
    code: 'JWS_KEY_UNKNOWN',
    defence: 'keyring',
    on: ANY,
    bytes: (maker) => maker.make({ key: asAttacker(maker) }),
  },
  {
    name: 'the attacker’s own key under a trusted kid',
    code: 'JWS_SIGNATURE_INVALID',
    defence: 'signature',
    on: ANY,
    bytes: (maker) => maker.make({ key: asAttacker(maker), header: { kid: kidOf(maker.key) } }),
  },
  unknown('an empty kid', ''),
  unknown('a kid that is a path', '../../../etc/passwd'),
  unknown('a kid that is a member of every object', 'constructor'),
  unknown('a kid that is __proto__', '__proto__'),
  unknown('a kid with a NUL', 'A\u0000'),
  wrongKey('an edge head signed by the key for stable heads', 'head-stable', HEAD),
  wrongKey('a head signed by the key for bundles', 'bundle', HEAD),
  wrongKey('a head signed by the key for air-gapped bundles', 'airgap', HEAD),
  wrongKey('a bundle signed by the key for edge heads', 'head-edge', BUNDLES),
  wrongKey('a bundle signed by the key for stable heads', 'head-stable', BUNDLES),
  {
    name: 'a channel bundle signed by the key for air-gapped bundles',
    code: 'WRONG_AUDIENCE',
    defence: 'binding',
    on: ['feed bundle'],
    bytes: (maker) => maker.make({ key: maker.keys.airgap }),
  },
  {
    name: 'an air-gapped bundle signed by the key for channel bundles',
    code: 'BUNDLE_NOT_NAMED',
    defence: 'binding',
    on: ['airgap bundle'],
    bytes: (maker) => maker.make({ key: maker.keys.bundle }),
  },
  wrongType('a document of the other kind', (maker) => maker.other),
  wrongType('the typ of the other kind', (maker) => maker.make({ header: { typ: maker.otherTyp } })),
  wrongType('typ JWT', withHeader({ typ: 'JWT' })),
  wrongType('the typ in other case', (maker) =>
    maker.make({
      header: { typ: maker.kind === 'head' ? 'CoreSDK-Head+JWT' : 'CoreSDK-Bundle+JWS' },
    }),
  ),
];

const spelling = (name: string, on: JwsAttack['on'], make: JwsAttack['bytes']): JwsAttack => ({
  name,
  code: 'JWS_MALFORMED',
  defence: 'canonical',
  on,
  bytes: make,
});

const spellings: JwsAttack[] = [
  spelling('padding after the header', ANY, (maker) => maker.make({ headerText: (part) => `${part}=` })),
  spelling('padding after the payload', ANY, (maker) => maker.make({ payloadText: (part) => `${part}====` })),
  spelling('padding after the signature', ANY, (maker) =>
    maker.make({ signatureText: (part) => `${part}==` }),
  ),
  spelling('a space before the document', ANY, around(' ', '')),
  spelling('a byte order mark before the document', ANY, around('\xef\xbb\xbf', '')),
  spelling('a line feed after the document', ANY, around('', '\n')),
  spelling('CR LF after the document', ANY, around('', '\r\n')),
  spelling('a NUL after the document', ANY, around('', '\0')),
  spelling('base64url after the document', ANY, around('', 'AAAA')),
  spelling('a second document after the document', ANY, (maker) =>
    bytes(`${text(maker.make())}\n${text(maker.make())}`),
  ),
  spelling('a space in the header', ANY, (maker) => maker.make({ headerText: (it) => insert(it, 8, ' ') })),
  spelling('spaces in the payload', ANY, (maker) =>
    maker.make({ payloadText: (it) => insert(it, 8, '    ') }),
  ),
  spelling('line feeds in the payload', ANY, (maker) =>
    maker.make({ payloadText: (it) => insert(it, 76, '\r\n\r\n') }),
  ),
  spelling('a space in the place of a character of the signature', ANY, (maker) =>
    maker.make({ signatureText: (it) => `${it.slice(0, 8)} ${it.slice(9)}` }),
  ),
  spelling('+ and / in the payload', ANY, (maker) =>
    maker.make({ payloadText: (it) => it.replaceAll('-', '+').replaceAll('_', '/') }),
  ),
  spelling('+ and / in the signature', ANY, (maker) => {
    const document = urlAlphabet(maker);
    const at = document.lastIndexOf('.');
    return bytes(document.slice(0, at) + document.slice(at).replaceAll('-', '+').replaceAll('_', '/'));
  }),
  spelling('spare bits in the header', ANY, (maker) => {
    const it = headerOf(maker);
    const padded = it.padEnd(Math.ceil(it.length / 3) * 3 + 1);
    return maker.make({ headerBytes: Buffer.from(padded), headerText: otherLastCharacter });
  }),
  spelling('spare bits in the payload', HEAD, (maker) =>
    maker
      .withJson((claims) => Buffer.from(claims.padEnd(Math.ceil(claims.length / 3) * 3 + 1)))
      .then((right) => {
        const [, payload] = text(right).split('.');
        return maker.make({ payloadText: () => otherLastCharacter(payload ?? '') });
      }),
  ),
  spelling('spare bits in the signature', ANY, (maker) => maker.make({ signatureText: otherLastCharacter })),
  spelling('no dot', ANY, (maker) => bytes(parts(maker).join(''))),
  spelling('one dot', ANY, (maker) => bytes(parts(maker).slice(0, 2).join('.'))),
  spelling('three dots', ANY, (maker) => bytes([...parts(maker), parts(maker)[2]].join('.'))),
  spelling('four dots, as JWE has', ANY, (maker) => {
    const [protectedHeader, payload, signature] = parts(maker);
    return bytes([protectedHeader, '', payload, payload, signature].join('.'));
  }),
  spelling('a dot in the payload that is signed', ANY, (maker) =>
    maker.make({ payloadText: (it) => insert(it, 8, '....') }),
  ),
  spelling('a dot at the end', ANY, around('', '.')),
  spelling('flattened JSON serialisation', ANY, (maker) => {
    const [protectedHeader, payload, signature] = parts(maker);
    return Buffer.from(JSON.stringify({ protected: protectedHeader, payload, signature }));
  }),
  spelling('general JSON serialisation', ANY, (maker) => {
    const [protectedHeader, payload, signature] = parts(maker);
    return Buffer.from(JSON.stringify({ payload, signatures: [{ protected: protectedHeader, signature }] }));
  }),
  {
    ...spelling('a detached payload', ANY, (maker) => bytes(`${parts(maker)[0]}..${parts(maker)[2]}`)),
    code: 'JWS_SIGNATURE_INVALID',
    bundleCode: 'JWS_MALFORMED',
  },
];

const lengths = (name: string, on: JwsAttack['on'], by: Sign): JwsAttack => ({
  name,
  code: 'JWS_MALFORMED',
  defence: 'length',
  on,
  bytes: (maker) => maker.make({ sign: by }),
});
const values = (name: string, on: JwsAttack['on'], by: Sign): JwsAttack => ({
  name,
  code: 'JWS_SIGNATURE_INVALID',
  defence: 'signature',
  on,
  bytes: (maker) => maker.make({ sign: by }),
});

const signatures: JwsAttack[] = [
  lengths('a signature without its first octet', ANY, (input, key) => honest(input, key).subarray(1)),
  lengths('a signature without its last octet', ANY, (input, key) => honest(input, key).subarray(0, -1)),
  lengths('a signature with a zero before it', ANY, (input, key) =>
    Buffer.concat([Buffer.alloc(1), honest(input, key)]),
  ),
  lengths('a signature with a zero after it', ANY, (input, key) =>
    Buffer.concat([honest(input, key), Buffer.alloc(1)]),
  ),
  lengths('a signature twice as long', ANY, (input, key) =>
    Buffer.concat([honest(input, key), honest(input, key)]),
  ),
  lengths('a DER signature for ES256', EC, (input, key) => sign('sha256', input, key)),
  lengths('a signature as long as one on P-384', EC, () => Buffer.alloc(96, 1)),
  values('r and s zero', EC, raw(fixed(0n), fixed(0n))),
  values('r zero', EC, raw(fixed(0n), keep)),
  values('s zero', EC, raw(keep, fixed(0n))),
  values('r is the order', EC, raw(fixed(ORDER), keep)),
  values('s is the order', EC, raw(keep, fixed(ORDER))),
  values('r and s are the order', EC, raw(fixed(ORDER), fixed(ORDER))),
  values('r and s one', EC, raw(fixed(1n), fixed(1n))),
  values('r and s all ones', EC, () => Buffer.alloc(64, 0xff)),
  values('a signature of zeros', RSA, (_, key) => Buffer.alloc(modulus(key).length)),
  values('a signature of all ones', RSA, (_, key) => Buffer.alloc(modulus(key).length, 0xff)),
  values('a signature that is one', RSA, (_, key) => {
    const one = Buffer.alloc(modulus(key).length);
    one[one.length - 1] = 1;
    return one;
  }),
  values('a signature that is the modulus', RSA, (_, key) => modulus(key)),
  {
    name: 'one bit of the signature flipped',
    code: 'JWS_SIGNATURE_INVALID',
    defence: 'signature',
    on: ['head', 'feed bundle', 'airgap bundle'],
    bytes: (maker) =>
      maker.make({
        sign: (input, key) => {
          const signature = honest(input, key);
          signature[20] = (signature[20] ?? 0) ^ 1;
          return signature;
        },
      }),
  },
  {
    name: 'one character of the payload changed after signing',
    code: 'JWS_SIGNATURE_INVALID',
    defence: 'signature',
    on: ['head', 'feed bundle', 'airgap bundle'],
    bytes: (maker) => {
      const [protectedHeader, payload, signature] = parts(maker);
      const changed = payload.slice(0, 40) + (payload[40] === 'A' ? 'B' : 'A') + payload.slice(41);
      return bytes([protectedHeader, changed, signature].join('.'));
    },
  },
];

const jsonAttack = (name: string, edit: (json: string) => Uint8Array | string): JwsAttack => ({
  name,
  code: 'JSON_INVALID',
  defence: 'json',
  on: ANY,
  bytes: (maker) => maker.withJson((it) => Buffer.from(edit(it))),
});

const texts: JwsAttack[] = [
  jsonAttack('a duplicate member in the signed JSON', (it) => it.replace('{', '{"version":"0.0.1",')),
  jsonAttack('a duplicate member in the signed JSON, last', (it) => it.replace(/\}$/, ',"version":"0.0.1"}')),
  jsonAttack('a duplicate member in the signed JSON, once escaped', (it) =>
    it.replace('{', '{"\\u0076ersion":"0.0.1",'),
  ),
  jsonAttack('a duplicate member deep in the signed JSON', (it) => it.replace('"size":', '"size":1,"size":')),
  jsonAttack('a byte order mark before the signed JSON', (it) => `\ufeff${it}`),
  jsonAttack('invalid UTF-8 in the signed JSON', (it) => bytes(it.replace('{', '{"\xc0\xaf":1,'))),
  jsonAttack('signed JSON in UTF-16', (it) => Buffer.from(it, 'utf16le')),
  jsonAttack('a lone surrogate in the signed JSON', (it) => it.replace('{', '{"\\ud800":1,')),
  jsonAttack('a member named __proto__ in the signed JSON', (it) => it.replace('{', '{"__proto__":{},')),
  jsonAttack('signed JSON nested 1000 deep', (it) =>
    it.replace('{', `{"x":${'['.repeat(1000)}${']'.repeat(1000)},`),
  ),
  jsonAttack('a second value after the signed JSON', (it) => `${it}{}`),
  jsonAttack('a comment in the signed JSON', (it) => `/**/${it}`),
  jsonAttack('a NUL after the signed JSON', (it) => `${it}\0`),
  jsonAttack('nothing where the signed JSON should be', () => ''),
  {
    name: 'a member that nobody knows in the signed JSON',
    code: 'HEAD_INVALID',
    bundleCode: 'MANIFEST_INVALID',
    defence: 'schema',
    on: ANY,
    bytes: (maker) => maker.withJson((it) => Buffer.from(it.replace('{', '{"constructor":1,'))),
  },
];

/** Every attack on the envelope. */
export const JWS_ATTACKS: readonly JwsAttack[] = [
  ...algorithms,
  ...headers,
  ...keys,
  ...spellings,
  ...signatures,
  ...texts,
];

/** The attacks on one kind of document, with the code that they end with there. */
export function jwsAttacksOn(kind: Maker['kind']): readonly JwsAttack[] {
  return JWS_ATTACKS.filter(({ on }) => on.includes(kind)).map((attack) => ({
    ...attack,
    code: kind === 'head' ? attack.code : (attack.bundleCode ?? attack.code),
  }));
}
