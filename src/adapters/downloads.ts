/**
 * `downloads/`: private and temporary files and folders.
 *
 * Invariant: nothing here is believed or run. Names are plain file names, so that none leaves the folder, and no link is
 * ever followed in it.
 */
import { join } from 'node:path';
import { pathSchema } from '../bundle/manifest.ts';
import { UpdateError } from '../errors.ts';
import type { Downloads, PartialFile, UnpackTarget } from '../services/ports.ts';
import type { Disk, DiskHandle } from './disk.ts';
import { diskFault, guarded } from './disk-errors.ts';
import { removeTree } from './disk-tree.ts';
import { openLocalFile } from './local-file.ts';

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
          return partialFile(handle, name, size);
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
    remove: (name) => work(`could not remove the download ${name}`, () => removeTree(disk, at(name))),
    tidy: (keep) =>
      work('could not tidy the downloads', async () => {
        for (const name of await disk.readdir(folder))
          if (!keep.includes(name)) await removeTree(disk, join(folder, name));
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

function partialFile(handle: DiskHandle, name: string, found: number): PartialFile {
  let size = found;
  const work = (run: () => Promise<void>): Promise<void> =>
    guarded('STATE_DIR_UNUSABLE', `could not write the download ${name}`, run);
  return {
    get size() {
      return size;
    },
    append: (chunk) => work(() => handle.write(chunk)),
    truncate: () =>
      work(async () => {
        await handle.truncate(0);
        size = 0;
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
