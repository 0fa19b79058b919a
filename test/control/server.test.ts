import { spawnSync } from 'node:child_process';
import { lstatSync } from 'node:fs';
import { lstat, readFile, writeFile } from 'node:fs/promises';
import { createServer, connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { httpStatus } from '../../src/control/http-status.ts';
import { startControlServer } from '../../src/control/server.ts';
import { listenPrivately } from '../../src/control/socket-file.ts';
import { ERROR_CODES, type ErrorCode } from '../../src/error-codes.ts';
import { refusal } from '../fixtures/refusal.ts';
import { ownFolder, raw, startControl } from './support/control-fixture.ts';
import { sampleProgress } from './support/samples.ts';
import { fault, scriptedApi } from './support/scripted-api.ts';

const start = (socket: string): ReturnType<typeof startControlServer> =>
  startControlServer({ api: scriptedApi(), socket, version: '1.0.0', onFault: () => {} });

describe('the control socket', () => {
  it('can be used by its owner only, whatever the umask', async () => {
    const before = process.umask(0);
    onTestFinished(() => void process.umask(before));
    const { socket } = await startControl();
    expect(((await lstat(socket)).mode & 0o777).toString(8)).toBe('600');
    expect(process.umask(0)).toBe(0);
  });

  it('has that mode from its first instant: it is there with it before anything else can run', async () => {
    const before = process.umask(0);
    onTestFinished(() => void process.umask(before));
    const socket = join(await ownFolder(), 'control.sock');
    const server = createServer();
    const listening = listenPrivately(server, socket);
    // Nothing was awaited in between.
    const mode = lstatSync(socket).mode & 0o777;
    await listening;
    server.close();
    expect(mode.toString(8)).toBe('600');
  });

  it('replaces the one that a dead daemon left, and is gone after close', async () => {
    const socket = join(await ownFolder(), 'control.sock');
    // A process that ends without closing leaves its socket behind.
    const script = `require('node:net').createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script]);
    expect((await lstat(socket)).isSocket()).toBe(true);
    const server = await start(socket);
    expect((await raw(socket, 'GET', '/v1/status')).status).toBe(200);
    await server.close();
    await expect(lstat(socket)).rejects.toThrow('ENOENT');
  });

  it('never takes the place of a daemon that answers', async () => {
    const { socket } = await startControl();
    expect(await refusal(start(socket))).toBe('ALREADY_RUNNING');
    expect((await raw(socket, 'GET', '/v1/status')).status).toBe(200);
  });

  it('never deletes a file that is no socket', async () => {
    const path = join(await ownFolder(), 'control.sock');
    await writeFile(path, 'precious');
    expect(await refusal(start(path))).toBe('CONFIG_INVALID');
    expect(await readFile(path, 'utf8')).toBe('precious');
  });

  it.each([
    ['too long a path', (dir: string) => join(dir, 'x'.repeat(108)), /at most 10[37] bytes, found \d+/],
    ['a folder that is not there', (dir: string) => join(dir, 'absent', 'control.sock'), /absent/],
  ])('refuses %s', async (_what, path, message) => {
    const dir = await ownFolder();
    await expect(start(path(dir))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message),
    });
  });

  it('closes though a client never ends its request', async () => {
    const { socket, close } = await startControl();
    const client = connect({ path: socket });
    const hungUp = new Promise((resolve) => client.once('close', resolve));
    client.resume();
    client.write('POST /v1/check HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{');
    await raw(socket, 'GET', '/v1/status');
    await close();
    await hungUp;
  });
});

describe('the control API', () => {
  it('answers status, history and attempts', async () => {
    const { socket, api } = await startControl();
    const json = async (path: string): Promise<unknown> => JSON.parse((await raw(socket, 'GET', path)).text);
    expect(await json('/v1/status')).toMatchObject({ state: 'idle', current: { version: '1.1.0' } });
    expect(await json('/v1/history')).toMatchObject({ attempts: [{ id: 'a1' }] });
    await json('/v1/history?limit=500');
    expect(api.calls).toEqual([
      ['history', 50],
      ['history', 500],
    ]);
    expect(await json('/v1/attempts/a2')).toEqual(sampleProgress());
  });

  it.each([
    ['POST', '/v1/check', '{}', ['check'], 202],
    ['POST', '/v1/check', '', ['check'], 202],
    ['POST', '/v1/update', '{"dry_run":true}', ['update', { dryRun: true }], 202],
    ['POST', '/v1/update', '{}', ['update', { dryRun: false }], 202],
    ['POST', '/v1/apply', '{"path":"/tmp/a b.jws"}', ['apply', '/tmp/a b.jws'], 202],
    ['POST', '/v1/rollback', '{"version":"1.0.0"}', ['rollback', '1.0.0'], 202],
    ['POST', '/v1/rollback', '{"version":null}', ['rollback', null], 202],
    ['POST', '/v1/resume', '{}', ['resume'], 204],
    ['POST', '/v1/pause', '{"reason":"audit"}', ['pause', 'audit'], 204],
    ['POST', '/v1/pause', '', ['pause', null], 204],
    ['POST', '/v1/approve', '{"release":"1.4.0"}', ['approve', '1.4.0'], 200],
    ['POST', '/v1/approve', '{}', ['approve', null], 200],
    ['POST', '/v1/doctor', '', ['doctor'], 200],
    ['GET', '/v1/logs?limit=3', '', ['logs', 3], 200],
    ['GET', '/v1/logs', '', ['logs', 100], 200],
    ['POST', '/v1/retry', '{}', ['retry'], 204],
    ['DELETE', '/v1/quarantine/cccccccc', '', ['clearQuarantine', 'cccccccc'], 200],
  ])('%s %s %s', async (method, path, body, call, status) => {
    const { socket, api } = await startControl();
    const headers: Record<string, string> = body === '' ? {} : { 'content-type': 'application/json' };
    const answer = await raw(socket, method, path, body, headers);
    expect(answer.status).toBe(status);
    expect(api.calls).toEqual([call]);
    if (status === 202) expect(JSON.parse(answer.text)).toEqual({ attempt: 'a2' });
  });

  it.each([
    ['GET', '/v1/history?limit=0', '', 400],
    ['GET', '/v1/history?limit=501', '', 400],
    ['GET', '/v1/history?limit=1.5', '', 400],
    ['GET', '/v1/history?limit=', '', 400],
    ['GET', '/v1/history?limits=5', '', 400],
    ['POST', '/v1/update', '{"dryRun":true}', 400],
    ['POST', '/v1/update', '{"dry_run":"yes"}', 400],
    ['POST', '/v1/apply', '{}', 400],
    ['POST', '/v1/apply', '{"path":"relative.jws"}', 400],
    ['POST', '/v1/apply', '{"path":"/a\\u0000b"}', 400],
    ['POST', '/v1/rollback', '{"version":1}', 400],
    ['POST', '/v1/rollback', '[]', 400],
    ['POST', '/v1/check', '{"apply":true}', 400],
    ['POST', '/v1/pause', '{"reason":""}', 400],
    ['POST', '/v1/pause', JSON.stringify({ reason: 'x'.repeat(501) }), 400],
    ['POST', '/v1/approve', '{"version":"1.4.0"}', 400],
    ['GET', '/v1/logs?limit=501', '', 400],
    ['OPTIONS', '/v1/check', '', 404],
    ['POST', '/v1/check', 'not json', 400],
    ['POST', '/v1/check', '{"__proto__":{"x":1}}', 400],
    ['POST', '/v1/apply', JSON.stringify({ path: `/${'x'.repeat(20_000)}` }), 413],
    ['GET', '/v1/attempts/nobody', '', 404],
    ['GET', '/v1/attempts/%E0%A4%A', '', 400],
    ['GET', '/v1/nothing', '', 404],
    ['HEAD', '/v1/status', '', 404],
    ['PUT', '/v1/status', '', 404],
  ])('refuses %s %s %.40s', async (method, path, body, status) => {
    const { socket, api, faults } = await startControl();
    const headers: Record<string, string> = body === '' ? {} : { 'content-type': 'application/json' };
    const answer = await raw(socket, method, path, body, headers);
    expect(answer.status).toBe(status);
    expect(api.calls).toEqual([]);
    expect(faults).toEqual([]);
    if (method === 'HEAD') return;
    const view = JSON.parse(answer.text) as { code: ErrorCode; message: string; next: string };
    expect(Object.keys(view)).toEqual(['code', 'message', 'next']);
    expect(view.next).toBe(ERROR_CODES[view.code].next);
    expect(answer.text).not.toContain('    at ');
  });

  it('takes JSON only', async () => {
    const { socket } = await startControl();
    for (const type of ['text/plain', 'application/x-www-form-urlencoded'])
      expect((await raw(socket, 'POST', '/v1/check', '{}', { 'content-type': type })).status, type).toBe(415);
  });

  it('answers bytes that are no HTTP, and lives on', async () => {
    const { socket } = await startControl();
    const client = connect({ path: socket });
    const chunks: Buffer[] = [];
    client.on('data', (chunk: Buffer) => chunks.push(chunk));
    const closed = new Promise((resolve) => client.once('close', resolve));
    client.write('\x16\x03\x01 hello\r\n\r\n');
    await closed;
    expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1\.1 400 [^]*"code":"USAGE"/);
    expect((await raw(socket, 'GET', '/v1/status')).status).toBe(200);
  });

  it.each([
    ['BUSY', 409],
    ['UPDATES_DISABLED', 403],
    ['UPDATES_PAUSED', 403],
    ['MANUAL_CHANNEL', 403],
    ['VERSION_NOT_FOUND', 404],
    ['ROLLBACK_IMPOSSIBLE', 409],
    ['NOTHING_TO_APPROVE', 409],
    ['JOURNAL_WRITE_FAILED', 500],
  ] as const)('answers %s with %i', async (code, status) => {
    const { socket, faults } = await startControl({ refuse: fault(code) });
    const answer = await raw(socket, 'POST', '/v1/check', '{}');
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.text)).toEqual({
      code,
      message: fault(code).message,
      next: ERROR_CODES[code].next,
    });
    expect(faults).toEqual([]);
  });

  it('hides a fault of the program from clients, and tells it to onFault', async () => {
    const bug = Object.assign(new Error('secret detail'), { statusCode: 418 });
    const { socket, faults } = await startControl({ refuse: bug });
    const answer = await raw(socket, 'POST', '/v1/check', '{}');
    expect(answer.status).toBe(500);
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'INTERNAL' });
    expect(answer.text).not.toContain('secret');
    expect(faults).toEqual([bug]);
  });

  it('names its version, and gives every code a status of an error', async () => {
    const { socket } = await startControl();
    expect((await raw(socket, 'GET', '/v1/status')).headers['server']).toBe('coresdk-sidecar/1.0.0');
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[])
      expect(httpStatus(code)).toBeGreaterThanOrEqual(400);
  });
});

describe('a socket path', () => {
  it('of 107 bytes can be listened on', async () => {
    const dir = await ownFolder();
    const name = 'x'.repeat((process.platform === 'linux' ? 107 : 103) - Buffer.byteLength(dir) - 1);
    const server = await start(join(dir, name));
    await server.close();
  });
});
