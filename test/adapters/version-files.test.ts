import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeDisk, type Disk } from '../../src/adapters/disk.ts';
import { checkFiles } from '../../src/adapters/version-files.ts';
import type { Manifest } from '../../src/bundle/manifest.ts';
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

  it('stops when it is cancelled', () =>
    inFolder(async (folder) => {
      await writeFile(join(folder, 'run'), 'x');
      await chmod(join(folder, 'run'), 0o755);
      const step = checkFiles(nodeDisk, folder, manifestOf(Buffer.from('x')), AbortSignal.abort());
      expect(await refusal(step)).toBe('CANCELLED');
    }));
});
