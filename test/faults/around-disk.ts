import { type Disk, type DiskHandle } from '../../src/adapters/disk.ts';

/** A call of the disk, as it is about to be made. Calls of an open file are named after it: `write`, `sync`, … */
export interface DiskAccess {
  readonly op: Exclude<keyof Disk, 'freeBytes'> | 'freeBytes' | Exclude<keyof DiskHandle, 'close'>;
  readonly path: string;
  /** Whether it changes something on disk. */
  readonly changes: boolean;
}

const READS: ReadonlySet<string> = new Set([
  'openRead',
  'readFile',
  'readdir',
  'lstat',
  'readlink',
  'freeBytes',
  'stat',
  'read',
]);

/**
 * A disk with a look at every call. Whatever `before` throws is what the call rejects with; the call is then not made. A file is
 * closed without a look, so that a fault leaks no descriptor.
 */
export function aroundDisk(disk: Disk, before: (access: DiskAccess) => void): Disk {
  const seen = async <T>(op: DiskAccess['op'], path: string, call: () => Promise<T>): Promise<T> => {
    before({ op, path, changes: !READS.has(op) });
    return call();
  };
  const file = (path: string, inner: DiskHandle): DiskHandle => ({
    stat: () => seen('stat', path, () => inner.stat()),
    read: (buffer, position) => seen('read', path, () => inner.read(buffer, position)),
    write: (bytes) => seen('write', path, () => inner.write(bytes)),
    truncate: (size) => seen('truncate', path, () => inner.truncate(size)),
    sync: () => seen('sync', path, () => inner.sync()),
    close: () => inner.close(),
  });
  return {
    mkdir: (path, mode) => seen('mkdir', path, () => disk.mkdir(path, mode)),
    createExclusive: (path, mode) =>
      seen('createExclusive', path, async () => file(path, await disk.createExclusive(path, mode))),
    openAppend: (path, mode) =>
      seen('openAppend', path, async () => file(path, await disk.openAppend(path, mode))),
    openRead: (path, links) =>
      seen('openRead', path, async () => file(path, await disk.openRead(path, links))),
    readFile: (path, cap) => seen('readFile', path, () => disk.readFile(path, cap)),
    readdir: (path) => seen('readdir', path, () => disk.readdir(path)),
    lstat: (path) => seen('lstat', path, () => disk.lstat(path)),
    rename: (from, to) => seen('rename', to, () => disk.rename(from, to)),
    symlink: (target, path) => seen('symlink', path, () => disk.symlink(target, path)),
    readlink: (path) => seen('readlink', path, () => disk.readlink(path)),
    unlink: (path) => seen('unlink', path, () => disk.unlink(path)),
    rmdir: (path) => seen('rmdir', path, () => disk.rmdir(path)),
    chmod: (path, mode) => seen('chmod', path, () => disk.chmod(path, mode)),
    fsyncDir: (path) => seen('fsyncDir', path, () => disk.fsyncDir(path)),
    freeBytes: (path) => seen('freeBytes', path, () => disk.freeBytes(path)),
  };
}
