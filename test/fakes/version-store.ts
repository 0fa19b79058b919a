import { createHash } from 'node:crypto';
import semver from 'semver';
import { releaseDigest, type Manifest } from '../../src/bundle/manifest.ts';
import { UpdateError } from '../../src/errors.ts';
import type { CommittedMark, StoredVersion, VersionStore } from '../../src/services/ports.ts';
import type { VersionRef } from '../../src/types.ts';
import type { MemoryDownloads, MemoryFile } from './downloads.ts';

interface MemoryVersion {
  readonly manifest: Manifest;
  readonly digest: string;
  readonly files: Map<string, MemoryFile>;
  mark: CommittedMark | null;
}

/** A version store in memory, with a view for tests. */
export interface MemoryVersionStore extends VersionStore {
  readonly versions: Map<string, MemoryVersion>;
}

/** A version store in memory that stages from `downloads.folders`. Entries are paths under `/memory`. */
export function memoryVersionStore(
  downloads: Pick<MemoryDownloads, 'folders'>,
  program: { readonly version: string; readonly entry: string },
): MemoryVersionStore {
  const versions = new Map<string, MemoryVersion>();
  const baseline: VersionRef = { origin: 'baseline', version: program.version };
  let pointer: string | null = null;

  const find = (ref: VersionRef): MemoryVersion => {
    const found = versions.get(ref.version);
    if (found === undefined || (ref.origin === 'store' && ref.digest !== found.digest))
      throw new UpdateError(
        'VERSION_NOT_FOUND',
        `expected version ${ref.version}, found none of that release`,
      );
    return found;
  };
  const differs = (manifest: Manifest, files: Map<string, MemoryFile>): string | null => {
    if (files.size !== manifest.files.length) return 'another number of files';
    for (const { path, sha256 } of manifest.files) {
      const bytes = files.get(path)?.bytes;
      if (bytes === undefined || createHash('sha256').update(bytes).digest('hex') !== sha256) return path;
    }
    return null;
  };
  const stored = (version: string, { digest, manifest, mark }: MemoryVersion): StoredVersion => ({
    ref: { origin: 'store', version, digest },
    mark,
    size: manifest.files.reduce((sum, { size }) => sum + size, 0),
  });
  const list = (): StoredVersion[] =>
    [...versions]
      .map(([version, each]) => stored(version, each))
      .sort((a, b) => semver.rcompare(a.ref.version, b.ref.version));

  return {
    versions,
    baseline,
    current: async () => {
      const found = pointer === null ? undefined : versions.get(pointer);
      return Promise.resolve(
        pointer === null || found === undefined
          ? baseline
          : { origin: 'store', version: pointer, digest: found.digest },
      );
    },
    list: () => Promise.resolve(list()),
    entry: async (ref) => {
      if (ref.origin === 'baseline') return program.entry;
      return Promise.resolve(`/memory/${ref.version}/${find(ref).manifest.entrypoint ?? ''}`);
    },
    daemon: async (ref) => {
      const { manifest } = await Promise.resolve(find(ref));
      const file = manifest.files.find(({ path }) => path === manifest.daemon);
      return file === undefined
        ? null
        : {
            path: `/memory/${ref.version}/${file.path}`,
            sha256: file.sha256,
            workload: manifest.entrypoint !== undefined,
          };
    },
    files: async (ref) => {
      const { files } = await Promise.resolve(find(ref));
      return {
        open: (path) => {
          const bytes = files.get(path)?.bytes;
          if (bytes === undefined)
            return Promise.reject(
              new UpdateError('DELTA_BASE_MISSING', `expected ${path}, found no such file`),
            );
          return Promise.resolve({
            size: bytes.length,
            read: (buffer: Uint8Array, position: number) => {
              const part = bytes.subarray(position, position + buffer.length);
              buffer.set(part);
              return Promise.resolve(part.length);
            },
            close: () => Promise.resolve(),
          });
        },
      };
    },
    check: async (ref, signal) => {
      if (ref.origin === 'baseline') return new Map();
      if (signal.aborted) throw new UpdateError('CANCELLED', 'the work was cancelled');
      const { manifest, files } = await Promise.resolve(find(ref));
      const difference = differs(manifest, files);
      if (difference !== null)
        throw new UpdateError('VERSION_DAMAGED', `expected the manifest, found ${difference}`);
      // What it reads costs nothing: it reads all of it each time.
      return new Map();
    },
    stage: async (unpacked, manifest, digest, signal) => {
      if (signal.aborted) throw new UpdateError('CANCELLED', 'the work was cancelled');
      if (releaseDigest(manifest.files) !== digest)
        throw new UpdateError('STAGE_FAILED', `expected the manifest of release ${digest}, found another`);
      const there = versions.get(manifest.version);
      if (there?.digest === digest && differs(there.manifest, there.files) === null) return;
      if (pointer === manifest.version)
        throw new UpdateError(
          'STAGE_FAILED',
          `expected ${manifest.version} not to be current, found that it is`,
        );
      const files = await Promise.resolve(downloads.folders.get(unpacked));
      const difference = files === undefined ? 'nothing' : differs(manifest, files);
      if (files === undefined || difference !== null)
        throw new UpdateError(
          files === undefined ? 'STAGE_FAILED' : 'BUNDLE_CHANGED',
          `expected the files of the manifest, found ${difference ?? 'nothing'}`,
        );
      downloads.folders.delete(unpacked);
      const mark = there?.digest === digest ? there.mark : null;
      versions.set(manifest.version, { manifest, digest, files, mark });
    },
    activate: async (ref) => {
      if (ref.origin === 'store') find(ref);
      pointer = await Promise.resolve(ref.origin === 'store' ? ref.version : null);
    },
    mark: async (ref, mark) => {
      if (ref.origin === 'baseline') return;
      (await Promise.resolve(find(ref))).mark = mark;
    },
    prune: (keep) => {
      const all = list();
      const kept = new Set([
        ...keep.filter(({ origin }) => origin === 'store').map(({ version }) => version),
        pointer,
      ]);
      kept.add(all.find(({ mark }) => mark?.watched === true)?.ref.version ?? null);
      const gone = all.filter(({ ref }) => !kept.has(ref.version)).map(({ ref }) => ref);
      for (const { version } of gone) versions.delete(version);
      return Promise.resolve(gone);
    },
    tidy: () => Promise.resolve(),
  };
}
