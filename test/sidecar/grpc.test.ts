import { once } from 'node:events';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { createRequire } from 'node:module';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import {
  credentials,
  loadPackageDefinition,
  makeClientConstructor,
  status,
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type GrpcObject,
  type ServiceClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { service as HEALTH } from 'grpc-health-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Health } from '../../src/sidecar/health.ts';
import { startSidecar, type Sidecar, type SidecarOptions } from '../../src/sidecar/sidecar.ts';

const now = vi.hoisted((): { health: Health } => ({ health: { status: 200, body: { status: 'ok' } } }));
vi.mock('../../src/sidecar/health.ts', () => ({ health: () => now.health }));

type Reply = (error: ServiceError | null, value: unknown) => void;
/** Clients that other people's definitions make, so that they find what is wrong with ours. */
type HealthClient = Client & {
  check(request: { service: string }, reply: Reply): void;
  list(request: object, reply: Reply): void;
  watch(request: { service: string }): ClientReadableStream<{ status: string }>;
};
type ReflectionClient = Client & {
  serverReflectionInfo(): ClientDuplexStream<object, Record<string, unknown>>;
};

const HealthService = makeClientConstructor(HEALTH, 'Health');
const reflectionOf = (edition: string): ServiceClientConstructor => {
  const from = createRequire(import.meta.url).resolve('@grpc/reflection');
  const path = join(from, `../../proto/grpc/reflection/${edition}/reflection.proto`);
  const loaded = loadPackageDefinition(loadSync(path, { keepCase: true, enums: String, oneofs: true }));
  const at = (of: GrpcObject, name: string): GrpcObject => of[name] as GrpcObject;
  return at(at(at(loaded, 'grpc'), 'reflection'), edition)['ServerReflection'] as ServiceClientConstructor;
};

describe('the gRPC port', () => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    now.health = { status: 200, body: { status: 'ok' } };
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  const start = async (more: Partial<SidecarOptions> = {}): Promise<{ sidecar: Sidecar; port: number }> => {
    const any = { host: '127.0.0.1', port: 0 };
    const sidecar = await startSidecar({ http: any, grpc: any, version: '1.2.3', drainMs: 5_000, ...more });
    cleanups.push(() => sidecar.close());
    return { sidecar, port: sidecar.grpcAddress?.port ?? 0 };
  };
  const client = (of: ServiceClientConstructor, port: number): Client => {
    const made = new of(`127.0.0.1:${String(port)}`, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    });
    cleanups.push(() => {
      made.close();
    });
    return made;
  };
  const healthClient = (port: number): HealthClient => client(HealthService, port) as HealthClient;
  const check = (from: HealthClient, service = ''): Promise<unknown> =>
    new Promise((resolve) => {
      from.check({ service }, (error, value) => {
        resolve(error === null ? value : { code: error.code, details: error.details });
      });
    });
  const raw = async (port: number): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    cleanups.push(() => socket.destroy());
    socket.on('error', () => undefined).resume();
    await once(socket, 'connect');
    return socket;
  };
  const http2 = async (port: number): Promise<ClientHttp2Session> => {
    const session = connectHttp2(`http://127.0.0.1:${String(port)}`);
    cleanups.push(() => {
      session.destroy();
    });
    session.on('error', () => undefined);
    await once(session, 'remoteSettings');
    return session;
  };
  it('is healthy as a whole and by name, and knows no other service', async () => {
    const { port } = await start();
    const from = healthClient(port);
    expect(await check(from)).toEqual({ status: 'SERVING' });
    expect(await check(from, 'coresdk.sidecar')).toEqual({ status: 'SERVING' });
    expect(await check(from, 'other')).toMatchObject({ code: status.NOT_FOUND });
    const listed = new Promise((resolve) => {
      from.list({}, (_, value) => {
        resolve(value);
      });
    });
    expect(await listed).toEqual({
      statuses: { '': { status: 'SERVING' }, 'coresdk.sidecar': { status: 'SERVING' } },
    });
  });

  it.each(['v1', 'v1alpha'])('tells of its services by reflection %s', async (edition) => {
    const { port } = await start();
    const stream = (client(reflectionOf(edition), port) as ReflectionClient).serverReflectionInfo();
    stream.write({ host: 'x', list_services: '*' });
    const [services] = (await once(stream, 'data')) as [Record<string, unknown>];
    expect(services).toMatchObject({ valid_host: 'x', original_request: { list_services: '*' } });
    expect(JSON.stringify(services['list_services_response'])).toContain('grpc.health.v1.Health');
    stream.write({ file_containing_symbol: 'grpc.health.v1.Health' });
    const [file] = (await once(stream, 'data')) as [Record<string, { file_descriptor_proto: Buffer[] }>];
    expect(file['file_descriptor_response']?.file_descriptor_proto.map(String)[0]).toContain('ServingStatus');
    stream.write({ file_by_filename: 'nothing.proto' });
    const [missing] = (await once(stream, 'data')) as [Record<string, unknown>];
    expect(missing).toMatchObject({ error_response: { error_code: status.NOT_FOUND } });
    const ended = once(stream, 'end');
    stream.end();
    await ended;
  });

  it('knows no other method, and refuses what is no message', async () => {
    const { port } = await start();
    const from = healthClient(port);
    const call = (path: string, bytes: Buffer): Promise<unknown> =>
      new Promise((resolve) => {
        const same = (value: Buffer): Buffer => value;
        from.makeUnaryRequest(path, same, same, bytes, (error) => {
          resolve(error?.code);
        });
      });
    expect(await call('/coresdk.sidecar/Nothing', Buffer.alloc(0))).toBe(status.UNIMPLEMENTED);
    expect(await call('/grpc.health.v1.Health/Check', Buffer.from('0a05aa', 'hex'))).toBe(status.INTERNAL);
    expect(await call('/grpc.health.v1.Health/Check', Buffer.alloc(20_000))).toBe(status.RESOURCE_EXHAUSTED);
    expect(await check(from)).toEqual({ status: 'SERVING' });
  });

  it('is as healthy as the HTTP port says, also to those who watch', async () => {
    const { port } = await start();
    const from = healthClient(port);
    const watching = from.watch({ service: 'coresdk.sidecar' });
    watching.on('error', () => undefined);
    expect(await once(watching, 'data')).toEqual([{ status: 'SERVING' }]);
    now.health = { status: 500, body: {} };
    expect(await check(from)).toEqual({ status: 'NOT_SERVING' });
    expect(await once(watching, 'data')).toEqual([{ status: 'NOT_SERVING' }]);
    watching.cancel();
  });

  it('tells those who watch that it is stopping, and ends with them', async () => {
    const { sidecar, port } = await start();
    const watching = healthClient(port).watch({ service: '' });
    const told: string[] = [];
    watching.on('data', ({ status: value }: { status: string }) => told.push(value));
    const failed = once(watching, 'error');
    await once(watching, 'data');
    await sidecar.close();
    expect(told).toEqual(['SERVING', 'NOT_SERVING']);
    expect(await failed).toEqual([expect.objectContaining({ code: status.UNAVAILABLE })]);
  });

  it('tells those who watch a service that it does not know', async () => {
    const { port } = await start();
    const watching = healthClient(port).watch({ service: 'other' });
    watching.on('error', () => undefined);
    expect(await once(watching, 'data')).toEqual([{ status: 'SERVICE_UNKNOWN' }]);
    watching.cancel();
  });

  it('lets a call in flight finish when it is closed, says go away, and takes no other', async () => {
    const { sidecar, port } = await start();
    const session = await http2(port);
    const call = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    call.write(Buffer.from([0, 0]));
    const went = once(session, 'goaway');
    // Answered after the half call was accepted, so that one is in flight.
    expect(await check(healthClient(port))).toEqual({ status: 'SERVING' });
    const closed = sidecar.close();
    await went;
    const refused = connect(port, '127.0.0.1');
    expect(await once(refused, 'error')).toEqual([expect.objectContaining({ code: 'ECONNREFUSED' })]);
    call.end(Buffer.from([0, 0, 0]));
    const [answer] = (await once(call, 'data')) as [Buffer];
    // NOT_SERVING: it is the health of a service that is stopping.
    expect(answer.toString('hex')).toBe('00000000020802');
    await closed;
  });

  it('does not wait for ever for a call in flight', async () => {
    const lines: string[] = [];
    const { sidecar, port } = await start({ drainMs: 50, log: (line) => lines.push(line) });
    const session = await http2(port);
    session
      .request({ ':method': 'POST', ':path': '/x', 'content-type': 'application/grpc' })
      .on('error', () => undefined);
    const stuck = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
    });
    stuck.on('error', () => undefined);
    expect(await check(healthClient(port))).toEqual({ status: 'SERVING' });
    const ended = once(session, 'close');
    await sidecar.close();
    await ended;
    expect(lines).toEqual(['closing gRPC connections whose calls did not finish in time']);
  });

  it('does not wait for connections that never said anything, or nonsense', async () => {
    const { sidecar, port } = await start({ drainMs: 60_000 });
    const silent = await raw(port);
    const garbage = await raw(port);
    garbage.write('GET / HTTP/1.1\r\n\r\n');
    await once(garbage, 'close');
    const rude = await raw(port);
    rude.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    rude.resetAndDestroy();
    expect(await check(healthClient(port))).toEqual({ status: 'SERVING' });
    const ended = once(silent, 'close');
    await sidecar.close();
    await ended;
  });

  it('ends a call whose request does not arrive in time', async () => {
    const { port } = await start({ grpcLimits: { requestMs: 50 } });
    const session = await http2(port);
    const call = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
    });
    call.on('error', () => undefined);
    // What the client does with its half of the stream is its own affair; nothing waits for it.
    const [headers] = (await once(call, 'response')) as [Record<string, string>];
    expect(Number(headers['grpc-status'])).toBe(status.DEADLINE_EXCEEDED);
  });

  it('ends connections without a call', async () => {
    const { port } = await start({ grpcLimits: { idleMs: 50 } });
    const silent = await raw(port);
    await once(silent, 'close');
  });

  it('has no more connections than it wants to serve', async () => {
    const { port } = await start();
    const sockets = await Promise.all(Array.from({ length: 256 }, () => raw(port)));
    const refused = await raw(port);
    await once(refused, 'close');
    const freed = once(sockets[0]!, 'close');
    sockets[0]!.destroy();
    await freed;
    await vi.waitFor(async () => {
      expect(await check(healthClient(port))).toEqual({ status: 'SERVING' });
    });
  });

  it('offers no more streams than it wants to serve', async () => {
    const { port } = await start();
    const session = await http2(port);
    expect(session.remoteSettings.maxConcurrentStreams).toBe(100);
  });
});
