import {
  appendFile,
  chmod,
  lstat,
  mkdir,
  readFile,
  readdir,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeDisk, type Disk } from '../../src/adapters/disk.ts';
import { openDownloads } from '../../src/adapters/downloads.ts';
import { openStateDir, type StatePaths } from '../../src/adapters/state-dir.ts';
import { openVersionStore } from '../../src/adapters/version-store.ts';
import type { VersionStore } from '../../src/services/ports.ts';
import { memoryDownloads } from '../fakes/downloads.ts';
import { fullDisk, watchedDisk, type DiskCall } from '../fakes/faulty-disk.ts';
import { memoryVersionStore } from '../fakes/version-store.ts';
import { describeVersionStore } from './contracts/version-store.contract.ts';
import { inFolder, never, testRelease, unpackInto, type TestRelease } from './state-fixture.ts';

const baseline = { version: '0.9.0', entry: '/baseline/app' };
const one = testRelease('1.0.0');
const two = testRelease('1.1.0');

describeVersionStore('on disk', (test) =>
  inFolder(async (folder) => {
    const paths = await openStateDir(join(folder, 'state'));
    const open = (): VersionStore => openVersionStore({ disk: nodeDisk, paths, baseline });
    await test({
      store: open(),
      downloads: openDownloads(nodeDisk, paths.downloads),
      damage: (version) => flip(join(paths.versions, version, 'files/lib/deep/data.bin')),
      reopen: () => Promise.resolve(open()),
    });
  }),
);
describeVersionStore('in memory', (test) => {
  const downloads = memoryDownloads();
  const store = memoryVersionStore(downloads, baseline);
  return test({
    store,
    downloads,
    damage: (version) => {
      const file = store.versions.get(version)?.files.get('lib/deep/data.bin');
      if (file !== undefined) file.bytes = file.bytes.map((byte) => byte ^ 1);
      return Promise.resolve();
    },
    reopen: () => Promise.resolve(store),
  });
});

/** Flips one bit in the middle of a file, which keeps its size. */
async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

interface World {
  readonly paths: StatePaths;
  readonly store: VersionStore;
  readonly open: (disk: Disk) => VersionStore;
  readonly put: (release: TestRelease, store?: VersionStore) => Promise<void>;
}

const inWorld = (body: (world: World) => Promise<void>): Promise<void> =>
  inFolder(async (folder) => {
    const paths = await openStateDir(join(folder, 'state'));
    const open = (disk: Disk): VersionStore => openVersionStore({ disk, paths, baseline });
    const store = open(nodeDisk);
    const put = async (release: TestRelease, into = store): Promise<void> => {
      await unpackInto(openDownloads(nodeDisk, paths.downloads), 'unpacked', release);
      await into.stage('unpacked', release.manifest, release.digest, never);
    };
    await body({ paths, store, open, put });
  });

describe('stage on disk', () => {
  it('makes everything durable before the version gets its name, and the name after it', () =>
    inWorld(async ({ paths, open, put }) => {
      const calls: DiskCall[] = [];
      await put(one, open(watchedDisk((call) => calls.push(call))));
      const named = calls.findIndex(
        ({ op, path }) => op === 'rename' && path === join(paths.versions, '1.0.0'),
      );
      const before = calls.slice(0, named);
      const source = join(paths.downloads, 'unpacked');
      for (const file of ['files/bin/app', 'files/lib/deep/data.bin', 'files/empty'])
        expect(before).toContainEqual({ op: 'sync', path: join(source, file) });
      const moved = before.findIndex(({ op, path }) => op === 'rename' && path.endsWith('.staging-1.0.0'));
      for (const folder of ['', 'files', 'files/bin', 'files/lib', 'files/lib/deep'])
        expect(before.slice(0, moved)).toContainEqual({ op: 'fsyncDir', path: join(source, folder) });
      expect(before.slice(moved)).toContainEqual({ op: 'fsyncDir', path: paths.versions });
      expect(calls.slice(named + 1)).toContainEqual({ op: 'fsyncDir', path: paths.versions });
      expect(calls.slice(moved).filter(({ op }) => op === 'write')).toEqual([]);
    }));

  it('sets the modes of the manifest, whatever the unpacked ones were', () =>
    inWorld(async ({ paths, store }) => {
      await unpackInto(openDownloads(nodeDisk, paths.downloads), 'unpacked', one);
      await chmod(join(paths.downloads, 'unpacked/files/empty'), 0o600);
      await store.stage('unpacked', one.manifest, one.digest, never);
      const mode = async (path: string): Promise<number> =>
        (await stat(join(paths.versions, '1.0.0', path))).mode & 0o7777;
      expect(
        await Promise.all(['', 'manifest.json', 'files', 'files/bin/app', 'files/empty'].map(mode)),
      ).toEqual([0o700, 0o600, 0o700, 0o755, 0o644]);
      await store.check(one.ref, never);
    }));

  it('refuses a program that cannot run here, before there is a version', () =>
    inWorld(async ({ paths, put }) => {
      await expect(put(testRelease('1.0.0', '', 'not a program'))).rejects.toMatchObject({
        code: 'STAGE_NOT_EXECUTABLE',
      });
      expect(await readdir(paths.versions)).toEqual([]);
    }));

  it('says DISK_FULL, and leaves no version', () =>
    inWorld(async ({ paths, open, put }) => {
      await expect(put(one, open(fullDisk))).rejects.toMatchObject({ code: 'DISK_FULL' });
      expect(await readdir(paths.versions)).toEqual([]);
    }));

  it.each(['../versions', 'a/b', '', '.'])('takes no folder outside of the downloads (%j)', (bad) =>
    inWorld(async ({ store }) => {
      await expect(store.stage(bad, one.manifest, one.digest, never)).rejects.toMatchObject({
        code: 'INTERNAL',
      });
    }),
  );

  it('goes on where an earlier try stopped between its renames', () =>
    inWorld(async ({ paths, store, open, put }) => {
      const stopped = open(
        watchedDisk(({ op, path }) => {
          if (op === 'rename' && path.endsWith('/1.0.0')) throw new Error('stopped');
        }),
      );
      await expect(put(one, stopped)).rejects.toMatchObject({ code: 'STAGE_FAILED' });
      expect(await readdir(paths.versions)).toEqual(['.staging-1.0.0']);
      await store.stage('unpacked', one.manifest, one.digest, never);
      await store.check(one.ref, never);
    }));
});

describe('check on disk', () => {
  const damages: [string, (files: string) => Promise<unknown>][] = [
    ['a flipped bit', (files) => flip(join(files, 'bin/app'))],
    ['a longer file', (files) => appendFile(join(files, 'empty'), 'x')],
    ['a missing file', (files) => rm(join(files, 'empty'))],
    ['another mode', (files) => chmod(join(files, 'lib/deep/data.bin'), 0o755)],
    ['a setuid bit', (files) => chmod(join(files, 'bin/app'), 0o4755)],
    ['an extra file', (files) => writeFile(join(files, 'lib/extra'), '')],
    ['an extra folder', (files) => mkdir(join(files, 'extra'))],
    [
      'a link to the same bytes',
      async (files) => {
        await writeFile(join(files, '../elsewhere'), '');
        await rm(join(files, 'empty'));
        await symlink('../elsewhere', join(files, 'empty'));
      },
    ],
    [
      'a link in place of a folder',
      async (files) => {
        await nodeDisk.rename(join(files, 'lib'), join(files, '../lib'));
        await symlink('../lib', join(files, 'lib'));
      },
    ],
    ['a damaged manifest', (files) => writeFile(join(files, '../manifest.json'), '{}')],
    [
      'the manifest of another version',
      (files) =>
        writeFile(join(files, '../manifest.json'), JSON.stringify({ ...one.manifest, version: '1.0.1' })),
    ],
    ['a manifest that is gone', (files) => rm(join(files, '../manifest.json'))],
  ];
  it.each(damages)('finds %s', (_, damage) =>
    inWorld(async ({ paths, store, put }) => {
      await put(one);
      await store.check(one.ref, never);
      await damage(join(paths.versions, '1.0.0/files'));
      await expect(store.check(one.ref, never)).rejects.toMatchObject({ code: 'VERSION_DAMAGED' });
    }),
  );
});

describe('current on disk', () => {
  it('is a relative link, swapped by a rename that is then made durable', () =>
    inWorld(async ({ paths, open, put }) => {
      await put(one);
      const calls: string[] = [];
      await open(watchedDisk(({ op }) => calls.push(op))).activate(one.ref);
      expect(calls).toEqual(['symlink', 'rename', 'fsyncDir']);
      expect(await readlink(paths.current)).toBe('versions/1.0.0');
    }));

  const odd: [string, (paths: StatePaths) => Promise<unknown>][] = [
    ['dangling', ({ current }) => symlink('versions/7.0.0', current)],
    ['absolute', ({ current, versions }) => symlink(join(versions, '1.0.0'), current)],
    ['outside', ({ current }) => symlink('versions/../versions/1.0.0', current)],
    ['a dot-name', ({ current }) => symlink('versions/.staging-1.0.0', current)],
    ['a file', ({ current }) => writeFile(current, 'versions/1.0.0')],
    ['a folder', ({ current }) => mkdir(join(current, 'x'), { recursive: true })],
    [
      'a version without its manifest',
      async ({ current, versions }) => {
        await symlink('versions/1.0.0', current);
        await rm(join(versions, '1.0.0/manifest.json'));
      },
    ],
    [
      'a version without its entry file',
      async ({ current, versions }) => {
        await symlink('versions/1.0.0', current);
        await rm(join(versions, '1.0.0/files/bin/app'));
      },
    ],
  ];
  it.each(odd)('is the baseline when it is odd (%s), and tidy removes it', (_, make) =>
    inWorld(async ({ paths, store, put }) => {
      await put(one);
      await put(two);
      await make(paths);
      expect(await store.current()).toMatchObject({ origin: 'baseline' });
      await store.tidy();
      await expect(lstat(paths.current)).rejects.toMatchObject({ code: 'ENOENT' });
      await store.activate(two.ref);
      expect(await store.current()).toEqual(two.ref);
    }),
  );

  it('can be pointed anew while it is odd', () =>
    inWorld(async ({ paths, store, put }) => {
      await put(one);
      await mkdir(join(paths.current, 'x'), { recursive: true });
      await store.activate(one.ref);
      expect(await store.current()).toEqual(one.ref);
    }));

  it('does not fall back to the baseline because the disk could not be read', () =>
    inWorld(async ({ open, put, store }) => {
      await put(one);
      await store.activate(one.ref);
      const failing = open({
        ...nodeDisk,
        readFile: () => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' })),
      });
      await expect(failing.current()).rejects.toMatchObject({ code: 'STATE_DIR_UNUSABLE' });
      await expect(failing.tidy()).rejects.toMatchObject({ code: 'STATE_DIR_UNUSABLE' });
      expect(await store.current()).toEqual(one.ref);
    }));
});

describe('the committed mark on disk', () => {
  it.each(['', 'garbage', '{"at":1}'])('holds the floor although it cannot be read (%j)', (content) =>
    inWorld(async ({ paths, store, put }) => {
      await put(one);
      await put(two);
      await writeFile(join(paths.versions, '1.1.0/committed'), content);
      expect((await store.list())[0]?.mark).toEqual({ at: 0, previous: store.baseline, watched: true });
      expect(await store.prune([])).toEqual([one.ref]);
    }),
  );

  it('says DISK_FULL, and keeps the old mark', () =>
    inWorld(async ({ store, open, put }) => {
      await put(one);
      await store.mark(one.ref, { at: 1, previous: store.baseline, watched: false });
      const mark = { at: 2, previous: store.baseline, watched: true };
      await expect(open(fullDisk).mark(one.ref, mark)).rejects.toMatchObject({ code: 'DISK_FULL' });
      expect((await store.list())[0]?.mark?.at).toBe(1);
    }));
});

describe('tidy on disk', () => {
  it('removes what was left, and nothing else', () =>
    inWorld(async ({ paths, store, put }) => {
      await put(one);
      await store.activate(one.ref);
      await mkdir(join(paths.versions, '.staging-1.1.0/files'), { recursive: true });
      await mkdir(join(paths.versions, '.old-1.1.0-ab'));
      await symlink('versions/1.1.0', join(paths.root, '.current-ab'));
      await writeFile(join(paths.versions, '1.0.0/.tmp-ab'), '');
      await store.tidy();
      expect((await readdir(paths.root)).sort()).toEqual([
        'current',
        'downloads',
        'heads',
        'quarantine',
        'versions',
      ]);
      expect(await readdir(paths.versions)).toEqual(['1.0.0']);
      expect((await readdir(join(paths.versions, '1.0.0'))).sort()).toEqual(['files', 'manifest.json']);
    }));

  it('ignores folders that are no versions', () =>
    inWorld(async ({ paths, store }) => {
      for (const name of ['lost+found', '1.0', 'v1.0.0', '1.0.0']) await mkdir(join(paths.versions, name));
      expect(await store.list()).toEqual([]);
    }));
});
