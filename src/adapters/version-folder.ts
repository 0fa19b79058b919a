/**
 * One version's folder: `manifest.json` (0600), `daemon.json` (0600) where it carries a daemon, `files/`, and later the mark
 * `committed` (0600).
 *
 * Invariants:
 * - A folder counts as a version only if its manifest is valid and names the folder's own version, and its programs are
 *   there. The release digest is always computed from the manifest, never stored.
 * - `manifest.json` and the mark have the members that the first daemons knew, who take others for damage; what came later stands in a
 *   file of its own. Members that are not known are passed over when they are read (docs/decisions/0017).
 */
import { join } from 'node:path';
import { z } from 'zod';
import {
  programsOf,
  releaseDigest,
  storedManifestSchema,
  versionSchema,
  type Manifest,
} from '../bundle/manifest.ts';
import { hasErrno } from '../errors.ts';
import type { CommittedMark, StoredVersion } from '../services/ports.ts';
import { writeFileAtomically } from './atomic-file.ts';
import type { Disk } from './disk.ts';
import { statOrNull } from './disk-tree.ts';
import { JsonFileError, jsonBytes, readJsonFile } from './json-file.ts';

const MANIFEST = 'manifest.json';
const DAEMON = 'daemon.json';
const MARK = 'committed';
/** 4096 files of at most some 400 bytes each, and the notes. */
const MANIFEST_CAP = 4 * 1024 * 1024;
const MARK_CAP = 64 * 1024;

/** Which of the files is the daemon's program. */
const daemonSchema = z.object({ daemon: z.string() });
const refSchema = z.discriminatedUnion('origin', [
  z.object({
    origin: z.literal('store'),
    version: versionSchema,
    digest: z.string().regex(/^[0-9a-f]{64}$/),
  }),
  z.object({ origin: z.literal('baseline'), version: z.string() }),
]);
const manifestFile = z.looseObject({});
const markSchema = z.object({
  at: z.number(),
  previous: refSchema,
  watched: z.boolean(),
  appliedOver: z.string().optional(),
});

/** A version's folder, read. */
export interface VersionFolder extends StoredVersion {
  readonly folder: string;
  readonly manifest: Manifest;
}

/** Why a folder is not a version: nothing is there, or what is there is not a version. */
export type NoVersion = { readonly missing: true } | { readonly missing: false; readonly why: string };

/** The folder that holds a version's files. */
export const filesOf = (folder: string): string => join(folder, 'files');

/** The version's folder name, if it is the name of a version. */
export const isVersionName = (name: string): boolean => versionSchema.safeParse(name).success;

/**
 * Reads a version's folder.
 *
 * @param folder - absolute
 * @param version - the version that its manifest must name
 * @param baseline - what a committed mark that cannot be read is taken to go back to
 * @returns the version, or why it is none; rejects with the disk's errors when nothing can be said
 */
export async function readVersionFolder(
  disk: Disk,
  folder: string,
  version: string,
  baseline: CommittedMark['previous'],
): Promise<VersionFolder | NoVersion> {
  const stat = await statOrNull(disk, folder);
  if (stat === null) return { missing: true };
  if (stat.kind !== 'folder') return { missing: false, why: `expected a folder, found a ${stat.kind}` };
  const manifest = await readManifest(disk, folder);
  if (typeof manifest === 'string') return { missing: false, why: manifest };
  if (manifest.version !== version)
    return { missing: false, why: `expected the manifest of ${version}, found that of ${manifest.version}` };
  for (const program of programsOf(manifest)) {
    const entry = await statOrNull(disk, join(filesOf(folder), program));
    if (entry?.kind !== 'file')
      return { missing: false, why: `expected the program ${program}, found ${entry?.kind ?? 'nothing'}` };
  }
  return {
    folder,
    manifest,
    ref: { origin: 'store', version, digest: releaseDigest(manifest.files) },
    mark: await readMark(disk, folder, baseline),
    size: manifest.files.reduce((sum, { size }) => sum + size, 0),
  };
}

async function readManifest(disk: Disk, folder: string): Promise<Manifest | string> {
  try {
    const found = await readJsonFile(disk, join(folder, MANIFEST), MANIFEST_CAP, manifestFile);
    const parsed = storedManifestSchema.safeParse({ ...found, ...(await readDaemon(disk, folder)) });
    const issue = parsed.error?.issues[0];
    return issue === undefined && parsed.success
      ? parsed.data
      : `expected a manifest, found another shape (${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''})`;
  } catch (error) {
    if (error instanceof JsonFileError || hasErrno(error, 'ENOENT', 'EFBIG', 'EINVAL', 'ELOOP'))
      return error.message;
    throw error;
  }
}

/** A version whose file about its daemon cannot be read carries none: its workload runs all the same. */
async function readDaemon(disk: Disk, folder: string): Promise<{ daemon?: string }> {
  try {
    return await readJsonFile(disk, join(folder, DAEMON), MARK_CAP, daemonSchema);
  } catch (error) {
    if (error instanceof JsonFileError || hasErrno(error, 'ENOENT', 'EFBIG', 'EINVAL', 'ELOOP')) return {};
    throw error;
  }
}

/**
 * A mark that is there but cannot be read counts as watched, so that damage never lowers the version floor; what ran
 * before it is then the baseline, which is always there.
 */
async function readMark(
  disk: Disk,
  folder: string,
  baseline: CommittedMark['previous'],
): Promise<CommittedMark | null> {
  try {
    return await readJsonFile(disk, join(folder, MARK), MARK_CAP, markSchema);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return null;
    if (error instanceof JsonFileError || hasErrno(error, 'EFBIG', 'EINVAL', 'ELOOP'))
      return { at: 0, previous: baseline, watched: true };
    throw error;
  }
}

/** Writes a version's manifest, durably; the folder's own name is not. */
export async function writeManifest(disk: Disk, folder: string, manifest: Manifest): Promise<void> {
  const { daemon, ...first } = manifest;
  if (daemon !== undefined)
    await writeFileAtomically(disk, join(folder, DAEMON), jsonBytes({ daemon }), 0o600);
  await writeFileAtomically(disk, join(folder, MANIFEST), jsonBytes(first), 0o600);
}

/** Writes or replaces a version's committed mark, durably. */
export async function writeMark(disk: Disk, folder: string, mark: CommittedMark): Promise<void> {
  await writeFileAtomically(disk, join(folder, MARK), jsonBytes(mark), 0o600);
}
