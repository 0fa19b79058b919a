import { createServer as createHttp2 } from 'node:http2';
import { createServer as createHttp } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createGrpcProbe } from '../../src/adapters/grpc-probe.ts';
import type { HealthProbe } from '../../src/services/ports.ts';
import { open, openGrpc, openRaw, type OpenServer } from './fixtures/probe-servers.ts';

const never = new AbortController().signal;
const servers: OpenServer[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(servers.splice(0).map((server) => server.close()));
});
const keep = async (opening: Promise<OpenServer>): Promise<OpenServer> => {
  const server = await opening;
  servers.push(server);
  return server;
};
const probeOf = ({ port }: OpenServer, service = '', timeoutMs = 5_000): HealthProbe =>
  createGrpcProbe({ url: `grpc://127.0.0.1:${String(port)}/${service}`, timeoutMs });
/** Waits until the server has no connection any more: none is left behind by a look. */
const deserted = (server: OpenServer): Promise<void> =>
  vi.waitFor(() => {
    expect(server.sockets.size).toBe(0);
  });

describe('the gRPC probe', () => {
  it('asks for the service that its path names', async () => {
    const asked: string[] = [];
    const server = await keep(openGrpc((service) => (asked.push(service), 'SERVING')));
    await probeOf(server).look(never);
    await probeOf(server, 'my.app%2FMain').look(never);
    expect(asked).toEqual(['', 'my.app/Main']);
    await deserted(server);
  });

  it.each(['UNKNOWN', 'NOT_SERVING', 'SERVICE_UNKNOWN'])('does not call %s healthy', async (status) => {
    const server = await keep(openGrpc(() => status));
    expect(await probeOf(server).look(never)).toEqual({ healthy: false, detail: status });
  });

  it('names a service that is not known', async () => {
    const server = await keep(openGrpc(() => 'NOT_FOUND'));
    expect((await probeOf(server).look(never)).detail).toBe('gRPC NOT_FOUND: no ä here');
  });

  it('goes straight to its target, past a proxy of the environment', async () => {
    vi.stubEnv('http_proxy', 'http://127.0.0.1:1');
    vi.stubEnv('grpc_proxy', 'http://127.0.0.1:1');
    const server = await keep(openGrpc(() => 'SERVING'));
    expect((await probeOf(server).look(never)).healthy).toBe(true);
  });

  it.each([
    ['never says anything', () => undefined],
    ['speaks something else', (socket: Socket) => socket.end('hello\r\n')],
    ['resets', (socket: Socket) => socket.resetAndDestroy()],
    [
      'says noise without end',
      (socket: Socket) => {
        const noise = (): void => {
          while (socket.write(Buffer.alloc(65_536, 7)));
        };
        socket.on('drain', noise);
        noise();
      },
    ],
  ])('gives up on a server that %s, and leaves no connection', async (_, onConnection) => {
    const server = await keep(openRaw(onConnection));
    const probe = probeOf(server, '', 200);
    for (let look = 0; look < 3; look += 1) expect((await probe.look(never)).healthy).toBe(false);
    await deserted(server);
  });

  it('gives up on a call that is accepted and never answered, and leaves no connection', async () => {
    const server = await keep(open(createHttp2((request) => request.on('error', () => undefined))));
    const probe = probeOf(server, '', 200);
    for (let look = 0; look < 3; look += 1)
      expect(await probe.look(never)).toEqual({ healthy: false, detail: 'no answer in 0.2 s' });
    await deserted(server);
  });

  it('gives up on messages that are too large, or no messages', async () => {
    let message = Buffer.alloc(100_000);
    const server = await keep(
      open(
        createHttp2((_, response) => {
          const head = Buffer.alloc(5);
          head.writeUInt32BE(message.length, 1);
          response.writeHead(200, { 'content-type': 'application/grpc' });
          response.end(Buffer.concat([head, message]));
        }),
      ),
    );
    expect((await probeOf(server).look(never)).detail).toMatch(/at most 16384 bytes/);
    message = Buffer.from('ffff', 'hex');
    expect((await probeOf(server).look(never)).detail).toBe('expected a gRPC status, found none');
    await deserted(server);
  });

  it('does not take an HTTP server for healthy', async () => {
    const server = await keep(open(createHttp((_, response) => response.end('SERVING'))));
    expect((await probeOf(server).look(never)).healthy).toBe(false);
  });
});
