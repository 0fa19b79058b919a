/** Honest documents, of which every part can be made wrong. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import type { Head } from '../../../src/bundle/head.ts';
import { releaseDigest } from '../../../src/bundle/manifest.ts';
import { hostPlatform } from '../../../src/config/index.ts';
import type { KeyPurpose } from '../../../src/publish/keys.ts';
import { publicJwk } from '../../../src/publish/public-jwk.ts';
import { workloadProgram } from '../../e2e/support/workload-program.ts';
import { archive, craft, sha256, storedFile, type Craft, type Member, type StoredFile } from './craft.ts';

/** The product of the program under test. */
export const PRODUCT = 'coresdk-sidecar';

/** The version of the release that every attack offers: above all that runs, so that only the defence stands in its way. */
export const OFFERED = '9.0.0';

/** Private keys by purpose. */
export type Keys = Readonly<Record<KeyPurpose, KeyObject>>;

/** Makes one kind of signed document. */
export interface Maker {
  readonly kind: 'head' | 'feed bundle' | 'airgap bundle';
  /** The key that may sign it. */
  readonly key: KeyObject;
  readonly keys: Keys;
  /** Keys that the program does not know. */
  readonly foreign: Keys;
  /** The `typ` of the other kind of document. */
  readonly otherTyp: Craft['typ'];
  /** A right document of the other kind. */
  readonly other: Uint8Array;
  /** An address that answers, for a document that names one. */
  readonly address: string;
  /** The document, right but for what is changed. */
  make(change?: Partial<Craft>): Buffer;
  /** The document with other JSON in it: the claims, or the manifest. */
  withJson(edit: (json: string) => Uint8Array): Promise<Buffer>;
}

/** Claims of a right head on `channel`, naming `bundle`; `change` replaces claims. */
export function headClaims(options: {
  readonly seq: number;
  readonly bundle: Uint8Array;
  readonly path: string;
  readonly digest: string;
  readonly change?: Partial<Record<keyof Head, unknown>>;
}): Record<string, unknown> {
  const iat = Math.floor(Date.now() / 1000);
  const { os, arch } = hostPlatform();
  return {
    iss: 'test >>> ??? ~~~',
    aud: PRODUCT,
    sub: 'edge',
    iat,
    nbf: iat,
    exp: iat + 7 * 24 * 3600,
    jti: String(options.seq),
    epoch: 0,
    seq: options.seq,
    version: OFFERED,
    targets: [
      {
        os,
        arch,
        release_digest: options.digest,
        bundles: [{ path: options.path, size: options.bundle.length, sha256: sha256(options.bundle) }],
      },
    ],
    ...options.change,
  };
}

/** A right release: one healthy program. */
export function release(version = OFFERED): { files: readonly StoredFile[]; digest: string } {
  const files = [storedFile('coresdk-sidecar', Buffer.from(workloadProgram(version, 'healthy')))];
  return { files, digest: releaseDigest(files.map(({ entry }) => entry)) };
}

/** A manifest of these files, right but for `change`. */
export function manifestOf(
  files: readonly StoredFile[],
  change: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  const { os, arch } = hostPlatform();
  return {
    schema: 1,
    product: PRODUCT,
    version: OFFERED,
    audience: ['stable', 'edge'],
    platform: { os, arch },
    created_at: new Date(Date.now() - 60_000).toISOString(),
    entrypoint: 'coresdk-sidecar',
    files: files.map(({ entry }) => entry),
    ...change,
  };
}

/** The members of a right archive. */
export function membersOf(files: readonly StoredFile[], manifest: Uint8Array): Member[] {
  return [
    { name: 'manifest.json', body: manifest },
    ...files.map(({ entry, stored }) => ({ name: entry.path, mode: entry.mode, body: stored })),
  ];
}

/** The text of a value as JSON, in bytes. */
export function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

type Shared = Pick<Maker, 'keys' | 'foreign' | 'other' | 'address'>;

/** A maker of edge heads with these claims. */
export function headMaker(shared: Shared, claims: Record<string, unknown>): Maker {
  const key = shared.keys['head-edge'];
  const make = (change: Partial<Craft> = {}): Buffer =>
    craft({ key, typ: 'coresdk-head+jwt', payload: json(claims), ...change });
  return {
    ...shared,
    kind: 'head',
    key,
    otherTyp: 'coresdk-bundle+jws',
    make,
    withJson: (edit) => Promise.resolve(make({ payload: edit(JSON.stringify(claims)) })),
  };
}

/** A maker of right bundles: for feeds (RS256), or for air-gapped hosts (ES256). */
export async function bundleMaker(shared: Shared, kind: 'feed bundle' | 'airgap bundle'): Promise<Maker> {
  const airgap = kind === 'airgap bundle';
  const key = shared.keys[airgap ? 'airgap' : 'bundle'];
  const { files } = release();
  const manifest = JSON.stringify(manifestOf(files, { audience: airgap ? ['airgap'] : ['stable', 'edge'] }));
  const payload = await archive(membersOf(files, Buffer.from(manifest)));
  const make = (change: Partial<Craft> = {}): Buffer =>
    craft({ key, typ: 'coresdk-bundle+jws', payload, ...change });
  return {
    ...shared,
    kind,
    key,
    otherTyp: 'coresdk-head+jwt',
    make,
    withJson: async (edit) => make({ payload: await archive(membersOf(files, edit(manifest))) }),
  };
}

/** The public JWK of a private key. */
export function jwkOf(key: KeyObject): Record<string, unknown> {
  return { ...publicJwk(createPublicKey(key)) };
}
