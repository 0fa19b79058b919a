import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Disk } from '../../../src/adapters/disk.ts';

/** A disk, and an empty folder on it. */
export interface DiskWorld {
  readonly disk: Disk;
  /** Absolute. */
  readonly root: string;
  close(): Promise<void>;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
const bytes = (content: string): Uint8Array => Buffer.from(content);

/** What every {@link Disk} does while the power stays on. */
export function describeDisk(name: string, make: () => Promise<DiskWorld>): void {
  describe(`disk: ${name}`, () => {
    let world: DiskWorld;
    let disk: Disk;
    const at = (path: string): string => `${world.root}/${path}`;
    beforeEach(async () => {
      world = await make();
      ({ disk } = world);
    });
    afterEach(() => world.close());
    const put = async (path: string, content: string, mode = 0o644): Promise<void> => {
      const handle = await disk.createExclusive(at(path), mode);
      await handle.write(bytes(content));
      await handle.close();
    };
    const read = async (path: string): Promise<string> => text(await disk.readFile(at(path), 1000));
    const code = async (work: Promise<unknown>): Promise<unknown> =>
      work.then(
        () => 'done',
        (error: unknown) => (error as NodeJS.ErrnoException).code,
      );

    it('makes files with the mode that it is told, whatever the umask, and reads them', async () => {
      await put('a', 'hello', 0o777);
      expect(await read('a')).toBe('hello');
      expect(await disk.lstat(at('a'))).toMatchObject({ kind: 'file', size: 5, mode: 0o777 });
      await disk.chmod(at('a'), 0o600);
      expect((await disk.lstat(at('a'))).mode).toBe(0o600);
    });

    it('gives a file another stamp when its bytes, its mode or the file itself change, and only then', async () => {
      await put('a', 'hello');
      const stamps = new Set<string>();
      const look = async (): Promise<number> => stamps.add((await disk.lstat(at('a'))).stamp).size;
      expect(await look()).toBe(1);
      await read('a');
      expect(await look()).toBe(1);
      const handle = await disk.openAppend(at('a'), 0o644);
      await handle.write(bytes('!'));
      expect(await look()).toBe(2);
      expect(stamps).toContain((await handle.stat()).stamp);
      await handle.close();
      await put('b', 'hello!');
      await disk.rename(at('b'), at('a'));
      expect(await look()).toBe(3);
    });

    it('refuses to make what is there', async () => {
      await put('a', 'x');
      await disk.symlink('nowhere', at('link'));
      for (const path of ['a', 'link']) {
        expect(await code(disk.createExclusive(at(path), 0o600))).toBe('EEXIST');
        expect(await code(disk.mkdir(at(path), 0o700))).toBe('EEXIST');
        expect(await code(disk.symlink('x', at(path)))).toBe('EEXIST');
      }
    });

    it('says what is not there', async () => {
      for (const work of [
        () => disk.openRead(at('no'), 'refuse'),
        () => disk.readFile(at('no'), 10),
        () => disk.readdir(at('no')),
        () => disk.lstat(at('no')),
        () => disk.rename(at('no'), at('b')),
        () => disk.readlink(at('no')),
        () => disk.unlink(at('no')),
        () => disk.rmdir(at('no')),
        () => disk.chmod(at('no'), 0o600),
        () => disk.fsyncDir(at('no')),
        () => disk.createExclusive(at('no/a'), 0o600),
        () => disk.mkdir(at('no/a'), 0o700),
      ])
        expect(await code(work())).toBe('ENOENT');
      await put('a', 'x');
      expect(await code(disk.lstat(at('a/b')))).toBe('ENOTDIR');
      expect(await code(disk.readdir(at('a')))).toBe('ENOTDIR');
      expect(await code(disk.fsyncDir(at('a')))).toBe('ENOTDIR');
    });

    it('appends, across openings, and truncates', async () => {
      const first = await disk.openAppend(at('a'), 0o600);
      await first.write(bytes('one'));
      await first.sync();
      await first.close();
      const second = await disk.openAppend(at('a'), 0o644);
      await second.write(bytes(' two'));
      expect((await second.stat()).size).toBe(7);
      expect(await read('a')).toBe('one two');
      await second.truncate(0);
      await second.write(bytes('three'));
      await second.close();
      expect(await read('a')).toBe('three');
      expect((await disk.lstat(at('a'))).mode).toBe(0o600);
    });

    it('reads from any position, fewer bytes at the end only', async () => {
      await put('a', 'hello');
      const handle = await disk.openRead(at('a'), 'refuse');
      const buffer = new Uint8Array(4);
      expect(await handle.read(buffer, 1)).toBe(4);
      expect(text(buffer)).toBe('ello');
      expect(await handle.read(buffer, 3)).toBe(2);
      expect(await handle.read(buffer, 5)).toBe(0);
      await handle.sync();
      await handle.close();
    });

    it('keeps to the cap, and to regular files', async () => {
      await put('a', 'hello');
      await disk.mkdir(at('folder'), 0o700);
      expect(await code(disk.readFile(at('a'), 4))).toBe('EFBIG');
      expect(await code(disk.readFile(at('folder'), 4))).toBe('EINVAL');
    });

    it('follows no link at the end of a path, unless told', async () => {
      await put('a', 'hello');
      await disk.symlink('a', at('link'));
      expect(await disk.readlink(at('link'))).toBe('a');
      expect((await disk.lstat(at('link'))).kind).toBe('symlink');
      expect(await code(disk.openRead(at('link'), 'refuse'))).toBe('ELOOP');
      expect(await code(disk.readFile(at('link'), 10))).toBe('ELOOP');
      expect(await code(disk.openAppend(at('link'), 0o600))).toBe('ELOOP');
      expect(await code(disk.chmod(at('link'), 0o777))).toBe('ELOOP');
      expect((await disk.lstat(at('a'))).mode).toBe(0o644);
      expect(await code(disk.readlink(at('a')))).toBe('EINVAL');
      const handle = await disk.openRead(at('link'), 'follow');
      expect((await handle.stat()).size).toBe(5);
      await handle.close();
      await disk.unlink(at('link'));
      expect(await read('a')).toBe('hello');
    });

    it('follows links on the way', async () => {
      await disk.mkdir(at('folder'), 0o700);
      await disk.symlink('folder', at('link'));
      await put('link/a', 'x');
      expect(await read('folder/a')).toBe('x');
      expect(await disk.readdir(at('folder'))).toEqual(['a']);
    });

    it('renames over a file and over a link, and never over a folder that is not empty', async () => {
      await put('a', 'new');
      await put('b', 'old');
      await disk.rename(at('a'), at('b'));
      expect(await read('b')).toBe('new');
      await disk.symlink('x', at('one'));
      await disk.symlink('y', at('two'));
      await disk.rename(at('one'), at('two'));
      expect(await disk.readlink(at('two'))).toBe('x');
      await disk.mkdir(at('empty'), 0o700);
      await disk.mkdir(at('full'), 0o700);
      await put('full/a', 'x');
      expect(await code(disk.rename(at('empty'), at('full')))).toBe('ENOTEMPTY');
      expect(await code(disk.rename(at('b'), at('full')))).toBe('EISDIR');
      expect(await code(disk.rename(at('full'), at('b')))).toBe('ENOTDIR');
      expect(await code(disk.rename(at('full'), at('full/inner')))).toBe('EINVAL');
      await disk.rename(at('full'), at('empty'));
      expect(await read('empty/a')).toBe('x');
      expect((await disk.readdir(world.root)).sort()).toEqual(['b', 'empty', 'two']);
    });

    it('moves a folder into another', async () => {
      await disk.mkdir(at('here'), 0o700);
      await disk.mkdir(at('there'), 0o700);
      await put('here/a', 'x');
      await disk.rename(at('here'), at('there/here'));
      expect(await read('there/here/a')).toBe('x');
      await disk.fsyncDir(at('there'));
      await disk.fsyncDir(world.root);
    });

    it('deletes files and empty folders only', async () => {
      await disk.mkdir(at('folder'), 0o700);
      await put('folder/a', 'x');
      expect(await code(disk.rmdir(at('folder')))).toBe('ENOTEMPTY');
      expect(await code(disk.unlink(at('folder')))).toBe('EISDIR');
      expect(await code(disk.rmdir(at('folder/a')))).toBe('ENOTDIR');
      await disk.unlink(at('folder/a'));
      await disk.rmdir(at('folder'));
      expect(await disk.readdir(world.root)).toEqual([]);
    });

    it('lets an open file be read after its name is gone', async () => {
      await put('a', 'hello');
      const handle = await disk.openRead(at('a'), 'refuse');
      await disk.unlink(at('a'));
      const buffer = new Uint8Array(5);
      expect(await handle.read(buffer, 0)).toBe(5);
      await handle.close();
    });

    it('tells how much room there is', async () => {
      expect(await disk.freeBytes(world.root)).toBeGreaterThan(0);
    });
  });
}
