import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { request } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/sidecar/address.ts';
import { runServe } from '../../src/sidecar/serve.ts';

describe('the address of the service', () => {
  it.each([
    ['127.0.0.1:7701', '127.0.0.1', 7701],
    [':7701', undefined, 7701],
    ['localhost:0', 'localhost', 0],
    ['[::1]:65535', '::1', 65_535],
  ])('may be %j', (text, host, port) => {
    expect(parseAddress('X', text)).toEqual({ host, port });
  });

  it.each([
    '',
    '7701',
    'host',
    'host:',
    'host:65536',
    'host:-1',
    '::1:80',
    'http://h:1',
    'h:1/',
    'a b:1',
    'h:1 ',
  ])('may not be %j', (text) => {
    expect(() => parseAddress('CORESDK_HTTP_ADDR', text)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining('CORESDK_HTTP_ADDR') as string,
      }),
    );
  });
});

describe('the role serve', () => {
  const children: ChildProcessByStdio<null, null, Readable>[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  it.each(['-1', '5001', '1.5', 'x', ''])('does not start with CORESDK_LINGER_MS %j', async (value) => {
    const lines: string[] = [];
    const env = { CORESDK_HTTP_ADDR: '127.0.0.1:0', CORESDK_GRPC_ADDR: 'none', CORESDK_LINGER_MS: value };
    const stderr = { write: (text: string) => lines.push(text) };
    expect(await runServe({ env, version: '1.0.0', stderr, stop: AbortSignal.abort() })).toBe(2);
    expect(lines.join('')).toContain('CORESDK_LINGER_MS to be 0 to 5000');
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('serves until %s, then ends with 0', async (signal) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'fixtures/serve.ts')], {
      env: {
        ...process.env,
        CORESDK_HTTP_ADDR: '127.0.0.1:0',
        CORESDK_GRPC_ADDR: '127.0.0.1:0',
        CORESDK_TENANT: 'acme',
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    children.push(child);
    const ended = once(child, 'exit');
    const [line] = (await once(child.stderr, 'data')) as [Buffer];
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line.toString())?.[0] ?? line.toString();
    const { body } = await request(`${url}/version`);
    expect(await body.json()).toMatchObject({ version: '1.2.3', pid: child.pid, tenant: 'acme' });
    expect(line.toString()).toMatch(/ and grpc:\/\/127\.0\.0\.1:\d+\n$/);
    child.kill(signal);
    expect(await ended).toEqual([0, null]);
  });

  const run = async (address: string, grpc = 'none'): Promise<{ code: number; lines: string[] }> => {
    const lines: string[] = [];
    const stderr = { write: (text: string) => lines.push(text) };
    const code = await runServe({
      env: { CORESDK_HTTP_ADDR: address, CORESDK_GRPC_ADDR: grpc },
      version: '1.2.3',
      stderr,
      stop: AbortSignal.abort(),
    });
    return { code, lines };
  };

  it('says in one line that its address is in use, and ends with 1', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = `127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    expect(await run(address)).toEqual({
      code: 1,
      lines: [`coresdk-sidecar serve: expected ${address} to be free, found that it is in use\n`],
    });
    server.close();
    await once(server, 'close');
  });

  it('says the same of its gRPC port, and lets go of the other', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const taken = `127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    expect(await run('127.0.0.1:0', taken)).toEqual({
      code: 1,
      lines: [`coresdk-sidecar serve: expected ${taken} to be free, found that it is in use\n`],
    });
    server.close();
    await once(server, 'close');
    expect((await run('127.0.0.1:0', 'off')).lines[0]).toMatch(/CORESDK_GRPC_ADDR.*"off"/);
  });

  it('has no gRPC port where none is wanted', async () => {
    const { lines } = await run('127.0.0.1:0');
    expect(lines[0]).not.toContain('grpc');
  });

  it('says in one line that its address is not one, and ends with 2', async () => {
    const { code, lines } = await run('nonsense');
    expect(code).toBe(2);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/CORESDK_HTTP_ADDR.*"nonsense"\n$/);
  });

  it('stops at once when it is told to while it starts', async () => {
    expect((await run('127.0.0.1:0')).code).toBe(0);
  });
});
