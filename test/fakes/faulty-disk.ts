import { errnoError, nodeDisk, type Disk, type DiskHandle } from '../../src/adapters/disk.ts';

/** A call that changes the disk, as it is about to be made. */
export interface DiskCall {
  readonly op: string;
  readonly path: string;
}

/**
 * The real disk, with a look at every call that changes something (`write`, `sync` and `truncate` of handles included).
 * Whatever `before` throws is what the call rejects with; the call is then not made.
 */
export function watchedDisk(before: (call: DiskCall) => void, disk: Disk = nodeDisk): Disk {
  const seen = async <T>(op: string, path: string, call: () => Promise<T>): Promise<T> => {
    before({ op, path });
    return call();
  };
  const handle = (path: string, inner: DiskHandle): DiskHandle => ({
    ...inner,
    write: (bytes) => seen('write', path, () => inner.write(bytes)),
    sync: () => seen('sync', path, () => inner.sync()),
    truncate: (size) => seen('truncate', path, () => inner.truncate(size)),
  });
  return {
    ...disk,
    mkdir: (path, mode) => seen('mkdir', path, () => disk.mkdir(path, mode)),
    createExclusive: (path, mode) =>
      seen('create', path, async () => handle(path, await disk.createExclusive(path, mode))),
    openAppend: (path, mode) =>
      seen('append', path, async () => handle(path, await disk.openAppend(path, mode))),
    openRead: async (path, links) => handle(path, await disk.openRead(path, links)),
    rename: (from, to) => seen('rename', to, () => disk.rename(from, to)),
    symlink: (target, path) => seen('symlink', path, () => disk.symlink(target, path)),
    unlink: (path) => seen('unlink', path, () => disk.unlink(path)),
    rmdir: (path) => seen('rmdir', path, () => disk.rmdir(path)),
    chmod: (path, mode) => seen('chmod', path, () => disk.chmod(path, mode)),
    fsyncDir: (path) => seen('fsyncDir', path, () => disk.fsyncDir(path)),
  };
}

/** A disk on which every `write` finds no space. */
export const fullDisk: Disk = watchedDisk(({ op, path }) => {
  if (op === 'write') throw errnoError('ENOSPC', 'no space left on device', path);
});

const unsynced = (handle: DiskHandle): DiskHandle => ({ ...handle, sync: () => Promise.resolve() });

/** The real disk without syncing, which is slow and makes no difference while the power stays on. */
export const quickDisk: Disk = {
  ...nodeDisk,
  createExclusive: async (path, mode) => unsynced(await nodeDisk.createExclusive(path, mode)),
  openAppend: async (path, mode) => unsynced(await nodeDisk.openAppend(path, mode)),
  openRead: async (path, links) => unsynced(await nodeDisk.openRead(path, links)),
  fsyncDir: () => Promise.resolve(),
};

/** A disk that stops for good after `calls` changes, as when the process is killed there. */
export function dyingDisk(calls: number): { readonly disk: Disk; readonly died: () => boolean } {
  let left = calls;
  const disk = watchedDisk(({ path }) => {
    left -= 1;
    if (left < 0) throw errnoError('EIO', 'the process was killed here', path);
  }, quickDisk);
  return { disk, died: () => left < 0 };
}
