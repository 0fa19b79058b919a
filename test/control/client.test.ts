import { chmod, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createControlClient } from '../../src/control/client.ts';
import { UpdateError } from '../../src/errors.ts';
import { ownFolder, startControl } from './support/control-fixture.ts';
import { sampleAttempt, sampleProgress, sampleStatus } from './support/samples.ts';
import { ended, fault } from './support/scripted-api.ts';

/** A server that is no daemon of ours. */
async function impostor(listener: RequestListener): Promise<string> {
  const socket = join(await ownFolder(), 'control.sock');
  const server = createServer(listener);
  server.listen(socket);
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return socket;
}

describe('the control client', () => {
  it('calls every route', async () => {
    const { client, api } = await startControl();
    expect(await client.status()).toEqual(sampleStatus());
    expect(await client.history(7)).toEqual([sampleAttempt()]);
    expect(await client.attempt('a2')).toEqual(sampleProgress());
    expect(await client.check()).toBe('a2');
    expect(await client.update({ dryRun: true })).toBe('a2');
    expect(await client.apply('/tmp/ü.jws')).toBe('a2');
    expect(await client.rollback(null)).toBe('a2');
    await client.resume();
    await client.retry();
    expect(await client.clearQuarantine('1.2.0/../x')).toEqual({ version: '1.2.0', digest: '1.2.0/../x' });
    expect(api.calls).toEqual([
      ['history', 7],
      ['check'],
      ['update', { dryRun: true }],
      ['apply', '/tmp/ü.jws'],
      ['rollback', null],
      ['resume'],
      ['retry'],
      ['clearQuarantine', '1.2.0/../x'],
    ]);
  });

  it('rejects with the error that the daemon gave', async () => {
    const { client } = await startControl({ refuse: fault('BUSY', 'attempt a1 is in probing') });
    const refused = client.check();
    await expect(refused).rejects.toBeInstanceOf(UpdateError);
    await expect(refused).rejects.toMatchObject({ code: 'BUSY', message: 'attempt a1 is in probing' });
    await expect(client.attempt('nobody')).rejects.toMatchObject({ code: 'ATTEMPT_NOT_FOUND' });
  });

  it('follows an attempt to its end, and shows every look', async () => {
    const looks = [
      sampleProgress(),
      sampleProgress({ state: 'downloading', to: '1.2.0' }),
      ended('committed', 'committed', 'HTTP 200', { to: '1.2.0' }),
    ];
    const { client } = await startControl({ looks });
    const seen: string[] = [];
    const last = await client.follow('a2', { pollMs: 1, onProgress: ({ state }) => seen.push(state) });
    expect(seen).toEqual(['checking', 'downloading', 'committed']);
    expect(last).toEqual(looks[2]);
  });

  it('follows only as long as it is told', async () => {
    const { client } = await startControl({
      looks: [sampleProgress(), sampleProgress({ state: 'downloading' })],
    });
    const last = await client.follow('a2', { pollMs: 1, until: ({ state }) => state !== 'checking' });
    expect(last).toMatchObject({ state: 'downloading', ended: null });
  });

  it('watches the status', async () => {
    const { client } = await startControl({
      status: [sampleStatus({ state: 'rollingBack' }), sampleStatus()],
    });
    expect(await client.watch(({ state }) => state === 'idle', { pollMs: 1 })).toMatchObject({
      state: 'idle',
    });
  });

  it('says when no daemon is there, with the socket', async () => {
    const dir = await ownFolder();
    const file = join(dir, 'file');
    await writeFile(file, '');
    for (const socket of [join(dir, 'absent.sock'), file, join(dir, 'x'.repeat(200))])
      await expect(createControlClient({ socket }).status()).rejects.toMatchObject({
        code: 'DAEMON_UNREACHABLE',
        message: expect.stringContaining(socket),
      });
    const { client, close } = await startControl();
    await close();
    await expect(client.status()).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' });
  });

  it('says who may connect', async () => {
    const { client, socket } = await startControl();
    // Permissions do not hold root back, so as root this is asked as nobody.
    if (process.geteuid?.() === 0) {
      process.seteuid?.(65_534);
      onTestFinished(() => process.seteuid?.(0));
    } else await chmod(socket, 0);
    await expect(client.status()).rejects.toMatchObject({
      code: 'DAEMON_UNREACHABLE',
      message: expect.stringMatching(/as root/),
    });
  });

  it('says when the daemon dies in the middle', async () => {
    const socket = await impostor((request) => {
      request.socket.destroy();
    });
    await expect(createControlClient({ socket }).status()).rejects.toMatchObject({
      code: 'DAEMON_UNREACHABLE',
    });
  });

  it.each([
    ['no JSON', 200, '<html>', /JSON/],
    ['an error of another shape', 502, '{"oops":1}', /status 502/],
    [
      'a code that it does not know',
      409,
      '{"code":"FROM_THE_FUTURE","message":"m"}',
      /m \(FROM_THE_FUTURE\)/,
    ],
    ['a name of Object for a code', 409, '{"code":"constructor","message":"m"}', /m \(constructor\)/],
  ])('does not understand %s', async (_what, status, body, message) => {
    const socket = await impostor((_request, response) => {
      response.writeHead(status).end(body);
    });
    await expect(createControlClient({ socket }).check()).rejects.toMatchObject({
      code: 'CONTROL_FAILED',
      message: expect.stringMatching(message),
    });
  });

  it('stops reading an answer that never ends', async () => {
    const socket = await impostor((_request, response) => {
      const chunk = Buffer.alloc(1024 * 1024, 32);
      const more = (): void => {
        while (response.write(chunk));
        response.once('drain', more);
      };
      more();
    });
    await expect(createControlClient({ socket }).status()).rejects.toMatchObject({ code: 'CONTROL_FAILED' });
  });
});
