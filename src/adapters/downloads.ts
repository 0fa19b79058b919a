/**
 * `downloads/`: private and temporary files and folders.
 *
 * Invariant: nothing here is believed or run. Names are plain file names, so that none leaves the folder, and no link is
 * ever followed in it.
 */
import { basename, join } from 'node:path';
import { pathSchema } from '../bundle/manifest.ts';
import { UpdateError, hasErrno } from '../errors.ts';
import type { Downloads, PartialFile, UnpackTarget } from '../services/ports.ts';
import { writeFileAtomically } from './atomic-file.ts';
import type { Disk, DiskHandle } from './disk.ts';
import { diskFault, guarded } from './disk-errors.ts';
import { removeTree } from './disk-tree.ts';
import { strongTag } from './entity-tag.ts';
import { openLocalFile } from './local-file.ts';

/** Beside a partial file: the entity tag of the file that its bytes are of. */
const TAG = '.etag';
/** A tag and its quotes; see `entity-tag.ts`. */
const TAG_MAX_BYTES = 256;

const NAME = /^[A-Za-z0-9_][A-Za-z0-9._+@-]{0,199}$/;

/**
 * Opens the downloads. Faults of the disk are `DISK_FULL` or `STATE_DIR_UNUSABLE`; `BUNDLE_NOT_FOUND` for a file that
 * is not there; `INTERNAL` for a name that is not a plain file name.
 *
 * Every handle must be closed (or discarded), also after a failed write.
 *
 * @param folder - absolute; exists (`openStateDir`)
 */
export function openDownloads(disk: Disk, folder: string): Downloads {
  const at = (name: string): string => {
    if (!NAME.test(name))
      throw new UpdateError('INTERNAL', `expected a plain file name, found ${JSON.stringify(name)}`);
    return join(folder, name);
  };
  const work = <T>(what: string, run: () => Promise<T>): Promise<T> =>
    guarded('STATE_DIR_UNUSABLE', what, run);

  return {
    append: (name) =>
      work(`could not open the download ${name}`, async () => {
        const handle = await disk.openAppend(at(name), 0o600);
        return closeOnFault(handle, async () => {
          const { kind, size } = await handle.stat();
          if (kind !== 'file')
            throw new UpdateError('STATE_DIR_UNUSABLE', `expected ${at(name)} to be a file, found a ${kind}`);
          // The name is durable from here on, the bytes when it is closed.
          await disk.fsyncDir(folder);
          const tag = size === 0 ? null : await readTag(disk, `${at(name)}${TAG}`);
          return partialFile({ disk, handle, path: at(name), size, tag });
        });
      }),
    read: (name) =>
      guarded('BUNDLE_NOT_FOUND', `could not open the download ${name}`, async () => {
        const handle = await disk.openRead(at(name), 'refuse');
        return closeOnFault(handle, async () => {
          const { kind, size } = await handle.stat();
          if (kind !== 'file')
            throw new UpdateError('BUNDLE_NOT_FOUND', `expected ${at(name)} to be a file, found a ${kind}`);
          return {
            size,
            read: (buffer: Uint8Array, position: number) =>
              work(`could not read the download ${name}`, () => handle.read(buffer, position)),
            close: () => work(`could not close the download ${name}`, () => handle.close()),
          };
        });
      }),
    unpack: (name) =>
      work(`could not make the folder ${name}`, async () => {
        await removeTree(disk, at(name));
        await disk.mkdir(at(name), 0o700);
        await disk.mkdir(join(at(name), 'files'), 0o700);
        return unpackTarget(disk, join(at(name), 'files'));
      }),
    remove: (name) =>
      work(`could not remove the download ${name}`, async () => {
        await removeTree(disk, at(name));
        await removeTree(disk, `${at(name)}${TAG}`);
      }),
    tidy: (keep) =>
      work('could not tidy the downloads', async () => {
        const kept = new Set(keep.flatMap((name) => [name, `${name}${TAG}`]));
        for (const name of await disk.readdir(folder))
          if (!kept.has(name)) await removeTree(disk, join(folder, name));
      }),
    freeBytes: () => work('could not ask for the free space', () => disk.freeBytes(folder)),
    openLocal: (path) => openLocalFile(disk, path),
  };
}

async function closeOnFault<T>(handle: DiskHandle, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The tag beside a partial file; null for none, and for one that is none: it only saves a download. */
async function readTag(disk: Disk, path: string): Promise<string | null> {
  try {
    return strongTag(Buffer.from(await disk.readFile(path, TAG_MAX_BYTES)).toString('latin1'));
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'EFBIG', 'EINVAL', 'ELOOP')) return null;
    throw error;
  }
}

interface Partial {
  readonly disk: Disk;
  readonly handle: DiskHandle;
  readonly path: string;
  readonly size: number;
  readonly tag: string | null;
}

function partialFile({ disk, handle, path, size: found, tag }: Partial): PartialFile {
  let size = found;
  let validator = tag;
  const work = (run: () => Promise<void>): Promise<void> =>
    guarded('STATE_DIR_UNUSABLE', `could not write the download ${basename(path)}`, run);
  return {
    get size() {
      return size;
    },
    get validator() {
      return validator;
    },
    append: (chunk) => work(() => handle.write(chunk)),
    truncate: (next = null) =>
      work(async () => {
        // In this order: a power cut leaves no byte of the one file beside the tag of the other.
        await handle.truncate(0);
        await handle.sync();
        size = 0;
        validator = null;
        if (next === null) await removeTree(disk, `${path}${TAG}`);
        else await writeFileAtomically(disk, `${path}${TAG}`, Buffer.from(next, 'latin1'), 0o600);
        validator = next;
      }),
    close: () =>
      work(async () => {
        try {
          await handle.sync();
        } finally {
          await handle.close();
        }
      }),
  };
}

/** Files go to `<unpacked>/files/<path>`. Nothing is synced here: `VersionStore.stage` syncs all of it at once. */
function unpackTarget(disk: Disk, root: string): UnpackTarget {
  const made = new Set<string>();
  return {
    open: async (path, mode) => {
      if (!pathSchema.safeParse(path).success)
        throw new UpdateError(
          'BUNDLE_ARCHIVE_INVALID',
          `expected a plain relative path, found ${JSON.stringify(path)}`,
        );
      const what = `could not unpack ${path}`;
      try {
        for (let end = path.indexOf('/'); end > 0; end = path.indexOf('/', end + 1)) {
          const folder = path.slice(0, end);
          if (made.has(folder)) continue;
          await disk.mkdir(join(root, folder), 0o700);
          made.add(folder);
        }
        const handle = await disk.createExclusive(join(root, path), mode & 0o777);
        return {
          write: (chunk) => guarded('STATE_DIR_UNUSABLE', what, () => handle.write(chunk)),
          close: () => guarded('STATE_DIR_UNUSABLE', what, () => handle.close()),
          discard: () => guarded('STATE_DIR_UNUSABLE', what, () => handle.close()),
        };
      } catch (error) {
        throw diskFault(error, 'STATE_DIR_UNUSABLE', what);
      }
    },
  };
}
