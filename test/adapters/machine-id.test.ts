import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeDisk } from '../../src/adapters/disk.ts';
import { readMachineId } from '../../src/adapters/machine-id.ts';

let folder: string;
let own: string;
let system: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'coresdk-machine-id-'));
  own = join(folder, 'machine-id');
  system = join(folder, 'etc-machine-id');
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});
const read = (): Promise<string> => readMachineId(nodeDisk, own, system);
const ID = '0123456789abcdef0123456789abcdef';

describe('readMachineId', () => {
  it('gives the system’s id, and keeps none of its own', async () => {
    await writeFile(system, `${ID}\n`);
    expect(await read()).toBe(ID);
    expect(await readdir(folder)).toEqual(['etc-machine-id']);
  });

  it('makes one where the system has none, privately, and keeps to it', async () => {
    const made = await read();
    expect(made).toMatch(/^[0-9a-f]{32}$/);
    expect((await stat(own)).mode & 0o777).toBe(0o600);
    expect(await readFile(own, 'utf8')).toBe(`${made}\n`);
    expect(await read()).toBe(made);
    await rm(own);
    expect(await read()).not.toBe(made);
  });

  it.each(['', 'uninitialized\n', `${'0'.repeat(32)}\n`, `${ID}0`, ID.toUpperCase(), 'x'.repeat(100)])(
    'takes %j for none',
    async (content) => {
      await writeFile(system, content);
      const made = await read();
      expect(made).not.toBe(content.trim());
      expect(await read()).toBe(made);
      await writeFile(own, content);
      expect(await read()).not.toBe(made);
    },
  );

  it('takes a folder or a link for none', async () => {
    await mkdir(system);
    await read();
    await rm(system, { recursive: true });
    await symlink('/dev/zero', system);
    await read();
  });

  it('says when it cannot keep its own', async () => {
    await mkdir(own);
    await expect(read()).rejects.toMatchObject({ code: 'STATE_DIR_UNUSABLE' });
  });
});
