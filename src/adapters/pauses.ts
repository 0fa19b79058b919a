/**
 * `paused.json`: an operator's wish that nothing is updated by itself.
 *
 * Invariant: the file alone counts. One that cannot be read still pauses (fail closed); only `clear` lets updates go on.
 */
import { dirname } from 'node:path';
import { z } from 'zod';
import { hasErrno, type ErrorRecord } from '../errors.ts';
import type { Pauses } from '../services/ports.ts';
import { writeFileAtomically } from './atomic-file.ts';
import type { Disk } from './disk.ts';
import { guarded } from './disk-errors.ts';
import { removeTree, statOrNull } from './disk-tree.ts';
import { firstError, knownError } from './first-words.ts';
import { jsonBytes, JsonFileError, readJsonFile } from './json-file.ts';

const FILE_CAP = 64 * 1024;
const MESSAGE_CHARACTERS = 1000;

/** A code that only a newer daemon knows is no reason to lose its message. */
const recordSchema = z.object({ code: z.string(), message: z.string() }).transform((record): ErrorRecord => {
  const { code, message } = knownError(record);
  return { code: code === 'UNKNOWN_CODE' ? 'UPDATES_PAUSED' : code, message };
});

/**
 * The pause of a state directory. All faults are `STATE_DIR_UNUSABLE` or `DISK_FULL`.
 *
 * @param file - absolute path of `paused.json`
 */
export function openPauses(disk: Disk, file: string): Pauses {
  return {
    read: () =>
      guarded('STATE_DIR_UNUSABLE', `could not read ${file}`, async () => {
        try {
          return await readJsonFile(disk, file, FILE_CAP, recordSchema);
        } catch (error) {
          if (hasErrno(error, 'ENOENT')) return null;
          if (!(error instanceof JsonFileError)) throw error;
          return { code: 'UPDATES_PAUSED', message: `updates were paused, but ${file} does not say why` };
        }
      }),
    write: async (error) => {
      const { code, message } = firstError(error);
      const bytes = jsonBytes({ code, message: message.slice(0, MESSAGE_CHARACTERS) });
      await guarded('STATE_DIR_UNUSABLE', `could not write ${file}`, () =>
        writeFileAtomically(disk, file, bytes, 0o600),
      );
    },
    clear: () =>
      guarded('STATE_DIR_UNUSABLE', `could not remove ${file}`, async () => {
        if ((await statOrNull(disk, file)) === null) return;
        await removeTree(disk, file);
        await disk.fsyncDir(dirname(file));
      }),
  };
}
