import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openApprovals } from '../../src/adapters/approvals.ts';
import { nodeDisk } from '../../src/adapters/disk.ts';
import type { Approval, Approvals } from '../../src/services/ports.ts';
import { memoryApprovals } from '../fakes/approvals.ts';
import { fullDisk, watchedDisk } from '../fakes/faulty-disk.ts';
import { anApproval, approvalsContract } from './contracts/approvals.contract.ts';
import { inFolder, never } from './state-fixture.ts';

const fileIn = (folder: string): string => join(folder, 'approvals.json');

approvalsContract('in a file', (test) =>
  inFolder((folder) =>
    test(openApprovals(nodeDisk, fileIn(folder)), () =>
      Promise.resolve(openApprovals(nodeDisk, fileIn(folder))),
    ),
  ),
);

approvalsContract('in memory', (test) => {
  const approvals = memoryApprovals();
  return test(approvals, () => Promise.resolve(approvals));
});

const digest = 'a'.repeat(64);

describe('openApprovals', () => {
  it.each([
    ['garbage', 'not json'],
    ['nothing', ''],
    ['another shape', '{"digest":1}'],
    ['a digest that is none', JSON.stringify([{ digest: '../x', version: '1.2.0', at: 1 }])],
  ])('approves nothing by a file that holds %s, and is whole again with the next approval', (_, content) =>
    inFolder(async (folder) => {
      await writeFile(fileIn(folder), content);
      const approvals = openApprovals(nodeDisk, fileIn(folder));
      expect(await approvals.get(digest)).toBeNull();
      await approvals.add(anApproval('a'));
      expect(await approvals.get(digest)).toEqual(anApproval('a'));
    }),
  );

  it.each(['a folder', 'a link'])('approves nothing by %s, and says so', (what) =>
    inFolder(async (folder) => {
      const elsewhere = join(folder, 'elsewhere');
      await writeFile(elsewhere, JSON.stringify([anApproval('a')]));
      await (what === 'a folder' ? mkdir(fileIn(folder)) : symlink(elsewhere, fileIn(folder)));
      const approvals = openApprovals(nodeDisk, fileIn(folder));
      await expect(approvals.get(digest)).rejects.toMatchObject({ code: 'STATE_DIR_UNUSABLE' });
      await expect(approvals.approved(digest, never)).rejects.toMatchObject({ code: 'STATE_DIR_UNUSABLE' });
    }),
  );

  it('is written durably, and read by the daemon alone', () =>
    inFolder(async (folder) => {
      const calls: string[] = [];
      const disk = watchedDisk(({ op }) => calls.push(op));
      await openApprovals(disk, fileIn(folder)).add(anApproval('a'));
      expect(calls).toEqual(['create', 'write', 'sync', 'rename', 'fsyncDir']);
      expect((await stat(fileIn(folder))).mode & 0o777).toBe(0o600);
    }));

  it('approves nothing when it cannot be written, and nobody goes on', () =>
    inFolder(async (folder) => {
      const approvals = openApprovals(fullDisk, fileIn(folder));
      const controller = new AbortController();
      const waiting = approvals.approved(digest, controller.signal);
      await expect(approvals.add(anApproval('a'))).rejects.toMatchObject({ code: 'DISK_FULL' });
      controller.abort();
      await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' });
      expect(await readdir(folder)).toEqual([]);
    }));

  it('forgets the oldest approvals, so that the file stays small', () =>
    inFolder(async (folder) => {
      const approvals = openApprovals(nodeDisk, fileIn(folder));
      const nth = (index: number): Approval => ({
        ...anApproval('a', index),
        digest: index.toString(16).padStart(64, '0'),
      });
      for (let index = 0; index < 25; index += 1) await approvals.add(nth(index));
      expect(await approvals.get(nth(4).digest)).toBeNull();
      expect(await approvals.get(nth(5).digest)).toEqual(nth(5));
      expect(await approvals.get(nth(24).digest)).toEqual(nth(24));
      expect(JSON.parse(await readFile(fileIn(folder), 'utf8'))).toHaveLength(20);
    }));

  it('keeps both of two approvals that are given at once', () =>
    inFolder(async (folder) => {
      const approvals: Approvals = openApprovals(nodeDisk, fileIn(folder));
      await Promise.all(['a', 'b', 'c', 'd'].map((digit) => approvals.add(anApproval(digit))));
      for (const digit of ['a', 'b', 'c', 'd'])
        expect(await approvals.get(digit.repeat(64))).toEqual(anApproval(digit));
    }));
});
