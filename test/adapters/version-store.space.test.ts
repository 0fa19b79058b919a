import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { openDownloads } from '../../src/adapters/downloads.ts';
import { openStateDir } from '../../src/adapters/state-dir.ts';
import { openVersionStore } from '../../src/adapters/version-store.ts';
import { quickDisk, watchedDisk } from '../fakes/faulty-disk.ts';
import { inFolder, never, testRelease, unpackInto } from './state-fixture.ts';

it('staging writes no file of the release a second time: the unpacked folder gets another name', () =>
  inFolder(async (folder) => {
    const written: string[] = [];
    const disk = watchedDisk(({ op, path }) => {
      if (op === 'write' || op === 'createExclusive' || op === 'openAppend') written.push(path);
    }, quickDisk);
    const paths = await openStateDir(join(folder, 'state'), disk);
    const downloads = openDownloads(disk, paths.downloads);
    const store = openVersionStore({ disk, paths, baseline: { version: '0.9.0', entry: '/baseline/app' } });
    for (const release of [testRelease('1.0.0'), testRelease('1.0.0', ' again')]) {
      await unpackInto(downloads, 'unpacked', release);
      written.length = 0;
      await store.stage('unpacked', release.manifest, release.digest, never);
      // The manifest, under its temporary name.
      expect(new Set(written).size).toBe(1);
      expect(basename(written[0] ?? '')).toMatch(/^\.tmp-/);
    }
  }));
