import { join } from 'node:path';
import type { BaseFiles } from '../bundle/random-access.ts';
import { UpdateError } from '../errors.ts';
import { diskFault } from './disk-errors.ts';
import type { Disk } from './disk.ts';
import { filesOf, type VersionFolder } from './version-folder.ts';

/**
 * The files of a version, to be read as the base of a delta. Only what its manifest lists is ever opened, and no link is followed.
 *
 * `open` rejects with `DELTA_BASE_MISSING` for a file that is not there; reading with `VERSION_DAMAGED`. What was read is judged by
 * the delta's own manifest: a damaged base cannot give a file with the right SHA-256.
 */
export function baseFiles(disk: Disk, { folder, manifest, ref }: VersionFolder): BaseFiles {
  return {
    open: async (path) => {
      const entry = manifest.files.find((file) => file.path === path);
      if (entry === undefined)
        throw new UpdateError(
          'DELTA_BASE_MISSING',
          `expected ${path} in the base ${ref.version}, found no such file in its manifest`,
        );
      const what = `could not read ${path} of ${ref.version}`;
      try {
        const handle = await disk.openRead(join(filesOf(folder), path), 'refuse');
        return {
          size: entry.size,
          read: async (buffer, position) => {
            try {
              return await handle.read(buffer, position);
            } catch (error) {
              throw diskFault(error, 'VERSION_DAMAGED', what);
            }
          },
          close: () => handle.close(),
        };
      } catch (error) {
        throw diskFault(error, 'DELTA_BASE_MISSING', what);
      }
    },
  };
}
