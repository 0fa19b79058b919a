import { createServer } from 'node:net';
import { once } from 'node:events';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { exposure } from '../../../src/control/access/tcp.ts';
import { createControlClient } from '../../../src/control/client.ts';
import { startControlServer } from '../../../src/control/server.ts';
import { refusal } from '../../fixtures/refusal.ts';
import {
  bytes,
  ownFolder,
  raw,
  startControl,
  startTcp,
  TOKEN,
  tokenFile,
} from '../support/control-fixture.ts';
import { sampleStatus } from '../support/samples.ts';
import { scriptedApi } from '../support/scripted-api.ts';

const WITH = { authorization: `Bearer ${TOKEN}` };
const JSON_TYPE = { 'content-type': 'application/json' };
const GENEROUS = { requests: 1_000, failures: 1_000, open: 1_000 };

describe('the TCP listener', () => {
  it('answers whoever has the token, as the socket does', async () => {
    const { url, api } = await startTcp();
    const client = createControlClient({ url, token: TOKEN });
    expect(await client.status()).toEqual(sampleStatus());
    expect(await client.update({ dryRun: false })).toBe('a2');
    expect(api.calls).toEqual([['update', { dryRun: false }]]);
  });

  it.each([
    ['no token', {}],
    ['another token', { authorization: `Bearer ${'e'.repeat(64)}` }],
    ['another scheme', { authorization: `Basic ${TOKEN}` }],
    ['a cookie that was made up', { cookie: `coresdk_session_1=${TOKEN}` }],
  ])('refuses %s, everywhere, and says how to ask', async (_what, headers) => {
    const { port, api } = await startTcp();
    for (const [method, path] of [
      ['GET', '/v1/status'],
      ['POST', '/v1/check'],
      ['GET', '/v1/events'],
      ['GET', '/openapi.json'],
      ['GET', '/metrics'],
      ['GET', '/v1/nothing'],
      ['HEAD', '/'],
    ] as const) {
      const answer = await raw(port, method, path, '', headers);
      expect(answer.status, path).toBe(401);
      expect(answer.headers['www-authenticate']).toBe('Bearer realm="coresdk-sidecar"');
      expect(answer.text).not.toContain('eeee');
    }
    expect(api.calls).toEqual([]);
  });

  it('is refused to the client with UNAUTHORIZED, which does not tell the token', async () => {
    const { url } = await startTcp();
    const token = 'd'.repeat(64);
    const client = createControlClient({ url, token });
    await expect(client.status()).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    await expect(client.status()).rejects.not.toMatchObject({ message: expect.stringContaining(token) });
    const events = client.events({ signal: new AbortController().signal });
    await expect(events[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  });

  it('refuses to be called by another name (DNS rebinding), with the token or without', async () => {
    const { port } = await startTcp({}, { hosts: ['box.example'] });
    for (const host of ['evil.example', `evil.example:${String(port)}`, '127.0.0.1'])
      expect((await raw(port, 'GET', '/v1/status', '', { ...WITH, host })).text).toContain(
        'HOST_NOT_ALLOWED',
      );
    for (const host of ['box.example', `localhost:${String(port)}`, `127.0.0.1:${String(port)}`])
      expect((await raw(port, 'GET', '/v1/status', '', { ...WITH, host })).status, host).toBe(200);
  });

  it('refuses HTTP/1.0 without a Host', async () => {
    const { port } = await startTcp();
    const got = await bytes(port, `GET /v1/status HTTP/1.0\r\nauthorization: Bearer ${TOKEN}\r\n\r\n`);
    expect(got).toMatch(/^HTTP\/1\.1 403 [^]*HOST_NOT_ALLOWED/);
  });

  it('has no CORS: no header of it in any answer, no preflight, nothing but GET from other pages', async () => {
    const { port, api } = await startTcp();
    const foreign = { ...WITH, origin: 'http://evil.example' };
    const preflight = { ...foreign, 'access-control-request-method': 'POST' };
    const answers = [
      await raw(port, 'OPTIONS', '/v1/check', '', preflight),
      await raw(port, 'POST', '/v1/check', '', foreign),
      await raw(port, 'DELETE', '/v1/quarantine/cccccccc', '', foreign),
      await raw(port, 'POST', '/v1/check', '', { ...WITH, origin: 'null' }),
      await raw(port, 'POST', '/v1/session', JSON.stringify({ token: TOKEN }), {
        ...JSON_TYPE,
        origin: 'http://evil.example',
      }),
      await raw(port, 'GET', '/v1/status', '', foreign),
    ];
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403, 200]);
    for (const { headers } of answers)
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    expect(api.calls).toEqual([]);
    const own = { ...WITH, origin: `http://127.0.0.1:${String(port)}` };
    expect((await raw(port, 'POST', '/v1/check', '', own)).status).toBe(202);
  });

  it('lets nobody guess, and keeps nobody out who knows', async () => {
    const { port } = await startTcp({}, { limits: { rates: { ...GENEROUS, failures: 3 } } });
    const guess = { authorization: 'Bearer wrong' };
    for (let count = 0; count < 3; count += 1)
      expect((await raw(port, 'GET', '/v1/status', '', guess)).status).toBe(401);
    const limited = await raw(port, 'GET', '/v1/status', '', guess);
    expect(limited.status).toBe(429);
    expect(JSON.parse(limited.text)).toMatchObject({ code: 'RATE_LIMITED' });
    expect(Number(limited.headers['retry-after'])).toBeGreaterThan(0);
    expect((await raw(port, 'POST', '/v1/session', '{"token":"wrong"}', JSON_TYPE)).status).toBe(429);
    expect((await raw(port, 'GET', '/v1/status', '', WITH)).status).toBe(200);
  });

  it('takes so many requests a minute, also of those who know', async () => {
    const { port, socket } = await startTcp({}, { limits: { rates: { ...GENEROUS, requests: 2 } } });
    const asked = [];
    for (let count = 0; count < 3; count += 1)
      asked.push((await raw(port, 'GET', '/v1/status', '', WITH)).status);
    expect(asked).toEqual([200, 200, 429]);
    expect((await raw(socket, 'GET', '/v1/status')).status).toBe(200);
  });
});

describe('a browser’s session', () => {
  it('is given for the token, and is good for reading and, from this listener’s own pages, for commands', async () => {
    const { port, api } = await startTcp();
    const begun = await raw(port, 'POST', '/v1/session', JSON.stringify({ token: TOKEN }), JSON_TYPE);
    expect(begun.status).toBe(204);
    const cookie = String(begun.headers['set-cookie']).split(';')[0]!;
    expect(cookie).toMatch(new RegExp(`^coresdk_session_${String(port)}=`));
    expect((await raw(port, 'GET', '/v1/status', '', { cookie })).status).toBe(200);
    const origin = `http://127.0.0.1:${String(port)}`;
    expect((await raw(port, 'POST', '/v1/check', '', { cookie, origin })).status).toBe(202);
    for (const headers of [{ cookie }, { cookie, origin: 'http://127.0.0.1:1' }])
      expect((await raw(port, 'POST', '/v1/check', '', headers)).status).toBe(403);
    expect(api.calls).toHaveLength(1);
    const ended = await raw(port, 'DELETE', '/v1/session', '', {});
    expect([ended.status, String(ended.headers['set-cookie'])]).toEqual([
      204,
      expect.stringMatching(/Max-Age=0/),
    ]);
  });

  it.each([
    ['{"token":"wrong"}', 401],
    ['{}', 400],
    ['{"token":1}', 400],
    ['', 400],
  ])('is not given for %s', async (body, status) => {
    const { port } = await startTcp();
    const answer = await raw(port, 'POST', '/v1/session', body, JSON_TYPE);
    expect([answer.status, answer.headers['set-cookie']]).toEqual([status, undefined]);
  });

  it('is nothing that the socket knows of', async () => {
    const { socket } = await startControl();
    expect((await raw(socket, 'POST', '/v1/session', '{}')).status).toBe(404);
  });
});

describe('pages and metrics', () => {
  it('pages need no token, are limited, and are on TCP only', async () => {
    const { port, socket } = await startTcp(
      {},
      {
        pages: (app) => app.get('/', () => 'a page'),
        limits: { rates: { ...GENEROUS, open: 2 } },
      },
    );
    expect((await raw(port, 'GET', '/')).text).toBe('a page');
    expect((await raw(port, 'GET', '/', '', { host: 'evil.example' })).status).toBe(403);
    expect((await raw(port, 'GET', '/other')).status).toBe(401);
    expect([(await raw(port, 'GET', '/')).status, (await raw(port, 'GET', '/')).status]).toEqual([200, 429]);
    expect((await raw(socket, 'GET', '/')).status).toBe(404);
  });

  it.each([
    ['POST', '/x'],
    ['GET', '/v1/secret'],
    ['GET', '/metrics2'],
  ] as const)('a page is no way around the token: %s %s', async (method, url) => {
    const start = startTcp({}, { pages: (app) => app.route({ method, url, handler: () => null }) });
    expect(await refusal(start)).toBe('INTERNAL');
  });

  it('metrics are there when somebody makes them, and need the token', async () => {
    const metrics = async () => ({ contentType: 'text/plain; version=0.0.4', body: 'up 1\n' });
    const { port, socket } = await startTcp({}, { metrics });
    expect((await raw(port, 'GET', '/metrics')).status).toBe(401);
    for (const at of [port, socket]) {
      const { text, headers } = await raw(at, 'GET', '/metrics', '', WITH);
      expect([text, headers['content-type']]).toEqual(['up 1\n', 'text/plain; version=0.0.4']);
    }
    const without = await startControl();
    expect((await raw(without.socket, 'GET', '/metrics')).status).toBe(404);
  });
});

describe('a TCP listener that cannot be', () => {
  const start = (socket: string, address: string, file: string): ReturnType<typeof startControlServer> =>
    startControlServer({
      api: scriptedApi(),
      socket,
      tcp: { address, tokenFile: file, hosts: [] },
      version: '1.0.0',
      onFault: () => {},
    });

  it('keeps the server from listening anywhere', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    onTestFinished(() => void other.close());
    const { port } = other.address() as { port: number };
    const dir = await ownFolder();
    const socket = join(dir, 'control.sock');
    for (const [address, file] of [
      [`127.0.0.1:${String(port)}`, await tokenFile()],
      ['127.0.0.1', await tokenFile()],
      ['192.0.2.1:0', await tokenFile()],
      ['127.0.0.1:0', join(dir, 'absent')],
    ] as const) {
      expect(await refusal(start(socket, address, file)), address).toBe('CONFIG_INVALID');
      await expect(lstat(socket)).rejects.toThrow('ENOENT');
    }
  });

  it('is warned of when others can reach it', async () => {
    expect((await startTcp()).warnings).toEqual([]);
    const at = { address: '0.0.0.0', port: 7702, url: 'http://0.0.0.0:7702' };
    expect(exposure(at)).toMatch(/0\.0\.0\.0:7702 can be reached from other hosts/);
  });
});
