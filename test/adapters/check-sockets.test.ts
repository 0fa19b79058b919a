import { once } from 'node:events';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkSockets, type CheckSocket } from '../../src/adapters/check-sockets.ts';
import { refusal } from '../fixtures/refusal.ts';

const [ONE, TWO] = ['1f2e3d4c5b6a7988', '0a0b0c0d0e0f1011'] as const;

describe('the check addresses of versions that overlap', () => {
  let folder: string;
  const open: CheckSocket[] = [];
  const keep = (socket: CheckSocket): CheckSocket => {
    open.push(socket);
    return socket;
  };
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'check-'));
  });
  afterEach(async () => {
    for (const socket of open.splice(0)) socket.release();
    await rm(folder, { recursive: true });
  });

  it('listen at once, for the daemon’s user alone, at a path that follows from the launch', async () => {
    const check = checkSockets(folder);
    expect(check.pathOf('beside')).toBeNull();
    const { path } = keep(check.open(ONE, 'beside'));
    expect(path).toBe(join(folder, 'check-1f2e3d4c5b6a.sock'));
    expect([check.pathOf('beside'), check.pathOf('main')]).toEqual([path, null]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const socket = connect({ path });
    await once(socket, 'connect');
    socket.destroy();
  });

  it('answer nobody once the daemon has let go and no program holds them', async () => {
    const { path, ...socket } = checkSockets(folder).open(ONE, 'main');
    socket.release();
    const [error] = (await once(connect({ path }), 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });

  it('take the place of what an interrupted launch left at the path', () => {
    writeFileSync(join(folder, 'check-1f2e3d4c5b6a.sock'), '');
    expect(statSync(keep(checkSockets(folder).open(ONE, 'main')).path).isSocket()).toBe(true);
  });

  it('go with their launch, and no other does; again does nothing', () => {
    const check = checkSockets(folder);
    const [main, beside] = [keep(check.open(ONE, 'main')).path, keep(check.open(TWO, 'beside')).path];
    check.remove(ONE);
    check.remove(ONE);
    expect([existsSync(main), existsSync(beside)]).toEqual([false, true]);
    expect([check.pathOf('main'), check.pathOf('beside')]).toEqual([null, beside]);
  });

  it('move with a version that takes the first place', () => {
    const check = checkSockets(folder);
    keep(check.open(ONE, 'main'));
    const { path } = keep(check.open(TWO, 'beside'));
    check.relieve();
    expect([check.pathOf('main'), check.pathOf('beside')]).toEqual([path, null]);
    check.relieve();
    expect(check.pathOf('main')).toBe(path);
  });

  it('are all removed where no workload runs, and nothing else is', async () => {
    const check = checkSockets(folder);
    keep(check.open(ONE, 'main'));
    for (const name of ['check-mine.sock', 'check-1f2e3d4c5b6a.sock.bak', 'control.sock'])
      writeFileSync(join(folder, name), '');
    check.removeAll();
    expect((await readdir(folder)).sort()).toEqual([
      'check-1f2e3d4c5b6a.sock.bak',
      'check-mine.sock',
      'control.sock',
    ]);
  });

  it('are told of when they cannot be had', async () => {
    const check = checkSockets(join(folder, 'gone'));
    expect(await refusal(() => check.open(ONE, 'main'))).toBe('LISTEN_FAILED');
    expect(
      await refusal(() => {
        check.removeAll();
      }),
    ).toBe('LISTEN_FAILED');
    expect(check.pathOf('main')).toBeNull();
  });
});
