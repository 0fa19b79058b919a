/**
 * The state directory: its layout, and the checks before it is trusted.
 *
 * Invariant: everything that the daemon believes is read from folders that belong to its own user and into which nobody
 * else can write. A folder that others could have written into is refused, not mended; one that others could only read
 * (systemd makes 0755 by default) is closed to them.
 */
import { isAbsolute, join, normalize } from 'node:path';
import { UpdateError, hasErrno } from '../errors.ts';
import { freshName } from './atomic-file.ts';
import { nodeDisk, type Disk } from './disk.ts';
import { diskFault } from './disk-errors.ts';
import { statOrNull } from './disk-tree.ts';

/** Where everything lies; all absolute. */
export interface StatePaths {
  readonly root: string;
  /** The journal. Nothing but the journal ever opens it. */
  readonly stateDb: string;
  readonly heads: string;
  readonly quarantine: string;
  readonly downloads: string;
  readonly versions: string;
  /** The pointer to the current version: a symbolic link, relative. */
  readonly current: string;
  readonly controlSocket: string;
  /** What is known of the running workload: boot id, pid, start time. */
  readonly workloadRecord: string;
  /** This host's id for rollouts, where the system has none. */
  readonly machineId: string;
  /** An operator's pause, while there is one. */
  readonly paused: string;
  /** The releases that a person approved. */
  readonly approvals: string;
  /** That this host may hold a lease of its fleet, while it may. */
  readonly lease: string;
  /** The newest order of the fleet's operators for each release. */
  readonly orders: string;
  /** Which daemon this host runs, and which one is on trial. */
  readonly daemonRecord: string;
  /** Held by a launcher while it decides. */
  readonly launchLock: string;
}

/** The layout of a state directory, without a look at the disk. */
export function statePaths(root: string): StatePaths {
  return {
    root,
    stateDb: join(root, 'state.db'),
    heads: join(root, 'heads'),
    quarantine: join(root, 'quarantine'),
    downloads: join(root, 'downloads'),
    versions: join(root, 'versions'),
    current: join(root, 'current'),
    controlSocket: join(root, 'control.sock'),
    workloadRecord: join(root, 'workload.json'),
    machineId: join(root, 'machine-id'),
    paused: join(root, 'paused.json'),
    approvals: join(root, 'approvals.json'),
    lease: join(root, 'lease.json'),
    orders: join(root, 'orders'),
    daemonRecord: join(root, 'daemon.json'),
    launchLock: join(root, 'launch.lock'),
  };
}

const unusable = (message: string): UpdateError => new UpdateError('STATE_DIR_UNUSABLE', message);
const octal = (mode: number): string => `0${mode.toString(8).padStart(3, '0')}`;

/**
 * Makes the state directory, or checks the one that is there, and returns its layout. Run again: changes nothing. It
 * deletes nothing, since another daemon may be using the directory; take the journal's lock next.
 *
 * @param path - absolute; missing parents are made with mode 0755
 * @param disk - the disk; the real one unless told
 * @returns the layout; every folder exists, with mode 0700
 * @throws UpdateError `STATE_DIR_UNUSABLE` (not a real folder, another owner, writable by others, not writable by us),
 *   `DISK_FULL`
 * @example
 * const paths = await openStateDir('/var/lib/coresdk');
 */
export async function openStateDir(path: string, disk: Disk = nodeDisk): Promise<StatePaths> {
  if (!isAbsolute(path)) throw unusable(`expected an absolute path for the state directory, found ${path}`);
  const paths = statePaths(normalize(path).replace(/(?<=.)\/$/, ''));
  const { root, heads, quarantine, downloads, versions } = paths;
  try {
    for (let at = root.indexOf('/', 1); at > 0; at = root.indexOf('/', at + 1))
      await makeFolder(disk, root.slice(0, at), 0o755);
    for (const folder of [root, heads, quarantine, downloads, versions]) {
      await makeFolder(disk, folder, 0o700);
      await checkFolder(disk, folder);
    }
    await checkWritable(disk, root);
  } catch (error) {
    throw diskFault(error, 'STATE_DIR_UNUSABLE', `cannot use the state directory ${root}`);
  }
  return paths;
}

/**
 * Whether a daemon has used this state directory before: it holds a head, a version, a release in quarantine, or the record of a
 * workload.
 *
 * @param paths - from {@link openStateDir}
 */
export async function wasUsed(paths: StatePaths, disk: Disk = nodeDisk): Promise<boolean> {
  try {
    for (const folder of [paths.heads, paths.versions, paths.quarantine])
      if ((await disk.readdir(folder)).length > 0) return true;
    return (await statOrNull(disk, paths.workloadRecord)) !== null;
  } catch (error) {
    throw diskFault(error, 'STATE_DIR_UNUSABLE', `cannot read the state directory ${paths.root}`);
  }
}

/**
 * Checks, and changes nothing, that what is read from a state directory is its owner's alone: for whoever believes it before
 * {@link openStateDir}.
 *
 * @throws UpdateError `STATE_DIR_UNUSABLE`; what the disk rejects with where a folder is not there
 */
export async function requirePrivate({ root, versions }: StatePaths, disk: Disk): Promise<void> {
  for (const folder of [root, versions]) await requireOwn(disk, folder);
}

async function makeFolder(disk: Disk, path: string, mode: number): Promise<void> {
  if ((await statOrNull(disk, path)) !== null) return;
  try {
    await disk.mkdir(path, mode);
  } catch (error) {
    // Another daemon that starts at the same moment; the lock decides between us later.
    if (hasErrno(error, 'EEXIST')) return;
    throw error;
  }
  await disk.fsyncDir(join(path, '..'));
}

/** @returns the folder's mode */
async function requireOwn(disk: Disk, path: string): Promise<number> {
  const { kind, mode, uid } = await disk.lstat(path);
  if (kind === 'symlink')
    throw unusable(
      `expected ${path} to be a folder, found a symbolic link to ${await disk.readlink(path)}; set state_dir to the folder itself`,
    );
  if (kind !== 'folder')
    throw unusable(`expected ${path} to be a folder, found a ${kind === 'file' ? 'file' : 'special file'}`);
  const own = process.geteuid?.() ?? uid;
  if (uid !== own)
    throw unusable(`expected ${path} to belong to uid ${String(own)}, found uid ${String(uid)}`);
  if ((mode & 0o022) !== 0)
    throw unusable(`expected ${path} to have mode 0700, found ${octal(mode)}, into which others can write`);
  return mode;
}

async function checkFolder(disk: Disk, path: string): Promise<void> {
  const mode = await requireOwn(disk, path);
  if ((mode & 0o777) !== 0o700) await disk.chmod(path, 0o700);
}

/** A look at permission bits says nothing of a read-only file system, so this writes. */
async function checkWritable(disk: Disk, root: string): Promise<void> {
  // Called as the files that the next start deletes, should the power go right here.
  const probe = freshName(join(root, 'probe'), '.tmp-probe-');
  const handle = await disk.createExclusive(probe, 0o600);
  await handle.close();
  await disk.unlink(probe);
}
