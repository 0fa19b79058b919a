/**
 * Staging: an unpacked folder in `downloads/` becomes `versions/<v>`.
 *
 * Invariant: `versions/<v>` is complete or absent. Everything in it is checked against the manifest and durable before
 * it gets its name, and it gets its name by one rename. What is in the way is first renamed to a dot-name.
 */
import { join } from 'node:path';
import { programsOf, releaseDigest, type Manifest } from '../bundle/manifest.ts';
import { UpdateError } from '../errors.ts';
import type { CommittedMark } from '../services/ports.ts';
import type { Disk } from './disk.ts';
import { throwIfCancelled } from './disk-errors.ts';
import { removeTree, statOrNull, syncTree } from './disk-tree.ts';
import { freshName } from './atomic-file.ts';
import type { StatePaths } from './state-dir.ts';
import { checkFiles } from './version-files.ts';
import { filesOf, readVersionFolder, writeManifest, writeMark } from './version-folder.ts';

/** What staging needs to know. */
export interface StageRequest {
  readonly disk: Disk;
  readonly paths: StatePaths;
  /** Rejects if the file at this absolute path cannot be executed here. */
  readonly canExecute: (path: string) => Promise<void>;
  /** The name of the folder in `downloads/`. */
  readonly unpacked: string;
  readonly manifest: Manifest;
  readonly digest: string;
  /** The version that `current` names. */
  readonly current: string | null;
  /** What a committed mark that cannot be read is taken to go back to. */
  readonly baseline: CommittedMark['previous'];
  readonly signal: AbortSignal;
}

const failed = (message: string): UpdateError => new UpdateError('STAGE_FAILED', message);

/** Makes the version, durably, or finds it made. Rejects as `VersionStore.stage`, but with raw errors of the disk. */
export async function stageVersion(request: StageRequest): Promise<void> {
  const { disk, paths, manifest, digest, current, signal } = request;
  const { version } = manifest;
  const computed = releaseDigest(manifest.files);
  if (computed !== digest)
    throw failed(`expected the manifest of release ${digest}, found that of ${computed}`);

  const final = join(paths.versions, version);
  if (await isIntact(request, final)) {
    // The first try may have ended between its rename and its sync.
    await disk.fsyncDir(paths.versions);
    return;
  }
  if (current === version)
    throw failed(`expected ${version} to be replaced while it is not current, found that it is current`);

  const staging = join(paths.versions, `.staging-${version}`);
  // An earlier try in this process may have ended between its two renames; then the unpacked folder is gone.
  if ((await statOrNull(disk, join(paths.downloads, request.unpacked))) !== null)
    await prepare(request, staging);
  else if (!(await isIntact(request, staging)))
    throw failed(`expected the folder ${request.unpacked} in downloads, found nothing`);

  throwIfCancelled(signal);
  await keepMark(request, final, staging);
  const old = (await statOrNull(disk, final)) === null ? null : freshName(final, `.old-${version}-`);
  if (old !== null) await disk.rename(final, old);
  await disk.rename(staging, final);
  await disk.fsyncDir(paths.versions);
  if (old !== null) await removeTree(disk, old);
}

/** A damaged version that is replaced by the same release was committed all the same: the version floor must not fall. */
async function keepMark(
  { disk, manifest, digest, baseline }: StageRequest,
  final: string,
  staging: string,
): Promise<void> {
  const found = await readVersionFolder(disk, final, manifest.version, baseline);
  if (!('missing' in found) && found.ref.digest === digest && found.mark !== null)
    await writeMark(disk, staging, found.mark);
}

/** Whether a folder holds exactly this release. Differences are the answer; faults of the disk are thrown. */
async function isIntact(
  { disk, manifest, digest, baseline, signal }: StageRequest,
  folder: string,
): Promise<boolean> {
  const found = await readVersionFolder(disk, folder, manifest.version, baseline);
  if ('missing' in found || found.ref.digest !== digest) return false;
  try {
    await checkFiles(disk, filesOf(folder), found.manifest, signal);
    return true;
  } catch (error) {
    if (error instanceof UpdateError && error.code === 'VERSION_DAMAGED') return false;
    throw error;
  }
}

/** Checks the unpacked folder, makes it durable, and moves it to its dot-name beside the versions. */
async function prepare(request: StageRequest, staging: string): Promise<void> {
  const { disk, paths, manifest, signal } = request;
  const source = join(paths.downloads, request.unpacked);
  const files = filesOf(source);
  for (const { path, mode } of manifest.files) {
    throwIfCancelled(signal);
    if ((await statOrNull(disk, join(files, path)))?.kind === 'file')
      await disk.chmod(join(files, path), mode);
  }
  try {
    await checkFiles(disk, files, manifest, signal);
  } catch (error) {
    if (error instanceof UpdateError && error.code === 'VERSION_DAMAGED')
      throw new UpdateError('BUNDLE_CHANGED', `after it was verified: ${error.message}`, { cause: error });
    throw error;
  }
  for (const program of programsOf(manifest)) await request.canExecute(join(files, program));
  throwIfCancelled(signal);
  await removeTree(disk, staging);
  await writeManifest(disk, source, manifest);
  await syncTree(disk, source);
  await disk.rename(source, staging);
  await disk.fsyncDir(paths.versions);
  await disk.fsyncDir(paths.downloads);
}
