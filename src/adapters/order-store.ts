/**
 * `orders/`: the newest order for each release, one file each, as it was signed.
 *
 * Invariant: the bytes vouch for themselves; whoever reads them verifies them again.
 */
import { join } from 'node:path';
import type { Disk } from './disk.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { guarded } from './disk-errors.ts';
import { removeTree, statOrNull } from './disk-tree.ts';
import { ORDER_MAX_BYTES } from '../fleet/records.ts';

/** The orders on disk. */
export interface OrderStore {
  /** What is there, by release digest. */
  read(): Promise<ReadonlyMap<string, Uint8Array>>;
  /** Durable when it resolves. */
  write(digest: string, bytes: Uint8Array): Promise<void>;
  /** Durable when it resolves; not there: does nothing. */
  remove(digest: string): Promise<void>;
}

const NAME = /^([0-9a-f]{64})\.jws$/;

/**
 * The orders in a folder, which is made when the first is written. All faults are `STATE_DIR_UNUSABLE` or `DISK_FULL`.
 *
 * @param folder - absolute path
 */
export function openOrderStore(disk: Disk, folder: string): OrderStore {
  const pathOf = (digest: string): string => join(folder, `${digest}.jws`);
  return {
    read: () =>
      guarded('STATE_DIR_UNUSABLE', `could not read ${folder}`, async () => {
        const found = new Map<string, Uint8Array>();
        if ((await statOrNull(disk, folder)) === null) return found;
        for (const name of await disk.readdir(folder)) {
          const digest = NAME.exec(name)?.[1];
          if (digest !== undefined)
            found.set(digest, await disk.readFile(join(folder, name), ORDER_MAX_BYTES));
        }
        return found;
      }),
    write: (digest, bytes) =>
      guarded('STATE_DIR_UNUSABLE', `could not write ${pathOf(digest)}`, async () => {
        if ((await statOrNull(disk, folder)) === null) await disk.mkdir(folder, 0o700);
        await writeFileAtomically(disk, pathOf(digest), bytes, 0o600);
      }),
    remove: (digest) =>
      guarded('STATE_DIR_UNUSABLE', `could not remove ${pathOf(digest)}`, async () => {
        if ((await statOrNull(disk, pathOf(digest))) === null) return;
        await removeTree(disk, pathOf(digest));
        await disk.fsyncDir(folder);
      }),
  };
}
