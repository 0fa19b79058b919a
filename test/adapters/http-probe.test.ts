import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import * as net from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpProbe } from '../../src/adapters/http-probe.ts';

const never = new AbortController().signal;
const portOf = (server: net.Server): number => (server.address() as AddressInfo).port;

async function listen<T extends net.Server>(server: T, port = 0): Promise<T> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

describe('the HTTP probe', () => {
  const closers: (() => void)[] = [];
  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });
  const serve = async (listener: RequestListener): Promise<{ url: string; server: Server }> => {
    const server = await listen(createServer(listener));
    closers.push(() => {
      server.close();
      server.closeAllConnections();
    });
    return { server, url: `http://127.0.0.1:${String(portOf(server))}/healthz` };
  };
  const serveRaw = async (onConnection: (socket: net.Socket) => void): Promise<string> => {
    const sockets = new Set<net.Socket>();
    const server = await listen(
      net.createServer((socket) => {
        sockets.add(socket);
        socket.on('error', () => undefined);
        onConnection(socket);
      }),
    );
    closers.push(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    return `http://127.0.0.1:${String(portOf(server))}/`;
  };

  it('asks with GET for the path, each time on a new connection', async () => {
    const seen: string[] = [];
    const { url, server } = await serve((request, response) => {
      seen.push(`${String(request.method)} ${String(request.url)} ${String(request.headers.connection)}`);
      response.end();
    });
    let connections = 0;
    server.on('connection', () => (connections += 1));
    const probe = createHttpProbe({ url: `${url}?deep=1` });
    await probe.look(never);
    await probe.look(never);
    expect(seen).toEqual(['GET /healthz?deep=1 close', 'GET /healthz?deep=1 close']);
    expect(connections).toBe(2);
  });

  it('does not follow a redirect', async () => {
    const asked: string[] = [];
    const { url } = await serve((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(request.url === '/healthz' ? 302 : 200, { location: '/other' }).end();
    });
    expect(await createHttpProbe({ url }).look(never)).toEqual({ healthy: false, detail: 'HTTP 302' });
    expect(asked).toEqual(['/healthz']);
  });

  it('stops reading a body without end', async () => {
    const { url } = await serve((_, response) => {
      const write = (): void => {
        while (response.write(Buffer.alloc(16_384)));
      };
      response.on('drain', write);
      write();
    });
    expect(await createHttpProbe({ url, timeoutMs: 60_000 }).look(never)).toEqual({
      healthy: true,
      detail: 'HTTP 200',
    });
  });

  it('goes by the status when the body breaks off or stalls', async () => {
    const broken = await serveRaw((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'));
    expect(await createHttpProbe({ url: broken }).look(never)).toEqual({ healthy: true, detail: 'HTTP 200' });
    const stalled = await serveRaw((socket) =>
      socket.write('HTTP/1.1 500 No\r\ncontent-length: 10\r\n\r\nabc'),
    );
    expect(await createHttpProbe({ url: stalled, timeoutMs: 100 }).look(never)).toEqual({
      healthy: false,
      detail: 'HTTP 500',
    });
  });

  it('names what answers without being HTTP, or not at all', async () => {
    const gibberish = await serveRaw((socket) => socket.end('hello\r\n'));
    expect(await createHttpProbe({ url: gibberish }).look(never)).toEqual({
      healthy: false,
      detail: 'not an HTTP answer',
    });
    const closing = await serveRaw((socket) => socket.end());
    expect(await createHttpProbe({ url: closing }).look(never)).toEqual({
      healthy: false,
      detail: 'connection closed without an answer',
    });
  });

  it('is cancelled in the middle of a look', async () => {
    const controller = new AbortController();
    const url = await serveRaw(() => {
      controller.abort();
    });
    await expect(createHttpProbe({ url, timeoutMs: 60_000 }).look(controller.signal)).rejects.toMatchObject({
      code: 'CANCELLED',
    });
  });

  it('calls only status 200 healthy, unless told of others', async () => {
    let status = 200;
    const { url } = await serve((_, response) => response.writeHead(status, { location: '/x' }).end('{}'));
    for (status of [204, 301, 404, 429, 500, 503])
      expect(await createHttpProbe({ url }).look(never)).toEqual({
        healthy: false,
        detail: `HTTP ${String(status)}`,
      });
    status = 204;
    expect(await createHttpProbe({ url, status: [200, 204] }).look(never)).toEqual({
      healthy: true,
      detail: 'HTTP 204',
    });
  });

  it('sends the headers that it is told, over its own', async () => {
    const seen: unknown[] = [];
    const { url } = await serve(({ headers }, response) => {
      seen.push(headers.accept, headers.host, headers['x-token']);
      response.end();
    });
    await createHttpProbe({ url, headers: { accept: 'text/plain', host: 'me', 'x-token': 't' } }).look(never);
    expect(seen).toEqual(['text/plain', 'me', 't']);
  });

  it('wants the text that it is told in the body, however it arrives', async () => {
    const { url } = await serve((request, response) => {
      if (request.url === '/healthz') {
        response.write('{"state":"re');
        setImmediate(() => response.write('ady"}'));
      } else response.end(request.url === '/late' ? `${' '.repeat(100_000)}"ready"` : 'not yet');
    });
    // It does not wait for the end of a body that holds it.
    expect(await createHttpProbe({ url, body: '"ready"', timeoutMs: 60_000 }).look(never)).toEqual({
      healthy: true,
      detail: 'HTTP 200',
    });
    for (const path of ['/wrong', '/late'])
      expect(
        await createHttpProbe({ url: new URL(path, url).href, body: '"ready"' }).look(never),
      ).toMatchObject({ healthy: false, detail: expect.stringContaining('does not hold') as string });
  });

  it.each([
    ['429', '7', 7_000],
    ['503', '0', 0],
    ['503', '86400', 60_000],
    ['503', new Date(Date.now() + 3_600_000).toUTCString(), 60_000],
  ])('takes %s with Retry-After %s for "not yet"', async (status, after, retryAfterMs) => {
    const { url } = await serve((_, response) => {
      response.writeHead(Number(status), { 'retry-after': after }).end();
    });
    expect(await createHttpProbe({ url }).look(never)).toEqual({
      healthy: false,
      detail: `HTTP ${status}: not yet, again in ${String(retryAfterMs / 1000)} s`,
      retryAfterMs,
    });
  });

  it('takes Retry-After for nothing more: another status, no number, a status that is healthy', async () => {
    let answer: [number, string] = [500, '1'];
    const { url } = await serve((_, response) => {
      response.writeHead(answer[0], { 'retry-after': answer[1] }).end();
    });
    expect(await createHttpProbe({ url }).look(never)).toEqual({ healthy: false, detail: 'HTTP 500' });
    answer = [503, 'soon'];
    expect(await createHttpProbe({ url }).look(never)).toEqual({ healthy: false, detail: 'HTTP 503' });
    answer = [503, '1'];
    expect((await createHttpProbe({ url, status: [503] }).look(never)).healthy).toBe(true);
  });

  it('gives up on headers that drip', async () => {
    const dripping = await serveRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nx: ');
      const drip = setInterval(() => socket.write('a'), 5);
      socket.once('close', () => {
        clearInterval(drip);
      });
    });
    expect(await createHttpProbe({ url: dripping, timeoutMs: 100 }).look(never)).toEqual({
      healthy: false,
      detail: 'no answer in 0.1 s',
    });
  });

  it('names a connection that is reset', async () => {
    const resetting = await serveRaw((socket) => {
      socket.once('data', () => socket.resetAndDestroy());
    });
    expect(await createHttpProbe({ url: resetting }).look(never)).toEqual({
      healthy: false,
      detail: 'connection closed without an answer',
    });
  });

  it.each(['', 'healthz', 'ftp://127.0.0.1/', 'unix:/x'])('does not take %j for its address', (url) => {
    expect(() => createHttpProbe({ url })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});
