import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import * as net from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpProbe } from '../../src/adapters/http-probe.ts';
import { createScriptedProbe, type Sight } from '../fakes/scripted-probe.ts';
import { healthProbeContract } from './contracts/health-probe.contract.ts';

const never = new AbortController().signal;
const portOf = (server: net.Server): number => (server.address() as AddressInfo).port;

async function listen<T extends net.Server>(server: T, port = 0): Promise<T> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function shut(server: Server): Promise<void> {
  if (!server.listening) return;
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
}

healthProbeContract('http', async () => {
  let sight: Sight = 200;
  const server = await listen(
    createServer((_, response) => {
      if (typeof sight === 'number') response.writeHead(sight, { location: '/elsewhere' }).end('{}');
    }),
  );
  const port = portOf(server);
  return {
    probe: createHttpProbe({ url: `http://127.0.0.1:${String(port)}/healthz`, timeoutMs: 200 }),
    show: async (next) => {
      sight = next;
      if (next === 'refused') await shut(server);
      else if (!server.listening) await listen(server, port);
    },
    close: () => shut(server),
  };
});

healthProbeContract('scripted', () => {
  const probe = createScriptedProbe(200);
  return Promise.resolve({
    probe,
    show: (sight) => {
      probe.script = [sight];
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  });
});

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

  it.each(['', 'healthz', 'ftp://127.0.0.1/', 'unix:/x'])('does not take %j for its address', (url) => {
    expect(() => createHttpProbe({ url })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});
