/**
 * `heads/`: the bytes of the newest accepted head of each channel, and beside each the entity tag by which the feed is asked
 * whether there is a newer one.
 *
 * Invariant: a head is replaced as a whole or not at all. What is read back is not trusted: the caller verifies it again, and
 * believes a tag only of bytes that it has verified.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { HEAD_MAX_BYTES } from '../bundle/head.ts';
import { UpdateError, hasErrno } from '../errors.ts';
import type { HeadStore, HeadTag } from '../services/ports.ts';
import type { FeedChannel } from '../types.ts';
import { removeLeftovers, writeFileAtomically } from './atomic-file.ts';
import type { Disk } from './disk.ts';
import { guarded } from './disk-errors.ts';
import { entityTag } from './entity-tag.ts';

const TAG_MAX_BYTES = 4 * 1024;
const tagSchema = z.object({
  etag: z.string().refine((tag) => entityTag(tag) === tag),
  kid: z.string().max(64).nullable(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

/** A tag that cannot be read is none: it costs one answer in full, and the next write mends it. */
function parseTag(bytes: Uint8Array): HeadTag | null {
  try {
    return tagSchema.safeParse(JSON.parse(Buffer.from(bytes).toString())).data ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/**
 * Opens the folder of heads, and deletes what an interrupted write left there; so call it only with the one-daemon lock
 * held (`openJournal`).
 *
 * - `read`: `null` if there is none; `JWS_TOO_LARGE` over the cap of its channel, `STATE_DIR_UNUSABLE` if it cannot be read.
 * - `write`: `JWS_TOO_LARGE`, `DISK_FULL`, `STATE_DIR_UNUSABLE`.
 * - `readTag`, `writeTag`: `DISK_FULL`, `STATE_DIR_UNUSABLE`; a tag that is damaged is none.
 *
 * @param folder - absolute; exists (`openStateDir`)
 */
export async function openHeadStore(disk: Disk, folder: string): Promise<HeadStore> {
  const file = (channel: FeedChannel): string => join(folder, `${channel}.jws`);
  const tagFile = (channel: FeedChannel): string => join(folder, `${channel}.etag.json`);
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
    readTag: (channel) =>
      guarded('STATE_DIR_UNUSABLE', `could not read the tag of the ${channel} head`, async () => {
        try {
          return parseTag(await disk.readFile(tagFile(channel), TAG_MAX_BYTES));
        } catch (error) {
          if (hasErrno(error, 'ENOENT', 'EFBIG', 'EINVAL', 'ELOOP')) return null;
          throw error;
        }
      }),
    writeTag: (channel, tag) =>
      guarded('STATE_DIR_UNUSABLE', `could not store the tag of the ${channel} head`, () =>
        writeFileAtomically(disk, tagFile(channel), Buffer.from(`${JSON.stringify(tag)}\n`), 0o600),
      ),
  };
}
