import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeDisk } from '../../src/adapters/disk.ts';
import { openLeaseRecords } from '../../src/adapters/lease-record.ts';
import { fullDisk } from '../fakes/faulty-disk.ts';
import { inFolder } from './state-fixture.ts';

const fileIn = (folder: string): string => join(folder, 'lease.json');

describe('the memory of a lease', () => {
  it('outlives the daemon until it is cleared, and only its user reads it', () =>
    inFolder(async (folder) => {
      const records = openLeaseRecords(nodeDisk, fileIn(folder));
      expect(await records.read()).toBeNull();
      await records.write({ attempt: 'a-1', at: 'the lock server' });
      expect((await stat(fileIn(folder))).mode & 0o777).toBe(0o600);
      const again = openLeaseRecords(nodeDisk, fileIn(folder));
      expect(await again.read()).toEqual({ attempt: 'a-1', at: 'the lock server' });
      // As it was written before it said where.
      await writeFile(fileIn(folder), '{"attempt":"a-1"}');
      expect(await again.read()).toEqual({ attempt: 'a-1' });
      await again.clear();
      await again.clear();
      expect(await records.read()).toBeNull();
      expect(await readdir(folder)).toEqual([]);
    }));

  it.each(['', 'not json', '{"attempt":1}'])('still says that there may be one when it holds %j', (content) =>
    inFolder(async (folder) => {
      await writeFile(fileIn(folder), content);
      expect(await openLeaseRecords(nodeDisk, fileIn(folder)).read()).toEqual({ attempt: '' });
    }),
  );

  it('says that the disk is full', () =>
    inFolder(async (folder) => {
      const records = openLeaseRecords(fullDisk, fileIn(folder));
      await expect(records.write({ attempt: 'a-1' })).rejects.toMatchObject({ code: 'DISK_FULL' });
    }));
});
