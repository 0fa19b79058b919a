import { headerPart } from '../bundle/bundle-signature.ts';
import { readManifestUnchecked } from '../bundle/bundle-reader.ts';
import { parseJwsHeader, type JwsHeader } from '../bundle/jws.ts';
import { releaseDigest, type Manifest } from '../bundle/manifest.ts';
import { blockCount, BLOCK_BYTES, readBlock } from '../bundle/payload.ts';
import { UpdateError } from '../errors.ts';
import type { Platform } from '../types.ts';
import { openFile } from './file-access.ts';

/** What a bundle says of itself. Nobody has checked it. */
export interface InspectedBundle {
  /** Always false: an inspection proves nothing. */
  readonly verified: false;
  readonly header: JwsHeader;
  readonly manifest: Manifest;
  readonly digest: string;
  /** Bytes of the file, of its archive, of all its files as they are stored, and of all its files unpacked. */
  readonly sizes: {
    readonly file: number;
    readonly archive: number;
    readonly stored: number;
    readonly unpacked: number;
  };
}

/**
 * Shows what a bundle says of itself, without keys. Never decide anything by it.
 *
 * @throws UpdateError `BUNDLE_NOT_FOUND`, `JWS_MALFORMED`, `JWS_HEADER_INVALID`, `BUNDLE_ARCHIVE_INVALID`, `JSON_INVALID`,
 * `MANIFEST_INVALID`
 */
export async function inspectBundle(path: string): Promise<InspectedBundle> {
  await using file = await openFile(path);
  const { signal } = new AbortController();
  if (file.size === 0) throw new UpdateError('JWS_MALFORMED', 'expected a bundle, found an empty file');
  const first = await readBlock(file, 0, file.size, signal);
  const part = headerPart(first);
  const start = part.length + 1;
  const lastIndex = blockCount(file.size) - 1;
  const last = await readBlock(file, lastIndex, file.size, signal);
  const dot = last.lastIndexOf('.');
  const length = lastIndex * BLOCK_BYTES + dot - start;
  if (dot < 0 || length < 0) throw new UpdateError('JWS_MALFORMED', 'expected two dots, found one');
  const source = { size: file.size, payload: { start, length }, blocks: 'unverified' as const };
  const manifest = await readManifestUnchecked(file, source, signal);
  return {
    verified: false,
    header: parseJwsHeader(part),
    manifest,
    digest: releaseDigest(manifest.files),
    sizes: {
      file: file.size,
      archive: Math.floor((length * 3) / 4),
      stored: manifest.files.reduce((sum, { stored_size: stored }) => sum + stored, 0),
      unpacked: manifest.files.reduce((sum, { size }) => sum + size, 0),
    },
  };
}

/** A platform for people and for file names: `linux-x64`, `linux-x64-musl`. */
export function platformName({ os, arch, libc }: Platform): string {
  return [os, arch, ...(libc === undefined ? [] : [libc])].join('-');
}
