import { mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeDisk } from '../../src/adapters/disk.ts';
import { openQuarantine } from '../../src/adapters/quarantine.ts';
import type { QuarantineEntry } from '../../src/services/ports.ts';
import { fullDisk, watchedDisk } from '../fakes/faulty-disk.ts';
import { memoryQuarantine } from '../fakes/quarantine.ts';
import { describeQuarantine, quarantineEntry } from './contracts/quarantine.contract.ts';
import { inFolder } from './state-fixture.ts';

describeQuarantine('on disk', (test) =>
  inFolder(async (folder) =>
    test(await openQuarantine(nodeDisk, folder), () => openQuarantine(nodeDisk, folder)),
  ),
);
describeQuarantine('in memory', (test) => {
  const entries = new Map<string, QuarantineEntry>();
  return test(memoryQuarantine(entries), () => Promise.resolve(memoryQuarantine(entries)));
});

const digest = 'a'.repeat(64);

describe('openQuarantine', () => {
  it('writes entries that only the daemon can read', () =>
    inFolder(async (folder) => {
      await (await openQuarantine(nodeDisk, folder)).add(quarantineEntry('a'));
      expect((await stat(join(folder, `${digest}.json`))).mode & 0o777).toBe(0o600);
    }));

  it.each([
    ['garbage', 'not json'],
    ['nothing', ''],
    ['another shape', '{"digest":1}'],
    ['another release', JSON.stringify(quarantineEntry('b'))],
  ])('still holds the release back when its file holds %s', (_, content) =>
    inFolder(async (folder) => {
      await writeFile(join(folder, `${digest}.json`), content);
      const quarantine = await openQuarantine(nodeDisk, folder);
      expect(await quarantine.get(digest)).toMatchObject({ digest, reason: { code: 'RELEASE_QUARANTINED' } });
      expect((await quarantine.list()).map((entry) => entry.digest)).toEqual([digest]);
      expect(await quarantine.clear(digest)).toBe(true);
      expect(await readdir(folder)).toEqual([]);
    }),
  );

  it.each(['a folder', 'a link'])('still holds the release back when its file is %s', (what) =>
    inFolder(async (folder) => {
      const path = join(folder, `${digest}.json`);
      await (what === 'a folder' ? mkdir(path) : symlink('/nowhere', path));
      const quarantine = await openQuarantine(nodeDisk, folder);
      expect(await quarantine.get(digest)).not.toBeNull();
      expect(await quarantine.clear(digest)).toBe(true);
    }),
  );

  it('says QUARANTINE_FAILED when the disk is full, and leaves nothing behind', () =>
    inFolder(async (folder) => {
      const quarantine = await openQuarantine(fullDisk, folder);
      await expect(quarantine.add(quarantineEntry('a'))).rejects.toMatchObject({
        code: 'QUARANTINE_FAILED',
        message: expect.stringContaining('ENOSPC') as string,
      });
      expect(await readdir(folder)).toEqual([]);
    }));

  it('syncs the file, then renames it, then syncs the folder', () =>
    inFolder(async (folder) => {
      const calls: string[] = [];
      await (
        await openQuarantine(
          watchedDisk(({ op }) => calls.push(op)),
          folder,
        )
      ).add(quarantineEntry('a'));
      expect(calls).toEqual(['create', 'write', 'sync', 'rename', 'fsyncDir']);
    }));

  it('cuts evidence that is too long, so that it can be read again', () =>
    inFolder(async (folder) => {
      const quarantine = await openQuarantine(nodeDisk, folder);
      const evidence = Array.from({ length: 1000 }, () => '\0'.repeat(10_000));
      await quarantine.add({ ...quarantineEntry('a'), evidence });
      expect((await quarantine.get(digest))?.evidence).toHaveLength(100);
      expect((await readFile(join(folder, `${digest}.json`))).length).toBeLessThan(1024 * 1024);
    }));

  it('reports a folder that is gone', () =>
    inFolder(async (folder) => {
      await expect(openQuarantine(nodeDisk, join(folder, 'gone'))).rejects.toMatchObject({
        code: 'QUARANTINE_FAILED',
      });
    }));
});
