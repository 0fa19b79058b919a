import { decodePatch, decodeSame } from './decode-delta.ts';
import { decodeZstd } from './decode-zstd.ts';
import type { ManifestFile } from './manifest.ts';
import type { BaseFiles } from './random-access.ts';

/** What decoding may need besides the bundle. */
export interface DecodeOptions {
  readonly signal: AbortSignal;
  /** The files of the release that a delta is made from; a full bundle needs none. */
  readonly base?: BaseFiles;
}

/**
 * Decodes one member of the archive by its `encoding`. What comes out is bounded in memory, whatever the bytes claim, but nobody
 * has compared it with the manifest yet: `unpackFile` does.
 *
 * @param stored - the member's bytes as they stand in the archive; read to the end
 * @param entry - the manifest's line for it
 * @returns the file's bytes, chunk by chunk
 * @throws UpdateError `BUNDLE_CHECKSUM_MISMATCH` for a whole file and `DELTA_FAILED` for a delta that are not what the encoding
 * says, `DELTA_BASE_MISSING`, `CANCELLED`, and what `stored` rejects with
 */
export function decodeMember(
  stored: AsyncIterable<Uint8Array>,
  entry: ManifestFile,
  { signal, base }: DecodeOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  switch (entry.encoding) {
    case 'zstd':
      return decodeZstd(stored, entry, signal);
    case 'patch':
      return decodePatch(stored, entry, base, signal);
    case 'same':
      return decodeSame(entry, base, signal);
  }
}
