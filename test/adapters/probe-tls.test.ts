import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { ServerCredentials } from '@grpc/grpc-js';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createProbe, type ProbeSettings } from '../../src/adapters/probe.ts';
import { refusal } from '../fixtures/refusal.ts';
import { makeCertificates, type Certificates } from './fixtures/certificates.ts';
import { open, openGrpc, openRaw, type OpenServer } from './fixtures/probe-servers.ts';

const never = new AbortController().signal;
const SETTINGS: ProbeSettings = {
  url: '',
  socket: null,
  exec: null,
  status: [200],
  body: null,
  headers: {},
  caFile: null,
  timeoutMs: 5_000,
};
let ours: Certificates;
let theirs: Certificates;
beforeAll(async () => {
  ours = await makeCertificates();
  theirs = await makeCertificates();
});
afterAll(async () => {
  await ours[Symbol.asyncDispose]();
  await theirs[Symbol.asyncDispose]();
});

const servers: OpenServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});
const pair = async (): Promise<{ cert: Buffer; key: Buffer }> => ({
  cert: await readFile(ours.server.cert),
  key: await readFile(ours.server.key),
});
const kinds = {
  https: async () => open(createServer(await pair(), (_, response) => response.end('{}'))),
  grpcs: async () => {
    const { cert, key } = await pair();
    const credentials = ServerCredentials.createSsl(null, [{ cert_chain: cert, private_key: key }]);
    return openGrpc(() => 'SERVING', { credentials });
  },
};
const serve = async (kind: keyof typeof kinds, host = '127.0.0.1'): Promise<string> => {
  const server = await kinds[kind]();
  servers.push(server);
  return `${kind}://${host}:${String(server.port)}/`;
};

describe('a gRPC probe with TLS', () => {
  it('leaves no connection to a server that speaks TLS and not HTTP/2, nor to one that does not go on', async () => {
    const first = await open(
      createTlsServer(await pair(), (socket) => socket.on('error', () => undefined).resume()),
    );
    const second = await openRaw(() => undefined);
    servers.push(first, second);
    const look = async ({ port }: OpenServer, timeoutMs: number): Promise<string> => {
      const url = `grpcs://127.0.0.1:${String(port)}`;
      return (await (await createProbe({ ...SETTINGS, url, caFile: ours.ca, timeoutMs })).look(never)).detail;
    };
    expect([await look(first, 60_000), await look(second, 300)]).toEqual([
      'not an HTTP/2 server',
      'no answer in 0.3 s',
    ]);
    await vi.waitFor(() => {
      expect([first.sockets.size, second.sockets.size]).toEqual([0, 0]);
    });
  });
});

describe.each(['https', 'grpcs'] as const)('a probe with %s', (kind) => {
  it.each(['127.0.0.1', 'localhost'])('believes the authority of its CA file, at %s', async (host) => {
    const probe = await createProbe({ ...SETTINGS, url: await serve(kind, host), caFile: ours.ca });
    expect(await probe.look(never)).toMatchObject({ healthy: true });
  });

  it('believes nobody else', async () => {
    const url = await serve(kind);
    for (const caFile of [theirs.ca, null]) {
      const probe = await createProbe({ ...SETTINGS, url, caFile });
      const { healthy, detail } = await probe.look(never);
      expect(healthy).toBe(false);
      expect(detail).toMatch(/certificate/);
      expect(await probe.answered(never)).toBe(true);
    }
  });

  it('reads the file again when it has changed', async () => {
    const caFile = join(ours.folder, `${kind}-rotating.pem`);
    await writeFile(caFile, await readFile(theirs.ca));
    const probe = await createProbe({ ...SETTINGS, url: await serve(kind), caFile });
    expect((await probe.look(never)).healthy).toBe(false);
    await writeFile(caFile, await readFile(ours.ca));
    expect((await probe.look(never)).healthy).toBe(true);
  });

  it('is not made with a CA file that is none', async () => {
    const broken = join(ours.folder, 'broken.pem');
    await writeFile(broken, 'nothing');
    for (const caFile of [broken, join(ours.folder, 'missing.pem')]) {
      const making = createProbe({ ...SETTINGS, url: `${kind}://127.0.0.1:1/`, caFile });
      expect(await refusal(making)).toBe('CONFIG_INVALID');
      await expect(making).rejects.toThrow(/^probe\.ca_file: /);
    }
  });
});
