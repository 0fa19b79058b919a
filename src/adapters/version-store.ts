/**
 * `versions/` and `current`: the versions on disk, and which of them is the current one.
 *
 * Invariants:
 * - A version is complete or absent. It appears by one rename (`version-stage.ts`) and goes by one rename to a dot-name,
 *   which is then deleted.
 * - `current` points to the old version or to the new one, never in between (`version-pointer.ts`).
 * - The current version is never pruned, nor the one that holds the version floor, nor one whose daemon runs or may have to run again.
 */
import { join } from 'node:path';
import semver from 'semver';
import { UpdateError } from '../errors.ts';
import type { VersionStore } from '../services/ports.ts';
import type { VersionRef } from '../types.ts';
import { freshName, removeLeftovers } from './atomic-file.ts';
import type { Disk } from './disk.ts';
import { guarded } from './disk-errors.ts';
import { removeTree } from './disk-tree.ts';
import { canExecute as canExecuteHere } from './can-execute.ts';
import type { StatePaths } from './state-dir.ts';
import { baseFiles } from './version-base.ts';
import { checkFiles } from './version-files.ts';
import {
  filesOf,
  isVersionName,
  readVersionFolder,
  writeMark,
  type VersionFolder,
} from './version-folder.ts';
import { readPointer, removePointer, swapPointer, tidyPointer } from './version-pointer.ts';
import { stageVersion } from './version-stage.ts';

/** What {@link openVersionStore} needs. */
export interface VersionStoreOptions {
  readonly disk: Disk;
  /** From `openStateDir`. */
  readonly paths: StatePaths;
  /** The program that was there before any update: its version, and the absolute path of its entry file. */
  readonly baseline: { readonly version: string; readonly entry: string };
  /** Rejects with `STAGE_NOT_EXECUTABLE` if a file cannot be executed here; `canExecute` of `can-execute.ts` unless told. */
  readonly canExecute?: (path: string) => Promise<void>;
  /** The versions whose daemons run, or may have to run again: they are not pruned either. None unless told. */
  readonly daemons?: () => Promise<readonly VersionRef[]>;
}

/**
 * Opens the version store. Errors are those of the port; besides, `DISK_FULL` when the disk is full, `COMMIT_FAILED` for a
 * mark that cannot be written, `STATE_DIR_UNUSABLE` where the disk cannot be read, `STAGE_FAILED` for other faults.
 *
 * @example
 * const store = openVersionStore({ disk: nodeDisk, paths, baseline: { version: '1.0.0', entry: process.execPath } });
 */
export function openVersionStore(options: VersionStoreOptions): VersionStore {
  const { disk, paths, canExecute = canExecuteHere } = options;
  const baseline: VersionRef = { origin: 'baseline', version: options.baseline.version };
  const reading = 'STATE_DIR_UNUSABLE';

  const read = (version: string): ReturnType<typeof readVersionFolder> =>
    readVersionFolder(disk, join(paths.versions, version), version, baseline);

  async function find(ref: Extract<VersionRef, { origin: 'store' }>): Promise<VersionFolder> {
    const found = await read(ref.version);
    if ('missing' in found) {
      const why = found.missing ? 'nothing' : `a damaged one: ${found.why}`;
      throw new UpdateError('VERSION_NOT_FOUND', `expected version ${ref.version}, found ${why}`);
    }
    if (found.ref.digest !== ref.digest)
      throw new UpdateError(
        'VERSION_NOT_FOUND',
        `expected version ${ref.version} of release ${ref.digest}, found that of ${found.ref.digest}`,
      );
    return found;
  }

  async function all(): Promise<VersionFolder[]> {
    const names = (await disk.readdir(paths.versions)).filter(isVersionName);
    const found = await Promise.all(names.map(read));
    return found
      .filter((each): each is VersionFolder => !('missing' in each))
      .sort((a, b) => semver.rcompare(a.ref.version, b.ref.version));
  }

  /** What `current` points to, if it is usable. */
  async function pointed(): Promise<VersionFolder | null> {
    const version = await readPointer(disk, paths.current);
    const found = version === null ? null : await read(version);
    return found === null || 'missing' in found ? null : found;
  }

  async function discard(version: string): Promise<void> {
    const folder = join(paths.versions, version);
    const old = freshName(folder, `.old-${version}-`);
    await disk.rename(folder, old);
    await disk.fsyncDir(paths.versions);
    await removeTree(disk, old);
  }

  return {
    baseline,

    current: () =>
      guarded(reading, 'could not read the current version', async () => (await pointed())?.ref ?? baseline),

    list: () =>
      guarded(reading, 'could not list the versions', async () =>
        (await all()).map(({ ref, mark, size }) => ({ ref, mark, size })),
      ),

    entry: async (ref) => {
      if (ref.origin === 'baseline') return options.baseline.entry;
      const { folder, manifest } = await guarded(reading, `could not read ${ref.version}`, () => find(ref));
      if (manifest.entrypoint === undefined)
        throw new UpdateError(
          'VERSION_NOT_FOUND',
          `${ref.version} carries the daemon alone, and no workload`,
        );
      return join(filesOf(folder), manifest.entrypoint);
    },

    daemon: async (ref) => {
      const { folder, manifest } = await guarded(reading, `could not read ${ref.version}`, () => find(ref));
      const file = manifest.files.find(({ path }) => path === manifest.daemon);
      if (file === undefined) return null;
      return {
        path: join(filesOf(folder), file.path),
        sha256: file.sha256,
        workload: manifest.entrypoint !== undefined,
      };
    },

    files: (ref) =>
      guarded(reading, `could not read ${ref.version}`, async () => baseFiles(disk, await find(ref))),

    check: async (ref, signal, since) => {
      if (ref.origin === 'baseline') return new Map();
      return guarded('VERSION_DAMAGED', `could not check ${ref.version}`, async () => {
        const found = await read(ref.version);
        if ('missing' in found && !found.missing)
          throw new UpdateError('VERSION_DAMAGED', `version ${ref.version}: ${found.why}`);
        const { folder, manifest } = await find(ref);
        return checkFiles(disk, filesOf(folder), manifest, signal, since);
      });
    },

    stage: (unpacked, manifest, digest, signal) =>
      guarded('STAGE_FAILED', `could not stage ${manifest.version}`, async () => {
        if (!/^[A-Za-z0-9_][A-Za-z0-9._+@-]*$/.test(unpacked))
          throw new UpdateError(
            'INTERNAL',
            `expected a plain folder name, found ${JSON.stringify(unpacked)}`,
          );
        const current = await readPointer(disk, paths.current);
        await stageVersion({
          disk,
          paths,
          canExecute,
          unpacked,
          manifest,
          digest,
          current,
          baseline,
          signal,
        });
      }),

    activate: (ref) =>
      guarded('STAGE_FAILED', `could not make ${ref.version} the current version`, async () => {
        if (ref.origin === 'baseline') return removePointer(disk, paths.current);
        await find(ref);
        await swapPointer(disk, paths.current, ref.version);
      }),

    mark: async (ref, mark) => {
      if (ref.origin === 'baseline') return;
      await guarded('COMMIT_FAILED', `could not mark ${ref.version} as committed`, async () =>
        writeMark(disk, (await find(ref)).folder, mark),
      );
    },

    prune: (keep) =>
      guarded('STAGE_FAILED', 'could not prune the versions', async () => {
        const versions = await all();
        const needed = [...keep, ...((await options.daemons?.()) ?? [])];
        const kept = new Set(needed.filter(({ origin }) => origin === 'store').map(({ version }) => version));
        const current = await readPointer(disk, paths.current);
        if (current !== null) kept.add(current);
        const floor = versions.find(({ mark }) => mark?.watched === true);
        if (floor !== undefined) kept.add(floor.ref.version);
        const gone = versions.filter(({ ref }) => !kept.has(ref.version));
        for (const { ref } of gone) await discard(ref.version);
        return gone.map(({ ref }) => ref);
      }),

    tidy: () =>
      guarded(reading, 'could not tidy the version store', async () => {
        for (const name of await disk.readdir(paths.versions)) {
          if (name.startsWith('.')) await removeTree(disk, join(paths.versions, name));
          else if ((await disk.lstat(join(paths.versions, name))).kind === 'folder')
            await removeLeftovers(disk, join(paths.versions, name));
        }
        await disk.fsyncDir(paths.versions);
        await tidyPointer(disk, paths.current);
        if ((await pointed()) === null) await removePointer(disk, paths.current);
      }),
  };
}
