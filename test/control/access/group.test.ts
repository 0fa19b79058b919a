import { chmod, lstat, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { groupId, whyUnreachable } from '../../../src/control/access/group.ts';
import { startControlServer } from '../../../src/control/server.ts';
import { refusal } from '../../fixtures/refusal.ts';
import { ownFolder, raw, startControl } from '../support/control-fixture.ts';
import { scriptedApi } from '../support/scripted-api.ts';

const own = process.getegid?.() ?? 0;

describe('a group', () => {
  it('is known by its number, or by its name in group(5)', async () => {
    const file = join(await ownFolder(), 'group');
    await writeFile(file, 'root:x:0:\noperators:x:1234:ann,bob\nbroken\noperators2:x:9:\n');
    expect(await groupId('77', file)).toBe(77);
    expect(await groupId('operators', file)).toBe(1234);
    await expect(groupId('operator', file)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/found operator; make it with: groupadd/),
    });
    expect(await refusal(groupId('operators', join(file, 'absent')))).toBe('CONFIG_INVALID');
  });

  it('gets the socket with mode 0660, whatever the umask', async () => {
    const before = process.umask(0);
    onTestFinished(() => void process.umask(before));
    const { socket } = await startControl({}, { group: String(own) });
    const { mode, gid } = await lstat(socket);
    expect([(mode & 0o777).toString(8), gid]).toEqual(['660', own]);
    expect((await raw(socket, 'GET', '/v1/status')).status).toBe(200);
  });

  it('that is not there keeps the server from listening', async () => {
    const socket = join(await ownFolder(), 'control.sock');
    const start = startControlServer({
      api: scriptedApi(),
      socket,
      group: 'nobody-has-this-name',
      version: '1.0.0',
      onFault: () => {},
    });
    expect(await refusal(start)).toBe('CONFIG_INVALID');
    await expect(lstat(socket)).rejects.toThrow('ENOENT');
  });

  it('is warned of when the folder keeps it out', async () => {
    const folder = join(await ownFolder(), 'state');
    await mkdir(folder);
    const socket = join(folder, 'control.sock');
    for (const [mode, gid, out] of [
      [0o700, own, true],
      [0o750, own, false],
      [0o750, own + 1, true],
      [0o711, own + 1, false],
    ] as const) {
      await chmod(folder, mode);
      expect((await whyUnreachable(socket, gid)) !== null, mode.toString(8)).toBe(out);
    }
    // The fixture's folder is 0700, as the state directory is.
    const { warnings } = await startControl({}, { group: String(own) });
    expect(warnings).toEqual([expect.stringMatching(/cannot reach .*control\.sock/)]);
  });
});
