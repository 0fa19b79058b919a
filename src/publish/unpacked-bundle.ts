/**
 * A verified full bundle whose files lie in a private temporary folder, to be read as a base or as a target.
 *
 * Invariant: only files that its manifest lists are ever opened; the folder goes with it.
 */
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ManifestFile } from '../bundle/manifest.ts';
import type { BaseFiles } from '../bundle/random-access.ts';
import type { TrustSet } from '../bundle/trust.ts';
import type { UnpackSink } from '../bundle/unpack-file.ts';
import { UpdateError } from '../errors.ts';
import { openFile } from './file-access.ts';
import { verifyBundleFile, type VerifiedBundle } from './verify-bundle.ts';

/** A bundle and its files; dispose of it when done. */
export interface UnpackedBundle extends VerifiedBundle, AsyncDisposable {
  /** The bundle file. */
  readonly path: string;
  /** Where a file of its manifest lies. */
  fileOf(path: string): string;
  /** Its files as the base of a delta; `open` rejects with `DELTA_FAILED` for one that it does not have. */
  readonly files: BaseFiles;
}

/**
 * Verifies a full bundle and unpacks it into a private temporary folder. Needs room there for its files.
 *
 * @throws UpdateError what {@link verifyBundleFile} throws; `DELTA_BASE_MISSING` when it is a delta; `WRITE_FAILED`
 * @example
 * await using base = await unpackBundleFile('coresdk-sidecar-1.0.0.jws', trust);
 */
export async function unpackBundleFile(
  path: string,
  trust: TrustSet,
  signal?: AbortSignal,
): Promise<UnpackedBundle> {
  const folder = await mkdtemp(join(tmpdir(), 'coresdk-unpacked-'));
  const dispose = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const verified = await verifyBundleFile(path, trust, {
      signal,
      target: folderSink(folder),
      judge: ({ manifest: { base } }) => {
        if (base !== undefined)
          throw new UpdateError(
            'DELTA_BASE_MISSING',
            `expected a full bundle, found a delta from ${base.version}: ${path}`,
          );
      },
    });
    const { files } = verified.manifest;
    return {
      ...verified,
      path,
      fileOf: (name) => join(folder, name),
      files: baseFiles(folder, files),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function baseFiles(folder: string, files: readonly ManifestFile[]): BaseFiles {
  return {
    open: async (path) => {
      if (!files.some((file) => file.path === path))
        throw new UpdateError('DELTA_FAILED', `expected ${path} in the base, found no such file`);
      return openFile(join(folder, path));
    },
  };
}

function folderSink(folder: string): UnpackSink {
  return {
    open: async (path) => {
      const at = join(folder, path);
      const what = `${path} cannot be unpacked to ${folder}`;
      const writing = async <T>(step: () => Promise<T>): Promise<T> => {
        try {
          return await step();
        } catch (error) {
          throw UpdateError.from(error, 'WRITE_FAILED', what);
        }
      };
      const file = await writing(async () => {
        await mkdir(dirname(at), { recursive: true });
        return open(at, 'wx', 0o600);
      });
      const close = (): Promise<void> => writing(() => file.close());
      return { write: (chunk) => writing(() => file.writeFile(chunk)), close, discard: close };
    },
  };
}
