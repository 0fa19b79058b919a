import { mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeDisk } from '../../src/adapters/disk.ts';
import { openHeadStore } from '../../src/adapters/head-store.ts';
import type { HeadTag } from '../../src/services/ports.ts';
import type { FeedChannel } from '../../src/types.ts';
import { fullDisk } from '../fakes/faulty-disk.ts';
import { memoryHeadStore } from '../fakes/head-store.ts';
import { describeHeadStore } from './contracts/head-store.contract.ts';
import { inFolder } from './state-fixture.ts';

describeHeadStore('on disk', (test) =>
  inFolder(async (folder) =>
    test(await openHeadStore(nodeDisk, folder), () => openHeadStore(nodeDisk, folder)),
  ),
);
describeHeadStore('in memory', (test) => {
  const heads = new Map<FeedChannel, Uint8Array>();
  const tags = new Map<FeedChannel, HeadTag>();
  return test(memoryHeadStore(heads, tags), () => Promise.resolve(memoryHeadStore(heads, tags)));
});

describe('openHeadStore', () => {
  it.each(['', '{', '[]', '{"etag":"x","kid":null,"sha256":"a"}', 'x'.repeat(5000)])(
    'takes a tag that is damaged for none: %j',
    (text) =>
      inFolder(async (folder) => {
        const store = await openHeadStore(nodeDisk, folder);
        await writeFile(join(folder, 'edge.etag.json'), text);
        expect(await store.readTag('edge')).toBeNull();
      }),
  );

  it('writes heads that only the daemon can read', () =>
    inFolder(async (folder) => {
      await (await openHeadStore(nodeDisk, folder)).write('edge', Buffer.from('x'));
      expect((await stat(join(folder, 'edge.jws'))).mode & 0o777).toBe(0o600);
    }));

  it('keeps the old head when the disk is full, and leaves nothing behind', () =>
    inFolder(async (folder) => {
      await (await openHeadStore(nodeDisk, folder)).write('edge', Buffer.from('old'));
      const store = await openHeadStore(fullDisk, folder);
      await expect(store.write('edge', Buffer.from('new'))).rejects.toMatchObject({ code: 'DISK_FULL' });
      expect(Buffer.from((await store.read('edge')) ?? []).toString()).toBe('old');
      expect(await readdir(folder)).toEqual(['edge.jws']);
    }));

  it('deletes what a killed write left', () =>
    inFolder(async (folder) => {
      await writeFile(join(folder, '.tmp-0011'), 'half');
      await openHeadStore(nodeDisk, folder);
      expect(await readdir(folder)).toEqual([]);
    }));

  it('reads and writes no head over the cap', () =>
    inFolder(async (folder) => {
      const store = await openHeadStore(nodeDisk, folder);
      const large = Buffer.alloc(64 * 1024 + 1);
      await expect(store.write('edge', large)).rejects.toMatchObject({ code: 'JWS_TOO_LARGE' });
      await writeFile(join(folder, 'edge.jws'), large);
      await expect(store.read('edge')).rejects.toMatchObject({ code: 'JWS_TOO_LARGE' });
    }));

  it('reports a head that it cannot read, and follows no link', () =>
    inFolder(async (folder) => {
      const store = await openHeadStore(nodeDisk, folder);
      await mkdir(join(folder, 'edge.jws'));
      await symlink('/etc/hostname', join(folder, 'stable.jws'));
      await expect(store.read('edge')).rejects.toMatchObject({ code: 'STATE_DIR_UNUSABLE' });
      await expect(store.read('stable')).rejects.toMatchObject({ code: 'STATE_DIR_UNUSABLE' });
    }));
});
