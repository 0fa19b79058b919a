/**
 * `heads/`: the bytes of the newest accepted head of each channel.
 *
 * Invariant: a head is replaced as a whole or not at all. What is read back is not trusted: the caller verifies it again.
 */
import { join } from 'node:path';
import { HEAD_MAX_BYTES } from '../bundle/head.ts';
import { UpdateError, hasErrno } from '../errors.ts';
import type { HeadStore } from '../services/ports.ts';
import type { FeedChannel } from '../types.ts';
import { removeLeftovers, writeFileAtomically } from './atomic-file.ts';
import type { Disk } from './disk.ts';
import { guarded } from './disk-errors.ts';

/**
 * Opens the folder of heads, and deletes what an interrupted write left there; so call it only with the one-daemon lock
 * held (`openJournal`).
 *
 * - `read`: `null` if there is none; `JWS_TOO_LARGE` over the cap of its channel, `STATE_DIR_UNUSABLE` if it cannot be read.
 * - `write`: `JWS_TOO_LARGE`, `DISK_FULL`, `STATE_DIR_UNUSABLE`.
 *
 * @param folder - absolute; exists (`openStateDir`)
 */
export async function openHeadStore(disk: Disk, folder: string): Promise<HeadStore> {
  const file = (channel: FeedChannel): string => join(folder, `${channel}.jws`);
  await guarded('STATE_DIR_UNUSABLE', `could not tidy ${folder}`, () => removeLeftovers(disk, folder));
  return {
    read: (channel) =>
      guarded('STATE_DIR_UNUSABLE', `could not read the stored ${channel} head`, async () => {
        try {
          return await disk.readFile(file(channel), HEAD_MAX_BYTES[channel]);
        } catch (error) {
          if (hasErrno(error, 'ENOENT')) return null;
          if (hasErrno(error, 'EFBIG'))
            throw new UpdateError('JWS_TOO_LARGE', error.message, { cause: error });
          throw error;
        }
      }),
    write: (channel, bytes) =>
      guarded('STATE_DIR_UNUSABLE', `could not store the ${channel} head`, () => {
        const cap = HEAD_MAX_BYTES[channel];
        if (bytes.length > cap)
          throw new UpdateError(
            'JWS_TOO_LARGE',
            `expected a head of at most ${String(cap)} bytes, found ${String(bytes.length)}`,
          );
        return writeFileAtomically(disk, file(channel), bytes, 0o600);
      }),
  };
}
