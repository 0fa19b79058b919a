/**
 * The daemon's program as a file: where it is, whether it is what its signed manifest says, and how it is started.
 *
 * Invariant: a file of the version store is started only after its bytes were compared with the manifest of its release.
 */
import { createHash } from 'node:crypto';
import { join, relative, sep } from 'node:path';
import { UpdateError } from '../errors.ts';
import type { Successor } from '../types.ts';
import { nodeDisk, type Disk } from './disk.ts';
import type { StatePaths } from './state-dir.ts';
import { filesOf, isVersionName, readVersionFolder } from './version-folder.ts';

const CHUNK_BYTES = 1024 * 1024;

/** A program and its arguments, argv[0] included, as `execve(2)` wants them. */
export interface ExecCommand {
  readonly file: string;
  readonly argv: readonly string[];
}

/**
 * SHA-256 of a file, read in pieces, so that the event loop turns between them.
 *
 * @returns 64 hex digits; rejects with what the disk rejects with
 */
export async function hashFile(disk: Disk, path: string): Promise<string> {
  const hash = createHash('sha256');
  // `/proc/self/exe` is a link.
  const handle = await disk.openRead(path, 'follow');
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let position = 0; ;) {
      const read = await handle.read(buffer, position);
      if (read === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, read));
      position += read;
    }
  } finally {
    await handle.close();
  }
}

/** The version whose folder holds a program; null for a program outside of the version store. */
export function versionOfProgram(paths: Pick<StatePaths, 'versions'>, program: string): string | null {
  const [version = '', files] = relative(paths.versions, program).split(sep);
  return files === 'files' && isVersionName(version) ? version : null;
}

/**
 * The path of the daemon's file in a version, once its bytes are those of the manifest, and the manifest that of the release.
 *
 * @throws UpdateError `VERSION_DAMAGED` with what was found instead; `VERSION_NOT_FOUND`
 */
export async function checkedDaemonFile(
  disk: Disk,
  paths: Pick<StatePaths, 'versions'>,
  { ref, sha256 }: Successor,
): Promise<string> {
  const folder = join(paths.versions, ref.version);
  const found = await readVersionFolder(disk, folder, ref.version, { origin: 'baseline', version: '0.0.0' });
  if ('missing' in found)
    throw new UpdateError(
      'VERSION_NOT_FOUND',
      `expected version ${ref.version}, found ${found.missing ? 'nothing' : found.why}`,
    );
  const file = found.manifest.files.find(({ path }) => path === found.manifest.daemon);
  if (found.ref.digest !== ref.digest || file?.sha256 !== sha256)
    throw new UpdateError(
      'VERSION_NOT_FOUND',
      `expected the daemon of release ${ref.digest.slice(0, 12)} in ${folder}, found another release`,
    );
  const path = join(filesOf(folder), file.path);
  const { kind } = await disk.lstat(path);
  if (kind !== 'file')
    throw new UpdateError('VERSION_DAMAGED', `expected ${path} to be a file, found a ${kind}`);
  const actual = await hashFile(disk, path);
  if (actual !== sha256)
    throw new UpdateError(
      'VERSION_DAMAGED',
      `expected SHA-256 ${sha256.slice(0, 12)} of ${path}, found ${actual.slice(0, 12)}`,
    );
  return path;
}

/**
 * How a program is started: an executable as it is; a script by the very Node that runs this process, whatever PATH says.
 *
 * @param program - absolute path
 * @param args - of the program
 * @param disk - where the program lies; the real one unless told
 */
export async function execCommand(
  program: string,
  args: readonly string[],
  disk: Disk = nodeDisk,
): Promise<ExecCommand> {
  const handle = await disk.openRead(program, 'follow');
  try {
    const begin = Buffer.alloc(2);
    if ((await handle.read(begin, 0)) === 2 && begin.toString('latin1') === '#!')
      return { file: process.execPath, argv: [process.execPath, ...process.execArgv, program, ...args] };
    return { file: program, argv: [program, ...args] };
  } finally {
    await handle.close();
  }
}
