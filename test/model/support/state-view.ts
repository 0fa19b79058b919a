/**
 * What lies in a state directory, seen from outside: for the invariants (`invariants.ts`), on a simulated disk and on the real one.
 *
 * Invariant: looking changes nothing. It goes through the version store's own reader, but opens no adapter that tidies.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import semver from 'semver';
import type { Disk } from '../../../src/adapters/disk.ts';
import { statOrNull } from '../../../src/adapters/disk-tree.ts';
import { besideRecordPath, processRecordFile, type ProcessRecord } from '../../../src/adapters/process-record.ts';
import type { StatePaths } from '../../../src/adapters/state-dir.ts';
import { openVersionStore } from '../../../src/adapters/version-store.ts';
import { isVersionName } from '../../../src/adapters/version-folder.ts';
import { UpdateError, hasErrno } from '../../../src/errors.ts';
import type { CommittedMark, VersionStore } from '../../../src/services/ports.ts';
import type { FeedChannel, VersionRef } from '../../../src/types.ts';

/** The program that was there before any update. */
export interface Baseline {
  readonly version: string;
  /** Absolute path of its entry file. */
  readonly entry: string;
}

/** A version on disk. */
export interface VersionView {
  readonly ref: Extract<VersionRef, { origin: 'store' }>;
  readonly mark: CommittedMark | null;
  /** Why its files are not what its manifest says; null when they are. */
  readonly problem: string | null;
}

/** A stored head. Its signature is not judged here; its place tells whether heads went back. */
export interface HeadView {
  readonly epoch: number;
  readonly seq: number;
  readonly minVersion: string | null;
  readonly sha256: string;
}

/** A state directory as it lies there. */
export interface StateView {
  /** What the link `current` says, as it stands; null when it is not there or no link. */
  readonly pointer: string | null;
  /** What the version store holds to be current. */
  readonly current: VersionRef;
  /** Complete versions, newest first. */
  readonly versions: readonly VersionView[];
  /** Names of folders in `versions/` that are called like a version and hold none. */
  readonly broken: readonly string[];
  /** What interrupted work left behind, as paths below the state directory. */
  readonly leftovers: readonly string[];
  /** Release digests in quarantine, sorted. */
  readonly quarantined: readonly string[];
  readonly heads: Readonly<Partial<Record<FeedChannel, HeadView>>>;
  /** Heads that are there and say nothing. */
  readonly brokenHeads: readonly FeedChannel[];
  /** The version floor, by marks and heads; null when there is none. */
  readonly floor: string | null;
  /** What is known of the workload's process. */
  readonly record: ProcessRecord | null;
}

const never = new AbortController().signal;

/** Names of a folder; none where it is not there. */
async function names(disk: Disk, folder: string): Promise<string[]> {
  try {
    return (await disk.readdir(folder)).sort();
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

async function pointerOf(disk: Disk, current: string): Promise<string | null> {
  try {
    return await disk.readlink(current);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'EINVAL')) return null;
    throw error;
  }
}

async function problemOf(store: VersionStore, ref: VersionRef): Promise<string | null> {
  try {
    await store.check(ref, never);
    return null;
  } catch (error) {
    return UpdateError.from(error).message;
  }
}

/** A head's claims, without a look at its signature; null when it holds none. */
function readHead(bytes: Uint8Array): HeadView | null {
  const payload = Buffer.from(bytes).toString('latin1').split('.')[1] ?? '';
  try {
    const { epoch, seq, min_version } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as {
      epoch: number;
      seq: number;
      min_version?: string;
    };
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { epoch, seq, minVersion: min_version ?? null, sha256 };
  } catch {
    return null;
  }
}

async function headsOf(
  disk: Disk,
  folder: string,
): Promise<{ heads: Partial<Record<FeedChannel, HeadView>>; brokenHeads: FeedChannel[] }> {
  const heads: Partial<Record<FeedChannel, HeadView>> = {};
  const brokenHeads: FeedChannel[] = [];
  const present = await names(disk, folder);
  for (const channel of ['stable', 'edge'] as const) {
    if (!present.includes(`${channel}.jws`)) continue;
    const head = readHead(await disk.readFile(join(folder, `${channel}.jws`), 1024 * 1024));
    if (head === null) brokenHeads.push(channel);
    else heads[channel] = head;
  }
  return { heads, brokenHeads };
}

/** Whether a name in the root, `heads/`, `quarantine/` or a version's folder is what a crash leaves behind. */
const isTemporary = (name: string): boolean => /^\.(tmp|current|probe)-/.test(name);

async function leftoversOf(disk: Disk, paths: StatePaths): Promise<string[]> {
  const left: string[] = [];
  for (const folder of [paths.root, paths.heads, paths.quarantine])
    for (const name of await names(disk, folder)) if (isTemporary(name)) left.push(join(folder, name));
  for (const name of await names(disk, paths.versions)) {
    const path = join(paths.versions, name);
    if (name.startsWith('.')) left.push(path);
    else for (const inner of await names(disk, path)) if (isTemporary(inner)) left.push(join(path, inner));
  }
  // Nothing runs beside the workload but while it is tried.
  const beside = besideRecordPath(paths.workloadRecord);
  if ((await statOrNull(disk, beside)) !== null) left.push(beside);
  if ((await names(disk, paths.downloads)).includes('unpacked')) left.push(join(paths.downloads, 'unpacked'));
  return left.map((path) => path.slice(paths.root.length + 1));
}

/**
 * Looks at a state directory. Call it while nobody writes there, or the view is of no single moment.
 *
 * @param disk - `nodeDisk` for a real one
 * @param paths - from `statePaths(root)`
 * @param baseline - the program that was there before any update
 * @throws what the disk throws when it cannot be read
 * @example
 * const view = await lookAtState(nodeDisk, statePaths('/var/lib/coresdk'), { version: '0.9.0', entry: '/opt/sidecar' });
 */
export async function lookAtState(disk: Disk, paths: StatePaths, baseline: Baseline): Promise<StateView> {
  const store = openVersionStore({ disk, paths, baseline });
  const versions: VersionView[] = [];
  // Before the very first start there is nothing.
  const stored = (await statOrNull(disk, paths.versions)) === null ? [] : await store.list();
  for (const { ref, mark } of stored) versions.push({ ref, mark, problem: await problemOf(store, ref) });
  const known = new Set(versions.map(({ ref }) => ref.version));
  const { heads, brokenHeads } = await headsOf(disk, paths.heads);
  const floors = [
    ...versions.filter(({ mark }) => mark?.watched === true).map(({ ref }) => ref.version),
    ...Object.values(heads).flatMap(({ minVersion }) => minVersion ?? []),
  ];
  return {
    pointer: await pointerOf(disk, paths.current),
    current: await store.current(),
    versions,
    broken: (await names(disk, paths.versions)).filter((name) => isVersionName(name) && !known.has(name)),
    leftovers: await leftoversOf(disk, paths),
    quarantined: (await names(disk, paths.quarantine)).flatMap(
      (name) => /^([0-9a-f]{64})\.json$/.exec(name)?.[1] ?? [],
    ),
    heads,
    brokenHeads,
    floor: floors.sort(semver.rcompare)[0] ?? null,
    record: await processRecordFile(disk, paths.workloadRecord).read(),
  };
}
