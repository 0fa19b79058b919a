import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeDisk, type Disk } from '../../src/adapters/disk.ts';
import { checkFiles } from '../../src/adapters/version-files.ts';
import type { Manifest } from '../../src/bundle/manifest.ts';
import type { VersionSeal } from '../../src/services/ports.ts';
import { noise } from '../fixtures/noise.ts';
import { refusal } from '../fixtures/refusal.ts';
import { inFolder, never, testRelease } from './state-fixture.ts';

/** A disk that reads at once, so that what is read ahead is there before what was read is used. */
const quickReader: Disk = {
  ...nodeDisk,
  openRead: async (path, links) => {
    const handle = await nodeDisk.openRead(path, links);
    const bytes = await readFile(path);
    return { ...handle, read: (buffer, position) => Promise.resolve(bytes.copy(buffer, 0, position)) };
  },
};

const manifestOf = (bytes: Buffer): Manifest => ({
  ...testRelease('1.0.0').manifest,
  files: [
    {
      path: 'run',
      mode: 0o755,
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      encoding: 'zstd',
      stored_size: 1,
    },
  ],
});

describe('checkFiles', () => {
  it.each([0, 1, 1024 * 1024, 1024 * 1024 + 1, 3_500_000])('hashes every byte of %i, once', (size) =>
    inFolder(async (folder) => {
      const files = join(folder, 'files');
      const bytes = noise(size);
      await mkdir(files);
      await writeFile(join(files, 'run'), bytes);
      await chmod(join(files, 'run'), 0o755);
      for (const disk of [nodeDisk, quickReader]) await checkFiles(disk, files, manifestOf(bytes), never);
      if (size === 0) return;
      for (const at of [0, Math.floor(size / 2), size - 1]) {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
        expect(await refusal(checkFiles(nodeDisk, files, manifestOf(changed), never))).toBe(
          'VERSION_DAMAGED',
        );
      }
    }),
  );

  describe('once more', () => {
    const content = Buffer.from('a program');
    /** A folder with one file that was changed long ago, the seal of its first check, and how often its bytes are read. */
    const sealed = (
      test: (file: string, again: () => Promise<VersionSeal>, reads: () => number) => Promise<void>,
      age = new Date(Date.now() - 60_000),
    ): Promise<void> =>
      inFolder(async (folder) => {
        const file = join(folder, 'run');
        await writeFile(file, content, { mode: 0o755 });
        let count = 0;
        const disk: Disk = {
          ...nodeDisk,
          openRead: async (path, links) => {
            const handle = await nodeDisk.openRead(path, links);
            return {
              ...handle,
              // A test cannot set a file's ctime, so it says how old the file is.
              stat: async () => ({ ...(await handle.stat()), settled: age.getTime() < Date.now() - 1000 }),
              read: (buffer, position) => {
                count += 1;
                return handle.read(buffer, position);
              },
            };
          },
        };
        const seal = await checkFiles(disk, folder, manifestOf(content), never);
        await test(
          file,
          () => checkFiles(disk, folder, manifestOf(content), never, seal),
          () => count,
        );
      });

    it('reads nothing of a file that has not changed', () =>
      sealed(async (_, again, reads) => {
        const before = reads();
        await again();
        expect(reads()).toBe(before);
      }));

    it('reads a file again that had just been changed: its next change might not show', () =>
      sealed(async (_, again, reads) => {
        const before = reads();
        await again();
        expect(reads()).toBeGreaterThan(before);
      }, new Date()));

    it.each<[string, (file: string) => Promise<void>]>([
      [
        'written over, with its times set back',
        async (file) => {
          const { atime, mtime } = await stat(file);
          await writeFile(file, 'A program');
          await utimes(file, atime, mtime);
        },
      ],
      [
        'put in its place',
        async (file) => {
          await writeFile(`${file}.new`, 'A program', { mode: 0o755 });
          await rename(`${file}.new`, file);
        },
      ],
    ])('finds what was %s', (_, change) =>
      sealed(async (file, again) => {
        await change(file);
        expect(await refusal(again())).toBe('VERSION_DAMAGED');
      }),
    );

    it('still looks at modes and names', () =>
      sealed(async (file, again) => {
        await chmod(file, 0o700);
        expect(await refusal(again())).toBe('VERSION_DAMAGED');
        await chmod(file, 0o755);
        await again();
        await writeFile(join(file, '../more'), '');
        expect(await refusal(again())).toBe('VERSION_DAMAGED');
      }));
  });

  it('stops when it is cancelled', () =>
    inFolder(async (folder) => {
      await writeFile(join(folder, 'run'), 'x');
      await chmod(join(folder, 'run'), 0o755);
      const step = checkFiles(nodeDisk, folder, manifestOf(Buffer.from('x')), AbortSignal.abort());
      expect(await refusal(step)).toBe('CANCELLED');
    }));
});
