/** Signed documents of any shape: what an attacker makes who holds one of the keys, or none. */
import { createHash, createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import type { Manifest } from '../../../src/bundle/manifest.ts';
import { thumbprint } from '../../../src/bundle/trust-set.ts';
import { KEY_PURPOSES, type KeyPurpose } from '../../../src/publish/keys.ts';
import { publicJwk } from '../../../src/publish/public-jwk.ts';

/** Makes a signature over the signing input. */
export type Sign = (input: Buffer, key: KeyObject) => Buffer;

/** Reads the private keys of a folder that `generateKeys` made. */
export function readKeys(dir: string): Readonly<Record<KeyPurpose, KeyObject>> {
  const read = (purpose: KeyPurpose): KeyObject =>
    createPrivateKey(readFileSync(join(dir, KEY_PURPOSES[purpose].file)));
  return {
    bundle: read('bundle'),
    'head-edge': read('head-edge'),
    'head-stable': read('head-stable'),
    airgap: read('airgap'),
  };
}

/** The `kid` of a key. */
export function kidOf(key: KeyObject): string {
  return thumbprint(publicJwk(createPublicKey(key)));
}

/** RSASSA-PKCS1-v1_5 or raw ECDSA with SHA-256, as the key says: an honest signature. */
export const honest: Sign = (input, key) =>
  key.asymmetricKeyType === 'ec'
    ? sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' })
    : sign('sha256', input, key);

/** What a JWS is made of; every part can be made wrong. */
export interface Craft {
  readonly key: KeyObject;
  readonly typ: 'coresdk-head+jwt' | 'coresdk-bundle+jws';
  readonly payload: Uint8Array;
  /** Members that replace or add to `{ alg, kid, typ }`; undefined takes one out. */
  readonly header?: Readonly<Record<string, unknown>>;
  /** The header's octets, instead of all that. */
  readonly headerBytes?: Uint8Array;
  /** Replaces the header's text, after base64url; it is what is signed. */
  readonly headerText?: (text: string) => string;
  /** Replaces the payload's text, after base64url; it is what is signed. */
  readonly payloadText?: (text: string) => string;
  /** {@link honest} unless told. */
  readonly sign?: Sign;
  /** Replaces the signature's text. */
  readonly signatureText?: (text: string) => string;
}

/** Makes a JWS in compact serialisation, really signed unless `sign` does otherwise. */
export function craft(parts: Craft): Buffer {
  const { key, typ } = parts;
  const alg = key.asymmetricKeyType === 'ec' ? 'ES256' : 'RS256';
  const header =
    parts.headerBytes ?? Buffer.from(JSON.stringify({ alg, kid: kidOf(key), typ, ...parts.header }));
  const same = (text: string): string => text;
  const headerText = (parts.headerText ?? same)(Buffer.from(header).toString('base64url'));
  const payloadText = (parts.payloadText ?? same)(Buffer.from(parts.payload).toString('base64url'));
  const input = Buffer.from(`${headerText}.${payloadText}`, 'latin1');
  const signature = (parts.sign ?? honest)(input, key).toString('base64url');
  return Buffer.concat([input, Buffer.from(`.${(parts.signatureText ?? same)(signature)}`, 'latin1')]);
}

export { archive, fill, type Member } from '../../fixtures/archive.ts';

/** A file as it is listed in a manifest and as it is stored. */
export interface StoredFile {
  readonly entry: Manifest['files'][number];
  readonly stored: Buffer;
}

/** Compresses content and describes it truthfully; `change` makes the description wrong. */
export function storedFile(
  path: string,
  content: Uint8Array,
  change: Readonly<Record<string, unknown>> = {},
  stored: Buffer = zstdCompressSync(content),
): StoredFile {
  return {
    stored,
    entry: {
      path,
      mode: 0o755,
      size: content.length,
      sha256: createHash('sha256').update(content).digest('hex'),
      encoding: 'zstd',
      stored_size: stored.length,
      ...change,
    },
  };
}

/** SHA-256 in hex, as a head names a bundle. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
