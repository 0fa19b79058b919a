/** Documents that are right in every respect but one, by the code that they are refused with. */
import { randomBytes } from 'node:crypto';
import type { Craft, StoredFile } from '../../../attack/support/craft.ts';
import { archive, craft, honest, storedFile } from '../../../attack/support/craft.ts';
import { json, manifestOf, membersOf, release, type Keys } from '../../../attack/support/makers.ts';
import { releaseDigest } from '../../../../src/bundle/manifest.ts';

/** For whom a crafted bundle is. */
export type Audience = 'feed' | 'airgap';

/** What is needed to sign, rightly or wrongly. */
export interface Signers {
  readonly keys: Keys;
  readonly foreign: Keys;
}

/** How a signed document is made wrong before anything in it is read. */
export type Wrong = (signers: Signers, purpose: keyof Keys) => Partial<Craft>;

/** A signature over other bytes. */
const flipped: NonNullable<Craft['sign']> = (input, key) => {
  const signature = honest(input, key);
  signature[0] = (signature[0] ?? 0) ^ 1;
  return signature;
};

/** What every signed document is refused for. `JWS_TOO_LARGE` depends on who asks. */
export const WRONG_JWS = {
  JWS_MALFORMED: () => ({ signatureText: () => '*' }),
  JWS_HEADER_INVALID: () => ({ header: { crit: ['exp'] } }),
  JWS_TYPE_MISMATCH: (_signers, purpose) => ({
    typ: purpose.startsWith('head') ? 'coresdk-bundle+jws' : 'coresdk-head+jwt',
  }),
  JWS_KEY_UNKNOWN: ({ foreign }, purpose) => ({ key: foreign[purpose] }),
  JWS_KEY_NOT_ALLOWED: ({ keys }, purpose) => ({
    key: keys[purpose.startsWith('head') ? 'bundle' : 'head-edge'],
  }),
  JWS_ALGORITHM_MISMATCH: (_signers, purpose) => ({
    header: { alg: purpose === 'airgap' ? 'RS256' : 'ES256' },
  }),
  JWS_SIGNATURE_INVALID: () => ({ sign: flipped }),
} as const satisfies Record<string, Wrong>;

/** The crafted release: its program is healthy. */
export const CRAFTED = release();

/** What of a bundle is changed. */
export interface BundleChange {
  readonly manifest?: Readonly<Record<string, unknown>>;
  /** The manifest's bytes, instead of all that. */
  readonly manifestBytes?: Uint8Array;
  readonly files?: readonly StoredFile[];
  readonly payload?: (archive: Buffer) => Buffer;
  readonly wrong?: Wrong;
}

/** A bundle of {@link CRAFTED}, or of other files, with something wrong. */
export async function craftBundle(
  signers: Signers,
  audience: Audience,
  { manifest = {}, manifestBytes, files = CRAFTED.files, payload = (bytes) => bytes, wrong }: BundleChange,
): Promise<{ bytes: Buffer; digest: string }> {
  const purpose = audience === 'feed' ? 'bundle' : 'airgap';
  const audiences = audience === 'feed' ? ['stable', 'edge'] : ['airgap'];
  const text = manifestBytes ?? json(manifestOf(files, { audience: audiences, ...manifest }));
  const bytes = craft({
    key: signers.keys[purpose],
    typ: 'coresdk-bundle+jws',
    payload: payload(await archive(membersOf(files, text))),
    ...wrong?.(signers, purpose),
  });
  return { bytes, digest: releaseDigest(files.map(({ entry }) => entry)) };
}

/** What is listed of {@link CRAFTED}, with other bytes of the same length stored. */
export const lyingFile = (): StoredFile => {
  const [right] = CRAFTED.files;
  if (right === undefined) throw new Error('the crafted release has no file');
  const { path, size, sha256 } = right.entry;
  return storedFile(path, randomBytes(size), { sha256 });
};

/** A file that only a delta brings small: its bytes do not compress. */
const NOISE = randomBytes(16 * 1024);

const noise = (change: Readonly<Record<string, unknown>> = {}, stored?: Buffer): StoredFile =>
  storedFile('noise', NOISE, { mode: 0o644, ...change }, stored);

/** The files of the release that is offered whole and as a delta: whole. */
export const wholeFiles = (): readonly StoredFile[] => [...CRAFTED.files, noise()];

/** The same as a delta; the patch of its second file fits no base. */
export const deltaFiles = (first = CRAFTED.files): readonly StoredFile[] => [
  ...first,
  noise({ encoding: 'patch', base_path: 'coresdk-sidecar' }, Buffer.from('no patch')),
];

/** Changes one byte of the header of the program's member, so that its checksum is wrong. */
export function breakMember(archive: Buffer): Buffer {
  for (let at = 512; at < archive.length; at += 512)
    if (archive.toString('latin1', at, at + 16) === 'coresdk-sidecar\0') archive[at + 100] = 0x41;
  return archive;
}
