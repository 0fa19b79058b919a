import { mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeDisk } from '../../src/adapters/disk.ts';
import { openPauses } from '../../src/adapters/pauses.ts';
import { fullDisk, watchedDisk } from '../fakes/faulty-disk.ts';
import { memoryPauses } from '../fakes/pauses.ts';
import { pausesContract } from './contracts/pauses.contract.ts';
import { inFolder } from './state-fixture.ts';

const fileIn = (folder: string): string => join(folder, 'paused.json');

pausesContract('in a file', (test) =>
  inFolder((folder) =>
    test(openPauses(nodeDisk, fileIn(folder)), () => Promise.resolve(openPauses(nodeDisk, fileIn(folder)))),
  ),
);

pausesContract('in memory', (test) => {
  const pauses = memoryPauses();
  return test(pauses, () => Promise.resolve(pauses));
});

const reason = { code: 'UPDATES_PAUSED', message: 'an operator paused updates' } as const;

describe('openPauses', () => {
  it.each([
    ['garbage', 'not json'],
    ['nothing', ''],
    ['another shape', '{"code":1}'],
    ['an unknown code', JSON.stringify({ code: 'NO_SUCH', message: '' })],
  ])('still pauses when its file holds %s, until it is cleared', (_, content) =>
    inFolder(async (folder) => {
      await writeFile(fileIn(folder), content);
      const pauses = openPauses(nodeDisk, fileIn(folder));
      expect(await pauses.read()).toMatchObject({ code: 'UPDATES_PAUSED' });
      await pauses.clear();
      expect(await pauses.read()).toBeNull();
      expect(await readdir(folder)).toEqual([]);
    }),
  );

  it.each(['a folder', 'a link'])('does not take %s for “not paused”, and can be cleared', (what) =>
    inFolder(async (folder) => {
      await (what === 'a folder' ? mkdir(fileIn(folder)) : symlink('/nowhere', fileIn(folder)));
      const pauses = openPauses(nodeDisk, fileIn(folder));
      await expect(pauses.read()).rejects.toMatchObject({ code: 'STATE_DIR_UNUSABLE' });
      await pauses.clear();
      expect(await pauses.read()).toBeNull();
    }),
  );

  it('is written and cleared durably, and read by the daemon alone', () =>
    inFolder(async (folder) => {
      const calls: string[] = [];
      const pauses = openPauses(
        watchedDisk(({ op }) => calls.push(op)),
        fileIn(folder),
      );
      await pauses.write(reason);
      expect((await stat(fileIn(folder))).mode & 0o777).toBe(0o600);
      await pauses.clear();
      expect(calls).toEqual(['create', 'write', 'sync', 'rename', 'fsyncDir', 'unlink', 'fsyncDir']);
    }));

  it('cuts a reason that is too long, so that it can be read again', () =>
    inFolder(async (folder) => {
      const pauses = openPauses(nodeDisk, fileIn(folder));
      await pauses.write({ ...reason, message: '\0'.repeat(100_000) });
      expect((await pauses.read())?.message).toHaveLength(1000);
    }));

  it('says so when it cannot be written, and leaves nothing behind', () =>
    inFolder(async (folder) => {
      await expect(openPauses(fullDisk, fileIn(folder)).write(reason)).rejects.toMatchObject({
        code: 'DISK_FULL',
      });
      expect(await readdir(folder)).toEqual([]);
    }));
});
