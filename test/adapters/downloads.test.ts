import { execFileSync } from 'node:child_process';
import {
  appendFile,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeDisk } from '../../src/adapters/disk.ts';
import { openDownloads } from '../../src/adapters/downloads.ts';
import { fullDisk, watchedDisk } from '../fakes/faulty-disk.ts';
import { memoryDownloads } from '../fakes/downloads.ts';
import { describeDownloads } from './contracts/downloads.contract.ts';
import { inFolder } from './state-fixture.ts';

describeDownloads('on disk', (test) =>
  inFolder(async (root) => {
    const folder = join(root, 'downloads');
    await mkdir(folder);
    const local = async (bytes: Uint8Array): Promise<string> => {
      const path = join(root, 'local file.jws');
      await writeFile(path, bytes);
      return path;
    };
    await test({ downloads: openDownloads(nodeDisk, folder), local });
  }),
);
describeDownloads('in memory', (test) => {
  const downloads = memoryDownloads();
  const local = (bytes: Uint8Array): Promise<string> => {
    downloads.local.set('/some/file', bytes);
    return Promise.resolve('/some/file');
  };
  return test({ downloads, local });
});

describe('openDownloads', () => {
  it('keeps files at 0600, and unpacks with the modes that it is given, below folders of 0700', () =>
    inFolder(async (folder) => {
      const downloads = openDownloads(nodeDisk, folder);
      await (await downloads.append('a')).close();
      const target = await downloads.unpack('u');
      await (await target.open('d/x', 0o755)).close();
      await (await target.open('d/y', 0o644)).close();
      const modes = ['a', 'u', 'u/files', 'u/files/d', 'u/files/d/x', 'u/files/d/y'].map(
        async (path) => (await stat(join(folder, path))).mode & 0o777,
      );
      expect(await Promise.all(modes)).toEqual([0o600, 0o700, 0o700, 0o700, 0o755, 0o644]);
    }));

  it('syncs a partial file before it says that it is closed', () =>
    inFolder(async (folder) => {
      const calls: string[] = [];
      const file = await openDownloads(
        watchedDisk(({ op }) => calls.push(op)),
        folder,
      ).append('a');
      await file.append(Buffer.from('x'));
      await file.close();
      expect(calls).toEqual(['append', 'fsyncDir', 'write', 'sync']);
    }));

  it('never keeps bytes of one file with the tag of another, wherever the power goes', () =>
    inFolder(async (folder) => {
      const calls: string[] = [];
      const disk = watchedDisk(({ op, path }) =>
        calls.push(`${op} ${basename(path).replace(/^\.tmp-.*/, 'tmp')}`),
      );
      const file = await openDownloads(disk, folder).append('a');
      calls.splice(0);
      await file.truncate('"one"');
      await file.append(Buffer.from('x'));
      expect(calls.slice(0, 2)).toEqual(['truncate a', 'sync a']);
      expect(calls.slice(-3)).toEqual(['rename a.etag', `fsyncDir ${basename(folder)}`, 'write a']);
      await file.close();
      expect((await stat(join(folder, 'a.etag'))).mode & 0o777).toBe(0o600);
    }));

  it.each(['', 'W/"weak"', '"a"\n"b"', 'x'.repeat(300)])('takes a tag that is damaged for none: %j', (text) =>
    inFolder(async (folder) => {
      const downloads = openDownloads(nodeDisk, folder);
      await writeFile(join(folder, 'a'), 'bytes');
      await writeFile(join(folder, 'a.etag'), text);
      const file = await downloads.append('a');
      expect(file.validator).toBeNull();
      await file.close();
    }),
  );

  it('says DISK_FULL, and lets the file be closed', () =>
    inFolder(async (folder) => {
      const downloads = openDownloads(fullDisk, folder);
      const partial = await downloads.append('a');
      await expect(partial.append(Buffer.from('x'))).rejects.toMatchObject({ code: 'DISK_FULL' });
      await partial.close();
      const file = await (await downloads.unpack('u')).open('x', 0o644);
      await expect(file.write(Buffer.from('x'))).rejects.toMatchObject({ code: 'DISK_FULL' });
      await file.discard?.();
    }));

  it('follows no link in its folder', () =>
    inFolder(async (root) => {
      const folder = join(root, 'downloads');
      const victim = join(root, 'victim');
      await mkdir(folder);
      await mkdir(join(root, 'outside'));
      await writeFile(victim, 'untouched');
      await writeFile(join(root, 'outside', 'keep'), '');
      await symlink(victim, join(folder, 'a'));
      await symlink(join(root, 'outside'), join(folder, 'u'));
      const downloads = openDownloads(nodeDisk, folder);
      await expect(downloads.append('a')).rejects.toMatchObject({ code: 'STATE_DIR_UNUSABLE' });
      await expect(downloads.read('a')).rejects.toMatchObject({ code: 'BUNDLE_NOT_FOUND' });
      await (await (await downloads.unpack('u')).open('x', 0o644)).close();
      await downloads.tidy([]);
      expect(await readdir(folder)).toEqual([]);
      expect(await readFile(victim, 'utf8')).toBe('untouched');
      expect(await readdir(join(root, 'outside'))).toEqual(['keep']);
    }));

  it('unpacks over a folder that an earlier try left', () =>
    inFolder(async (folder) => {
      await mkdir(join(folder, 'u', 'files', 'old'), { recursive: true });
      await openDownloads(nodeDisk, folder).unpack('u');
      expect(await readdir(join(folder, 'u', 'files'))).toEqual([]);
    }));
});

describe('openLocal', () => {
  const inLocal = (
    body: (path: string, downloads: ReturnType<typeof openDownloads>) => Promise<void>,
  ): Promise<void> => inFolder((folder) => body(join(folder, 'bundle.jws'), openDownloads(nodeDisk, folder)));

  it('follows a link that the operator names', () =>
    inLocal(async (path, downloads) => {
      await writeFile(`${path}.real`, 'abc');
      await symlink(`${path}.real`, path);
      expect((await downloads.openLocal(path)).size).toBe(3);
    }));

  it('reads regular files only, and does not hang on a pipe', () =>
    inLocal(async (path, downloads) => {
      execFileSync('mkfifo', [path]);
      await expect(downloads.openLocal(path)).rejects.toMatchObject({ code: 'BUNDLE_NOT_FOUND' });
      await expect(downloads.openLocal('/dev/null')).rejects.toMatchObject({ code: 'BUNDLE_NOT_FOUND' });
      await expect(downloads.openLocal(join(path, '..'))).rejects.toMatchObject({ code: 'BUNDLE_NOT_FOUND' });
    }));

  it('takes no file over 8 GiB', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'coresdk-large-'));
    try {
      const path = join(folder, 'sparse');
      await writeFile(path, '');
      await truncate(path, 8 * 1024 ** 3 + 1);
      await expect(openDownloads(nodeDisk, folder).openLocal(path)).rejects.toMatchObject({
        code: 'BUNDLE_NOT_FOUND',
        message: expect.stringContaining('8589934592') as string,
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('notices a file that changes its size meanwhile', () =>
    inLocal(async (path, downloads) => {
      await writeFile(path, 'abc');
      const opened = await downloads.openLocal(path);
      await appendFile(path, 'd');
      const all = async (): Promise<void> => {
        for await (const chunk of opened.chunks) expect(chunk.length).toBeGreaterThan(0);
      };
      await expect(all()).rejects.toMatchObject({ code: 'BUNDLE_CHANGED' });
    }));
});
