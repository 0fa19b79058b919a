import { chmod, chown, mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errnoError } from '../../src/adapters/disk.ts';
import { openStateDir, statePaths } from '../../src/adapters/state-dir.ts';
import { watchedDisk } from '../fakes/faulty-disk.ts';
import { inFolder } from './state-fixture.ts';

const isRoot = process.geteuid?.() === 0;
const mode = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
const unusable = (found: string): object => ({
  code: 'STATE_DIR_UNUSABLE',
  message: expect.stringContaining(found) as string,
});

describe('openStateDir', () => {
  it('makes the layout, private, with missing parents', () =>
    inFolder(async (folder) => {
      const root = join(folder, 'var', 'lib', 'coresdk');
      const paths = await openStateDir(`${root}/`);
      expect(paths).toEqual(statePaths(root));
      expect((await readdir(root)).sort()).toEqual(['downloads', 'heads', 'quarantine', 'versions']);
      for (const each of [root, paths.heads, paths.quarantine, paths.downloads, paths.versions])
        expect(await mode(each)).toBe(0o700);
    }));

  it('opens a directory again and leaves what is in it', () =>
    inFolder(async (folder) => {
      const root = join(folder, 's');
      const { versions, heads } = await openStateDir(root);
      await writeFile(join(heads, '.tmp-1'), 'of another daemon');
      await mkdir(join(versions, '.staging-1.0.0'));
      await openStateDir(root);
      expect(await readFile(join(heads, '.tmp-1'), 'utf8')).toBe('of another daemon');
      expect(await readdir(versions)).toEqual(['.staging-1.0.0']);
    }));

  it('closes a directory that others could only read', () =>
    inFolder(async (folder) => {
      const root = join(folder, 's');
      await mkdir(root);
      await chmod(root, 0o755);
      await openStateDir(root);
      expect(await mode(root)).toBe(0o700);
    }));

  it.each([0o770, 0o707, 0o777, 0o1777])('refuses a directory into which others can write (%o)', (bits) =>
    inFolder(async (folder) => {
      const root = join(folder, 's');
      await mkdir(root);
      await chmod(root, bits);
      await expect(openStateDir(root)).rejects.toMatchObject(unusable(`0${bits.toString(8)}`));
      expect((await stat(root)).mode & 0o7777).toBe(bits);
    }),
  );

  it('refuses a folder in it into which others can write', () =>
    inFolder(async (folder) => {
      const { versions } = await openStateDir(join(folder, 's'));
      await chmod(versions, 0o777);
      await expect(openStateDir(join(folder, 's'))).rejects.toMatchObject(unusable(versions));
    }));

  it('refuses a symbolic link, and names the folder to use', () =>
    inFolder(async (folder) => {
      await mkdir(join(folder, 'real'), { mode: 0o700 });
      await symlink(join(folder, 'real'), join(folder, 'link'));
      await expect(openStateDir(join(folder, 'link'))).rejects.toMatchObject(unusable(join(folder, 'real')));
      await expect(openStateDir(`${join(folder, 'link')}/`)).rejects.toMatchObject(
        unusable(join(folder, 'real')),
      );
    }));

  it('refuses a link in place of one of its folders', () =>
    inFolder(async (folder) => {
      await mkdir(join(folder, 's'), { mode: 0o700 });
      await symlink(folder, join(folder, 's', 'versions'));
      await expect(openStateDir(join(folder, 's'))).rejects.toMatchObject(unusable('symbolic link'));
    }));

  it('refuses a file, a file in the way, and a relative path', () =>
    inFolder(async (folder) => {
      await writeFile(join(folder, 'file'), '');
      await expect(openStateDir(join(folder, 'file'))).rejects.toMatchObject(unusable('found a file'));
      await expect(openStateDir(join(folder, 'file', 'below'))).rejects.toMatchObject(unusable('ENOTDIR'));
      await expect(openStateDir('relative')).rejects.toMatchObject(unusable('relative'));
    }));

  it.skipIf(!isRoot)('refuses a directory of another user (needs root, to make one)', () =>
    inFolder(async (folder) => {
      const root = join(folder, 's');
      await mkdir(root, { mode: 0o700 });
      await chown(root, 12345, 12345);
      await expect(openStateDir(root)).rejects.toMatchObject(unusable('found uid 12345'));
    }),
  );

  it.skipIf(isRoot)('refuses a directory without write permission (does not bind root)', () =>
    inFolder(async (folder) => {
      await openStateDir(join(folder, 's'));
      await chmod(join(folder, 's'), 0o500);
      await expect(openStateDir(join(folder, 's'))).rejects.toMatchObject({ code: 'STATE_DIR_UNUSABLE' });
    }),
  );

  it('refuses a read-only file system, and reports a full one', () =>
    inFolder(async (folder) => {
      await openStateDir(join(folder, 's'));
      for (const [errno, code] of [
        ['EROFS', 'STATE_DIR_UNUSABLE'],
        ['ENOSPC', 'DISK_FULL'],
      ] as const) {
        const disk = watchedDisk(({ op, path }) => {
          if (op === 'create') throw errnoError(errno, 'no', path);
        });
        await expect(openStateDir(join(folder, 's'), disk)).rejects.toMatchObject({ code });
      }
    }));
});
