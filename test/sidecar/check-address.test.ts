/** The check address of the built-in service, where HTTP and gRPC come to one socket. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGrpcProbe } from '../../src/adapters/grpc-probe.ts';
import { createHttpProbe } from '../../src/adapters/http-probe.ts';
import { createGrpcConnections } from '../../src/sidecar/grpc-connections.ts';
import { openHttpPort, type HttpPort } from '../../src/sidecar/http-port.ts';
import { createReadiness, type Readiness } from '../../src/sidecar/readiness.ts';
import { beginsHttp2 } from '../../src/sidecar/spoken.ts';

const never = new AbortController().signal;

describe('the address that speaks HTTP and gRPC', () => {
  let readiness: Readiness;
  let port: HttpPort;
  beforeEach(async () => {
    readiness = createReadiness();
    const common = { readiness, log: () => undefined };
    port = await openHttpPort({
      ...common,
      listen: { host: '127.0.0.1', port: 0 },
      version: '1.2.3',
      tenant: undefined,
      lingerMs: 0,
      grpc: createGrpcConnections(common),
    });
  });
  afterEach(() => port.close(0));
  const at = (): string => `127.0.0.1:${String(port.address.port)}`;
  const grpc = (): ReturnType<typeof createGrpcProbe> =>
    createGrpcProbe({ url: `grpc://${at()}`, timeoutMs: 20_000 });
  const connected = async (): Promise<Socket> => {
    const socket = connect(port.address.port, '127.0.0.1');
    await once(socket, 'connect');
    return socket.setNoDelay();
  };

  it('answers both, in turn and at once', async () => {
    const http = createHttpProbe({
      url: `http://${at()}/healthz`,
      socket: null,
      status: [200],
      body: null,
      headers: {},
      timeoutMs: 20_000,
    });
    expect(await grpc().look(never)).toEqual({ healthy: true, detail: 'SERVING' });
    expect(await http.look(never)).toMatchObject({ healthy: true });
    const both = await Promise.all([http, grpc(), http, grpc()].map((probe) => probe.look(never)));
    expect(both.map(({ healthy }) => healthy)).toEqual([true, true, true, true]);
  });

  it('says by gRPC too that it stops', async () => {
    readiness.drain();
    expect(await grpc().look(never)).toMatchObject({ healthy: false, detail: 'NOT_SERVING' });
  });

  it('tells them apart however the first bytes come', async () => {
    const socket = await connected();
    // As long as it may yet be the one or the other.
    for (const byte of 'PRI * HTTP/2.0') {
      socket.write(byte);
      await setImmediate();
    }
    socket.end('x');
    expect(await text(socket)).toMatch(/^HTTP\/1.1 400 /);
    const patch = await connected();
    for (const byte of 'PATCH /version HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n') {
      patch.write(byte);
      await setImmediate();
    }
    expect(await text(patch)).toMatch(/^HTTP\/1.1 405 /);
  });

  it('is closed though somebody has connected and said nothing', async () => {
    const silent = await connected();
    const begun = await connected();
    begun.write('PRI');
    silent.resume();
    begun.resume();
    const [closed] = await Promise.all([
      port.close(20_000).then(() => true),
      once(silent, 'close'),
      once(begun, 'close'),
    ]);
    expect(closed).toBe(true);
  });

  it('lets who ends without a word go', async () => {
    const socket = await connected();
    socket.end();
    expect(await text(socket)).toBe('');
  });
});

describe('the first bytes of a connection', () => {
  it.each([
    ['', null],
    ['P', null],
    ['PRI * HTTP/2.0\r', null],
    ['PRI * HTTP/2.0\r\n', true],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', true],
    ['PRI * HTTP/1.1\r\n', false],
    ['PUT / HTTP/1.1', false],
    ['G', false],
  ])('%j', (head, expected) => {
    expect(beginsHttp2(Buffer.from(head))).toBe(expected);
  });
});
