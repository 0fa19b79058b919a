/**
 * A disk in memory that can lose power. What is allowed then is written down in `effects.ts`.
 *
 * Invariants:
 * - It behaves as the real disk does while the power stays on (`disk.contract.ts`).
 * - Every change is on the tape before it happens, and in the log after.
 */
import { dirname, basename } from 'node:path';
import { errnoError, type Disk, type DiskHandle, type DiskStat } from '../../../src/adapters/disk.ts';
import { hasErrno } from '../../../src/errors.ts';
import { type Change, type Fate, type Logged } from './effects.ts';
import { at as nodeAt, type FolderImage } from './image.ts';
import { apply, copyInodes, imageOf, inodesOf, ROOT, type Inode, type Inodes } from './inodes.ts';
import type { Tape } from './tape.ts';

/** A simulated disk, and what a crash leaves of it. */
export interface SimDisk {
  readonly disk: Disk;
  /** What lies there now, had everything been synced: what a program that is killed leaves. */
  image(): FolderImage;
  /** The changes before effect number `at` that a power cut right then may undo. */
  pendingAt(at: number): readonly Logged[];
  /**
   * What a power cut right before effect number `at` leaves, or with every fate kept, what a killed program leaves.
   *
   * @param fates - by the number of the effect; kept unless told
   */
  imageAt(at: number, fates?: ReadonlyMap<number, Fate>): FolderImage;
}

/** What {@link createSimDisk} needs. */
export interface SimDiskOptions {
  readonly image: FolderImage;
  /** Every effect is put on it; what it throws is what the call rejects with. */
  readonly tape: Pick<Tape, 'record' | 'next'>;
  /** What `freeBytes` says; 1 GiB unless told. */
  readonly freeBytes?: number;
}

type Folder = Extract<Inode, { kind: 'folder' }>;
type File = Extract<Inode, { kind: 'file' }>;

const UID = process.geteuid?.() ?? 0;
const MOST_LINKS = 8;

/** Makes a disk out of an image. */
export function createSimDisk({ image, tape, freeBytes = 1024 ** 3 }: SimDiskOptions): SimDisk {
  const inodes = inodesOf(image);
  /** Every inode as it was when it was made, for replaying the log. */
  const born = copyInodes(inodes);
  const log: Logged[] = [];

  /** Without a stack: most are answers ("there is none"), and to walk the stack takes longer than all the rest. */
  const fault = (code: string, path: string, message = 'simulated disk'): Error => {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    const error = errnoError(code, message, path);
    Error.stackTraceLimit = stackTraceLimit;
    return error;
  };

  /** The number of what a path names; links on the way are followed, the last segment is not unless told. */
  function find(path: string, follow = false, links = 0): { number: number; inode: Inode } | null {
    let number = ROOT;
    // Most of a simulation's time goes by here: no list of segments is made.
    for (let start = 0; start < path.length;) {
      const slash = path.indexOf('/', start);
      const end = slash < 0 ? path.length : slash;
      const segment = path.slice(start, end);
      const parent = start;
      start = end + 1;
      if (segment === '') continue;
      const folder = inodes.get(number);
      if (folder?.kind !== 'folder') throw fault('ENOTDIR', path);
      if (segment === '.') continue;
      if (segment === '..') {
        number = find(dirname(`/${path.slice(0, parent)}`))?.number ?? ROOT;
        continue;
      }
      const next = folder.entries.get(segment);
      const isLast = end === path.length || /^\/*$/.test(path.slice(end));
      if (next === undefined) {
        if (!isLast) throw fault('ENOENT', path);
        return null;
      }
      const inode = inodes.get(next);
      if (inode?.kind === 'symlink' && (follow || !isLast)) {
        if (links >= MOST_LINKS) throw fault('ELOOP', path);
        const base = inode.target.startsWith('/')
          ? inode.target
          : `/${path.slice(0, parent)}/${inode.target}`;
        return find(`${base}/${path.slice(end)}`, follow, links + 1);
      }
      number = next;
    }
    const inode = inodes.get(number);
    return inode === undefined ? null : { number, inode };
  }

  function need(path: string, follow = false): { number: number; inode: Inode } {
    const found = find(path, follow);
    if (found === null) throw fault('ENOENT', path);
    return found;
  }

  /** The folder that holds a path's last segment. */
  function parentOf(path: string): { number: number; folder: Folder; name: string } {
    const { number, inode } = need(dirname(path), true);
    if (inode.kind !== 'folder') throw fault('ENOTDIR', path);
    return { number, folder: inode, name: basename(path) };
  }

  /** Which change of an inode was the last. */
  const changed = new Map<number, number>();

  function note(at: number, change: Change): void {
    log.push({ at, change, durableAt: Infinity });
    apply(inodes, change);
    const touched = change.type === 'names' ? change.changes.map(({ inode }) => inode) : [change.inode];
    for (const inode of touched) if (inode !== null) changed.set(inode, log.length);
  }

  function happen(op: string, path: string, change: Change): void {
    note(tape.record({ op, what: path }), change);
  }

  function create(op: string, path: string, inode: Inode): number {
    const { number: folder, name } = parentOf(path);
    if (find(path) !== null) throw fault('EEXIST', path);
    const number = born.size;
    born.set(number, inode.kind === 'folder' ? { ...inode, entries: new Map() } : { ...inode });
    inodes.set(number, inode);
    happen(op, path, { type: 'names', changes: [{ folder, name, inode: number }] });
    return number;
  }

  function remove(op: string, path: string): void {
    const { number: folder, name } = parentOf(path);
    happen(op, path, { type: 'names', changes: [{ folder, name, inode: null }] });
  }

  function sync(op: string, path: string, isDone: (change: Change) => boolean): void {
    const at = tape.record({ op, what: path });
    for (const entry of log) if (entry.durableAt === Infinity && isDone(entry.change)) entry.durableAt = at;
  }

  const statOf = ({ number, inode }: { number: number; inode: Inode }): DiskStat => ({
    kind: inode.kind,
    size: inode.kind === 'file' ? inode.bytes.length : inode.kind === 'symlink' ? inode.target.length : 4096,
    mode: inode.kind === 'symlink' ? 0o777 : inode.mode,
    uid: UID,
    stamp: `${String(number)}:${String(changed.get(number) ?? 0)}`,
    // Its clock of files has no steps.
    settled: true,
  });

  function handle(number: number, path: string, access: { read: boolean; write: boolean }): DiskHandle {
    let open = true;
    const use = (): Inode => {
      const inode = inodes.get(number);
      if (!open || inode === undefined) throw fault('EBADF', path);
      return inode;
    };
    const file = (wanted: 'read' | 'write'): File => {
      const inode = use();
      if (inode.kind !== 'file') throw fault('EISDIR', path);
      if (!access[wanted]) throw fault('EBADF', path);
      return inode;
    };
    return {
      stat: async () => statOf({ number, inode: use() }),
      read: async (buffer, position) => {
        const part = file('read').bytes.subarray(position, position + buffer.length);
        buffer.set(part);
        return part.length;
      },
      write: async (bytes) => {
        const offset = file('write').bytes.length;
        if (bytes.length === 0) return;
        const change = { type: 'write', inode: number, offset, bytes: bytes.slice() } as const;
        try {
          happen('write', path, change);
        } catch (error) {
          // A disk takes what there is room for before it says that it is full (write(2)).
          if (hasErrno(error, 'ENOSPC')) {
            const part = { ...change, bytes: bytes.slice(0, Math.floor(bytes.length / 2)) };
            note(tape.next - 1, part);
          }
          throw error;
        }
      },
      truncate: async (size) => {
        file('write');
        happen('truncate', path, { type: 'truncate', inode: number, size });
      },
      sync: async () => {
        use();
        sync('sync', path, (change) => change.type !== 'names' && change.inode === number);
      },
      close: async () => {
        use();
        open = false;
      },
    };
  }

  function openRead(path: string, links: 'refuse' | 'follow'): DiskHandle {
    const { number, inode } = need(path, links === 'follow');
    if (inode.kind === 'symlink') throw fault('ELOOP', path);
    return handle(number, path, { read: true, write: false });
  }

  const disk: Disk = {
    mkdir: async (path, mode) => {
      create('mkdir', path, { kind: 'folder', mode, entries: new Map() });
    },
    createExclusive: async (path, mode) => {
      const number = create('create', path, { kind: 'file', mode, bytes: new Uint8Array() });
      return handle(number, path, { read: true, write: true });
    },
    openAppend: async (path, mode) => {
      const found = find(path);
      if (found?.inode.kind === 'symlink') throw fault('ELOOP', path);
      if (found?.inode.kind === 'folder') throw fault('EISDIR', path);
      const number = found?.number ?? create('create', path, { kind: 'file', mode, bytes: new Uint8Array() });
      return handle(number, path, { read: false, write: true });
    },
    openRead: async (path, links) => openRead(path, links),
    readFile: async (path, cap) => {
      const opened = openRead(path, 'refuse');
      const { kind, size } = await opened.stat();
      if (kind !== 'file') throw fault('EINVAL', path, `expected a regular file, found a ${kind}`);
      if (size > cap)
        throw fault('EFBIG', path, `expected at most ${String(cap)} bytes, found ${String(size)}`);
      const buffer = new Uint8Array(size);
      await opened.read(buffer, 0);
      return buffer;
    },
    readdir: async (path) => {
      const { inode } = need(path, true);
      if (inode.kind !== 'folder') throw fault('ENOTDIR', path);
      return [...inode.entries.keys()];
    },
    lstat: async (path) => statOf(need(path)),
    rename: async (from, to) => {
      const source = need(from);
      const [a, b] = [parentOf(from), parentOf(to)];
      const target = find(to);
      if (target?.number === source.number) return;
      if (source.inode.kind === 'folder') {
        if (`${to}/`.startsWith(`${from}/`)) throw fault('EINVAL', from);
        if (target !== null && target.inode.kind !== 'folder') throw fault('ENOTDIR', to);
        if (target?.inode.kind === 'folder' && target.inode.entries.size > 0) throw fault('ENOTEMPTY', to);
      } else if (target?.inode.kind === 'folder') throw fault('EISDIR', to);
      happen('rename', `${from} -> ${to}`, {
        type: 'names',
        changes: [
          { folder: a.number, name: a.name, inode: null },
          { folder: b.number, name: b.name, inode: source.number },
        ],
      });
    },
    symlink: async (target, path) => {
      create('symlink', path, { kind: 'symlink', target });
    },
    readlink: async (path) => {
      const { inode } = need(path);
      if (inode.kind !== 'symlink') throw fault('EINVAL', path);
      return inode.target;
    },
    unlink: async (path) => {
      if (need(path).inode.kind === 'folder') throw fault('EISDIR', path);
      remove('unlink', path);
    },
    rmdir: async (path) => {
      const { inode } = need(path);
      if (inode.kind !== 'folder') throw fault('ENOTDIR', path);
      if (inode.entries.size > 0) throw fault('ENOTEMPTY', path);
      remove('rmdir', path);
    },
    chmod: async (path, mode) => {
      const { number, inode } = need(path);
      if (inode.kind === 'symlink') throw fault('ELOOP', path);
      happen('chmod', path, { type: 'mode', inode: number, mode });
    },
    fsyncDir: async (path) => {
      const { number, inode } = need(path);
      if (inode.kind === 'symlink') throw fault('ELOOP', path);
      if (inode.kind !== 'folder') throw fault('ENOTDIR', path);
      sync('fsyncDir', path, (change) =>
        change.type === 'names'
          ? change.changes.some(({ folder }) => folder === number)
          : change.inode === number,
      );
    },
    freeBytes: async (path) => {
      need(path, true);
      return freeBytes;
    },
  };

  return {
    disk,
    image: () => imageOf(inodes),
    pendingAt: (at) => log.filter((entry) => entry.at < at && entry.durableAt >= at),
    imageAt: (at, fates = new Map()) => {
      const left: Inodes = copyInodes(born);
      for (const { at: number, change, durableAt } of log) {
        if (number >= at) break;
        apply(left, change, durableAt < at ? 'k' : (fates.get(number) ?? 'k'));
      }
      return imageOf(left);
    },
  };
}

/** The bytes of a file in an image, as text; null when there is none. */
export function textAt(image: FolderImage, path: string): string | null {
  const node = nodeAt(image, path);
  return node?.kind === 'file' ? Buffer.from(node.bytes).toString('utf8') : null;
}
