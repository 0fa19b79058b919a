import { spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readTokenFile } from '../../../src/control/access/token-file.ts';
import { ownFolder, TOKEN, tokenFile } from '../support/control-fixture.ts';

const asRoot = process.geteuid?.() === 0;

describe('the token file', () => {
  it.each([0o600, 0o400])('is read with mode %o, without the line’s end', async (mode) => {
    const path = await tokenFile();
    await chmod(path, mode);
    expect(await readTokenFile(path)).toBe(TOKEN);
  });

  it('may be reached by a link', async () => {
    const link = join(await ownFolder(), 'link');
    await symlink(await tokenFile(), link);
    expect(await readTokenFile(link)).toBe(TOKEN);
  });

  it.each([0o640, 0o604, 0o700, 0o610])('is refused with mode %o', async (mode) => {
    const path = await tokenFile();
    await chmod(path, mode);
    await expect(readTokenFile(path)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/expected mode 0600 or less, found 0\d{3}.*openssl rand -hex 32/),
    });
  });

  it.each([
    ['too short', 'a'.repeat(31), /at least 32 characters, found 31/],
    ['empty', '', /found 0/],
    ['of two lines', `${TOKEN}\n${TOKEN}`, /one line/],
    ['with a space', `${TOKEN} ${TOKEN}`, /one line/],
    ['too long', 'a'.repeat(5000), /at most 4096 bytes/],
  ])('is refused when it is %s, and is not quoted', async (_what, token, message) => {
    const refused = readTokenFile(await tokenFile(token));
    await expect(refused).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message),
    });
    await expect(refused).rejects.not.toMatchObject({ message: expect.stringMatching(/a{31}|f{31}/) });
  });

  it.runIf(asRoot)('is refused when it is somebody else’s', async () => {
    const path = await tokenFile();
    await chown(path, 65_534, 0);
    await expect(readTokenFile(path)).rejects.toMatchObject({
      message: expect.stringMatching(/or root, found one of 65534/),
    });
  });

  it('is refused when it is no regular file, and a FIFO is not waited for', async () => {
    const dir = await ownFolder();
    await mkdir(join(dir, 'folder'), { mode: 0o700 });
    spawnSync('mkfifo', ['-m', '600', join(dir, 'fifo')]);
    for (const name of ['folder', 'fifo'])
      await expect(readTokenFile(join(dir, name))).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(/regular file/),
      });
  });

  it('is refused when it is not there', async () => {
    const path = join(await ownFolder(), 'absent');
    await expect(readTokenFile(path)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/control\.token_file: cannot be read \(ENOENT/),
    });
    await writeFile(path, '');
  });
});
