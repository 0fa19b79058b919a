/**
 * The disk: the one door for every side effect on disk, SQLite's own file excepted. It is small and explicit, so that a
 * simulated disk which loses power can stand in for it.
 *
 * Invariants:
 * - Nothing is durable by itself. A file's bytes are durable after `DiskHandle.sync`; names (created, renamed, removed)
 *   are durable after `fsyncDir` of the folder that holds them.
 * - No call follows a symbolic link at the last segment of its path, but `openRead` with `'follow'`.
 * - Every method rejects with Node's own errors (`code` is an errno name). The adapters turn them into `UpdateError`.
 */
import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';

/** What `lstat` tells of a path. */
export interface DiskStat {
  readonly kind: 'file' | 'folder' | 'symlink' | 'other';
  /** Bytes. */
  readonly size: number;
  /** Permission bits only (`0o7777`). */
  readonly mode: number;
  readonly uid: number;
  /** Another one after any change of the file: its inode, size, and the times of its last change (`inode(7)`: mtime, ctime). */
  readonly stamp: string;
  /**
   * Whether its last change lies long enough back that the next one shows in `stamp`: the kernel's clock of files moves in steps of
   * some milliseconds.
   */
  readonly settled: boolean;
}

/** An open file. Whoever opened it closes it. */
export interface DiskHandle {
  stat(): Promise<DiskStat>;
  /** Fills `buffer` from `position` on; returns the bytes read, fewer only at the end of the file. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** Writes all of `bytes` at the end of the file. */
  write(bytes: Uint8Array): Promise<void>;
  truncate(size: number): Promise<void>;
  /** Makes the file's bytes durable (`fsync`), not its name. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The disk, as the adapters see it. Paths are absolute. */
export interface Disk {
  /** Makes one folder. `EEXIST` if anything is there. */
  mkdir(path: string, mode: number): Promise<void>;
  /** Creates a file that must not be there, for reading and writing. The mode is exact, whatever the umask. */
  createExclusive(path: string, mode: number): Promise<DiskHandle>;
  /** Opens for appending; creates with `mode` if it is not there. */
  openAppend(path: string, mode: number): Promise<DiskHandle>;
  /** Opens for reading. A pipe does not block. */
  openRead(path: string, links: 'refuse' | 'follow'): Promise<DiskHandle>;
  /** The whole file. `EFBIG` if it has more than `cap` bytes, `EINVAL` if it is not a regular file. */
  readFile(path: string, cap: number): Promise<Uint8Array>;
  /** The names in a folder, in any order. */
  readdir(path: string): Promise<string[]>;
  lstat(path: string): Promise<DiskStat>;
  rename(from: string, to: string): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
  readlink(path: string): Promise<string>;
  unlink(path: string): Promise<void>;
  rmdir(path: string): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  /** Makes the names in a folder durable. */
  fsyncDir(path: string): Promise<void>;
  /** Bytes that this user may still write on the disk which holds `path` (`statfs`, `f_bavail`). */
  freeBytes(path: string): Promise<number>;
}

/**
 * An error as Node throws it, for faults that a disk finds by itself.
 *
 * @example
 * throw errnoError('EFBIG', 'expected at most 10 bytes, found 11', path);
 */
export function errnoError(code: string, message: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${message}, '${path}'`), { code, path });
}

/** Longer than any step of the kernel's clock of files (at most 10 ms, CONFIG_HZ=100). */
const SETTLED_MS = 100;

function toStat(stats: Awaited<ReturnType<typeof fs.lstat>>): DiskStat {
  const kind = stats.isFile()
    ? 'file'
    : stats.isDirectory()
      ? 'folder'
      : stats.isSymbolicLink()
        ? 'symlink'
        : 'other';
  const { dev, ino, size, mtimeMs, ctimeMs } = stats;
  return {
    kind,
    size: Number(size),
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    stamp: [dev, ino, size, mtimeMs, ctimeMs].map(String).join(':'),
    settled: Date.now() - Number(ctimeMs) >= SETTLED_MS,
  };
}

function nodeHandle(file: fs.FileHandle): DiskHandle {
  return {
    stat: async () => toStat(await file.stat()),
    read: async (buffer, position) => {
      let filled = 0;
      while (filled < buffer.length) {
        const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, position + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return filled;
    },
    write: async (bytes) => {
      let written = 0;
      // write(2) may take less than it is given, and does so just before the disk is full.
      while (written < bytes.length)
        written += (await file.write(bytes, written, bytes.length - written)).bytesWritten;
    },
    truncate: (size) => file.truncate(size),
    sync: () => file.sync(),
    close: () => file.close(),
  };
}

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_APPEND, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } =
  constants;

async function openRead(path: string, links: 'refuse' | 'follow'): Promise<DiskHandle> {
  return nodeHandle(await fs.open(path, O_RDONLY | O_NONBLOCK | (links === 'refuse' ? O_NOFOLLOW : 0)));
}

/** The real disk. */
export const nodeDisk: Disk = {
  mkdir: async (path, mode) => {
    await fs.mkdir(path, { mode });
  },
  createExclusive: async (path, mode) => {
    const file = await fs.open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW, mode);
    try {
      await file.chmod(mode);
    } catch (error) {
      await file.close();
      throw error;
    }
    return nodeHandle(file);
  },
  openAppend: async (path, mode) =>
    nodeHandle(await fs.open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, mode)),
  openRead,
  readFile: async (path, cap) => {
    const handle = await openRead(path, 'refuse');
    try {
      const { kind, size } = await handle.stat();
      if (kind !== 'file') throw errnoError('EINVAL', `expected a regular file, found a ${kind}`, path);
      if (size > cap)
        throw errnoError('EFBIG', `expected at most ${String(cap)} bytes, found ${String(size)}`, path);
      const buffer = new Uint8Array(size);
      return buffer.subarray(0, await handle.read(buffer, 0));
    } finally {
      await handle.close();
    }
  },
  readdir: (path) => fs.readdir(path),
  lstat: async (path) => toStat(await fs.lstat(path)),
  rename: (from, to) => fs.rename(from, to),
  symlink: (target, path) => fs.symlink(target, path),
  readlink: (path) => fs.readlink(path),
  unlink: (path) => fs.unlink(path),
  rmdir: (path) => fs.rmdir(path),
  chmod: async (path, mode) => {
    // chmod(2) follows links, fchmod(2) has none to follow.
    const file = await fs.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      await file.chmod(mode);
    } finally {
      await file.close();
    }
  },
  fsyncDir: async (path) => {
    const folder = await fs.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
  freeBytes: async (path) => {
    const { bavail, bsize } = await fs.statfs(path);
    return bavail * bsize;
  },
};
