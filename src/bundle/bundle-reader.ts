/**
 * Pass two over a bundle whose signature is right: the manifest, then every file against it.
 *
 * Invariants:
 * - The archive is exactly `manifest.json`, then the manifest's files in their order, then zeros.
 * - No file is closed before its size and SHA-256 are the manifest's; never more bytes are written than the manifest says.
 */
import { UpdateError } from '../errors.ts';
import type { SignedBundle } from './bundle-signature.ts';
import { checkNotAfter } from './jws.ts';
import { manifestSchema, type Manifest } from './manifest.ts';
import type { DecodeOptions } from './member-decoder.ts';
import { payloadBytes, type PayloadSource } from './payload.ts';
import { firstIssue, quote } from './quote.ts';
import type { RandomAccess } from './random-access.ts';
import { parseStrictJson } from './strict-json.ts';
import { isZero } from './tar-header.ts';
import { memberLength, tarMembers, type TarMember } from './tar-members.ts';
import { unpackFile, type UnpackSink } from './unpack-file.ts';

/** The name of the archive's first member. */
export const MANIFEST_NAME = 'manifest.json';

/** The most bytes that a manifest may have: 1 MiB. */
export const MAX_MANIFEST_BYTES = 1024 * 1024;

/** The archive is filled to a multiple of this, so that its base64url text has no partial group. */
export const ARCHIVE_UNIT = 1536;

/**
 * Reads the manifest of a bundle whose signature is right.
 *
 * @throws UpdateError `MANIFEST_INVALID`, `JSON_INVALID`, `BUNDLE_ARCHIVE_INVALID`, `WRONG_AUDIENCE` when its key may not
 * sign for its audience, `JWS_KEY_NOT_ALLOWED` when the key had ended at `created_at`, `BUNDLE_CHANGED`, `CANCELLED`
 */
export async function readManifest(
  file: RandomAccess,
  signed: SignedBundle,
  signal: AbortSignal,
): Promise<Manifest> {
  const manifest = await readManifestUnchecked(file, signed, signal);
  if (!manifest.audience.every((audience) => signed.audiences.includes(audience)))
    throw new UpdateError(
      'WRONG_AUDIENCE',
      `key ${signed.kid} signs for ${signed.audiences.join(' and ')}, the manifest is for ${manifest.audience.join(' and ')}`,
    );
  checkNotAfter(signed, Date.parse(manifest.created_at));
  return manifest;
}

/**
 * Reads a manifest and checks its shape, but not who signed it. For inspection by people; decide nothing by it.
 *
 * @throws UpdateError as {@link readManifest}, without what concerns the key
 */
export async function readManifestUnchecked(
  file: RandomAccess,
  source: PayloadSource,
  signal: AbortSignal,
): Promise<Manifest> {
  for await (const member of tarMembers(payloadBytes(file, source, 0, signal))) {
    checkManifestMember(member);
    const chunks: Uint8Array[] = [];
    for await (const chunk of member.body) chunks.push(Uint8Array.from(chunk));
    const parsed = manifestSchema.safeParse(parseStrictJson(Buffer.concat(chunks), 'the manifest'));
    if (parsed.success) return parsed.data;
    throw new UpdateError('MANIFEST_INVALID', `manifest: ${firstIssue(parsed.error)}`, {
      cause: parsed.error,
    });
  }
  throw new UpdateError('BUNDLE_ARCHIVE_INVALID', `expected ${MANIFEST_NAME}, found the end of the archive`);
}

/**
 * Decodes every file of a bundle into `target`, each checked against the manifest before it is closed.
 *
 * @param manifest - what {@link readManifest} returned for this bundle
 * @param target - receives the files one after the other, in the manifest's order
 * @param options - `base`, for a delta: the files of the release that its manifest names
 * @throws UpdateError `BUNDLE_ARCHIVE_INVALID`, `BUNDLE_CHECKSUM_MISMATCH`, `BUNDLE_CHANGED`, `JWS_MALFORMED`, `CANCELLED`, of a
 * delta `DELTA_FAILED` and `DELTA_BASE_MISSING`, and what `target` rejects with
 * @example
 * await unpackBundle(file, signed, manifest, target, { signal });
 * await unpackBundle(file, signed, delta, target, { signal, base: await store.files(ref) });
 */
export async function unpackBundle(
  file: RandomAccess,
  signed: SignedBundle,
  manifest: Manifest,
  target: UnpackSink,
  options: DecodeOptions,
): Promise<void> {
  const { signal } = options;
  const archiveBytes = (signed.payload.length / 4) * 3;
  if (archiveBytes % ARCHIVE_UNIT !== 0)
    throw invalid(`an archive of a multiple of ${String(ARCHIVE_UNIT)} bytes, found ${String(archiveBytes)}`);

  let end = 0;
  let index = -1;
  for await (const member of tarMembers(payloadBytes(file, signed, 0, signal))) {
    if (index < 0) {
      checkManifestMember(member);
    } else {
      const entry = manifest.files[index];
      if (entry === undefined) throw invalid(`the end of the archive, found ${quote(member.name)}`);
      checkMember(member, entry.path, entry.stored_size);
      await unpackFile(member.body, entry, target, options);
    }
    end += memberLength(member.size);
    index += 1;
    if (index === manifest.files.length) break;
  }
  if (index < manifest.files.length)
    throw invalid(
      `${manifest.files[Math.max(index, 0)]?.path ?? MANIFEST_NAME}, found the end of the archive`,
    );
  await checkEnd(payloadBytes(file, signed, end, signal));
}

function checkManifestMember(member: TarMember): void {
  checkMember(member, MANIFEST_NAME, member.size);
  if (member.size > MAX_MANIFEST_BYTES)
    throw invalid(`a manifest of at most ${String(MAX_MANIFEST_BYTES)} bytes, found ${String(member.size)}`);
}

function checkMember(member: TarMember, name: string, size: number): void {
  if (member.name !== name) throw invalid(`member ${name}, found ${quote(member.name)}`);
  if (member.type !== 'file') throw invalid(`${name} to be a file, found type ${quote(member.type)}`);
  if (member.size !== size) throw invalid(`${name} with ${String(size)} bytes, found ${String(member.size)}`);
}

/** Two blocks of zeros end an archive (POSIX); only zeros may follow them. */
async function checkEnd(rest: AsyncIterable<Buffer>): Promise<void> {
  let length = 0;
  for await (const chunk of rest) {
    if (!isZero(chunk)) throw invalid('only zeros after the last file, found something else');
    length += chunk.length;
  }
  if (length < 1024) throw invalid(`1024 zeros or more after the last file, found ${String(length)}`);
}

function invalid(expected: string): UpdateError {
  return new UpdateError('BUNDLE_ARCHIVE_INVALID', `archive: expected ${expected}`);
}
