import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { request } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { health } from '../../src/sidecar/health.ts';
import { startSidecar, type Sidecar } from '../../src/sidecar/sidecar.ts';

describe('the sidecar service', () => {
  const running: Sidecar[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((sidecar) => sidecar.close()));
  });
  const start = async (
    more: Partial<Parameters<typeof startSidecar>[0]> = {},
  ): Promise<{ sidecar: Sidecar; url: string }> => {
    const sidecar = await startSidecar({ http: { host: '127.0.0.1', port: 0 }, version: '1.2.3', ...more });
    running.push(sidecar);
    return { sidecar, url: `http://127.0.0.1:${String(sidecar.address.port)}` };
  };
  const get = async (
    url: string,
    method: 'GET' | 'HEAD' | 'POST' = 'GET',
  ): Promise<{ status: number; body: string; headers: Record<string, unknown> }> => {
    const { statusCode, body, headers } = await request(url, { method, reset: true });
    return { status: statusCode, body: await body.text(), headers };
  };
  /** A request that has begun and not ended. */
  const halfRequest = async (port: number): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write('GET /version HTTP/1.1\r\nhost: x\r\n');
    return socket;
  };

  it('says that it is well, and its version', async () => {
    const { url } = await start();
    const { status, body, headers } = await get(`${url}/healthz?verbose`);
    expect(status).toBe(200);
    expect(JSON.parse(body)).toEqual({ status: 'ok', version: '1.2.3' });
    expect(headers['content-type']).toBe('application/json');
    expect(health()).toEqual({ status: 200, body: { status: 'ok' } });
  });

  it('says who it is', async () => {
    const { url } = await start({ tenant: 'acme' });
    expect(JSON.parse((await get(`${url}/version`)).body)).toEqual({
      version: '1.2.3',
      pid: process.pid,
      uptime_s: expect.any(Number) as number,
      tenant: 'acme',
    });
    const { url: other } = await start();
    expect(JSON.parse((await get(`${other}/version`)).body)).not.toHaveProperty('tenant');
  });

  it('answers HEAD without a body', async () => {
    const { url } = await start();
    const { status, body, headers } = await get(`${url}/healthz`, 'HEAD');
    expect({ status, body }).toEqual({ status: 200, body: '' });
    expect(Number(headers['content-length'])).toBeGreaterThan(0);
  });

  it('knows no other path and no other method', async () => {
    const { url } = await start();
    for (const path of ['/', '/healthz/', '/healthz/x', '/Version']) {
      const { status, body } = await get(`${url}${path}`);
      expect([path, status, JSON.parse(body)]).toEqual([path, 404, { error: 'not found' }]);
    }
    const { status, headers } = await get(`${url}/healthz`, 'POST');
    expect(status).toBe(405);
    expect(headers['allow']).toBe('GET, HEAD');
  });

  it('says why it cannot listen', async () => {
    const { sidecar } = await start();
    await expect(start({ http: { host: '127.0.0.1', port: sidecar.address.port } })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      cause: { code: 'EADDRINUSE' },
    });
  });

  it('lets a request in flight finish, and accepts no other, when it is closed', async () => {
    const { sidecar } = await start();
    const socket = await halfRequest(sidecar.address.port);
    // Answered after the half request was accepted, so that one is in flight.
    await get(`http://127.0.0.1:${String(sidecar.address.port)}/healthz`);
    const closed = sidecar.close();
    const refused = connect(sidecar.address.port, '127.0.0.1');
    expect(await once(refused, 'error')).toEqual([expect.objectContaining({ code: 'ECONNREFUSED' })]);
    socket.write('\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);
    await closed;
  });

  it('says that it is stopping to a request in flight', async () => {
    const { sidecar } = await start();
    const socket = connect(sidecar.address.port, '127.0.0.1');
    socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\n');
    await get(`http://127.0.0.1:${String(sidecar.address.port)}/healthz`);
    const closed = sidecar.close();
    socket.write('\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 503 [^]*"draining"/);
    await closed;
  });

  it('does not wait for ever for a request in flight', async () => {
    const lines: string[] = [];
    const { sidecar } = await start({ drainMs: 50, log: (line) => lines.push(line) });
    const socket = await halfRequest(sidecar.address.port);
    await get(`http://127.0.0.1:${String(sidecar.address.port)}/healthz`);
    const ended = once(socket, 'close');
    await sidecar.close();
    await sidecar.close();
    await ended;
    expect(lines).toHaveLength(1);
  });

  it('does not wait for idle connections', async () => {
    const { sidecar } = await start();
    const socket = connect(sidecar.address.port, '127.0.0.1');
    socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(socket, 'data');
    const ended = once(socket, 'close');
    await sidecar.close();
    await ended;
  });
});
