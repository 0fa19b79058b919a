import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rename, symlink, utimes, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { serveFeed, type FeedServer, type ServeFeedOptions } from '../../src/publish/serve.ts';
import { noise } from '../fixtures/noise.ts';
import { refusal } from '../fixtures/refusal.ts';
import { makeFeed, makeRelease, tempFolder } from '../fixtures/release.ts';

const servers: FeedServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close(0);
});

async function serve(dir: string, more: Partial<ServeFeedOptions> = {}): Promise<FeedServer> {
  const server = await serveFeed({ dir, ...more });
  servers.push(server);
  return server;
}

/** A feed's folder with one bundle of 100 000 bytes and one head. */
async function folder(): Promise<{ dir: string; bundle: Buffer }> {
  const dir = join(await tempFolder(), 'feed');
  const bundle = noise(100_000);
  await mkdir(join(dir, 'bundles'), { recursive: true });
  await mkdir(join(dir, 'by-key', '-a_B'), { recursive: true });
  await writeFile(join(dir, 'bundles', 'x+1@2.jws'), bundle);
  await writeFile(join(dir, 'stable.jws'), 'head');
  await writeFile(join(dir, 'by-key', '-a_B', 'stable.jws'), 'old head');
  await writeFile(join(dir, 'empty.jws'), '');
  return { dir, bundle };
}

/** Asks with the target as it is; `fetch` would tidy it up. */
async function ask(
  server: FeedServer,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<{ status: number; headers: Record<string, unknown>; body: Buffer }> {
  const asked = request({ host: '127.0.0.1', port: server.port, path, headers, method, agent: false });
  asked.end();
  const [response] = (await once(asked, 'response')) as [import('node:http').IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) };
}

describe('serveFeed', () => {
  it('shows the files of a published feed at its URL', async () => {
    const { feedDir, head } = await makeFeed({ bundles: [(await makeRelease({ version: '1.0.0' })).path] });
    const server = await serve(feedDir);
    expect(server.url).toBe(`http://127.0.0.1:${String(server.port)}/`);
    for (const path of ['stable.jws', head.targets[0]?.bundles[0]?.path ?? 'none']) {
      const response = await fetch(new URL(path, server.url));
      expect(response.status).toBe(200);
      expect(Buffer.from(await response.arrayBuffer())).toEqual(await readFile(join(feedDir, path)));
    }
  });

  it('lets bundles be cached for ever, and heads not without asking again', async () => {
    const { dir, bundle } = await folder();
    const server = await serve(dir);
    const whole = await ask(server, '/bundles/x+1@2.jws?query');
    expect(whole.body.equals(bundle)).toBe(true);
    expect(whole.headers).toMatchObject({
      'content-length': '100000',
      'content-type': 'application/jose',
      'cache-control': 'public, max-age=31536000, immutable',
      'accept-ranges': 'bytes',
      'x-content-type-options': 'nosniff',
    });
    for (const path of ['/stable.jws', '/by-key/-a_B/stable.jws'])
      expect((await ask(server, path)).headers).toMatchObject({ 'cache-control': 'no-cache' });
    expect(await ask(server, '/bundles/x%2B1%402.jws')).toMatchObject({ status: 200 });
    expect((await ask(server, '/empty.jws')).headers).toMatchObject({ 'content-length': '0' });
  });

  it('answers HEAD with the headers alone', async () => {
    const { dir } = await folder();
    const server = await serve(dir);
    const { status, headers, body } = await ask(server, '/bundles/x+1@2.jws', { range: 'bytes=0-1' }, 'HEAD');
    expect({ status, length: headers['content-length'], body: body.length }).toEqual({
      status: 200,
      length: '100000',
      body: 0,
    });
  });

  it('resumes from a byte while the file is the same, and starts again when it is not', async () => {
    const { dir, bundle } = await folder();
    const server = await serve(dir);
    const path = '/bundles/x+1@2.jws';
    const etag = String((await ask(server, path)).headers['etag']);
    const resume = { range: 'bytes=99990-', 'if-range': etag };
    const rest = await ask(server, path, resume);
    expect(rest.status).toBe(206);
    expect(rest.headers).toMatchObject({
      'content-range': 'bytes 99990-99999/100000',
      'content-length': '10',
    });
    expect(rest.body.equals(bundle.subarray(99_990))).toBe(true);

    const past = await ask(server, path, { range: 'bytes=100000-' });
    expect(past).toMatchObject({ status: 416, headers: { 'content-range': 'bytes */100000' } });

    await writeFile(join(dir, 'next'), noise(100_000).reverse());
    await rename(join(dir, 'next'), join(dir, 'bundles', 'x+1@2.jws'));
    expect(await ask(server, path, resume)).toMatchObject({ status: 200 });
  });

  it('gives another tag to other bytes of the same length and time', async () => {
    const { dir } = await folder();
    const server = await serve(dir);
    const time = new Date('2026-01-01T00:00:00Z');
    await utimes(join(dir, 'stable.jws'), time, time);
    const before = await ask(server, '/stable.jws');
    expect(before.headers['last-modified']).toBe('Thu, 01 Jan 2026 00:00:00 GMT');
    await writeFile(join(dir, 'next'), 'HEAD');
    await utimes(join(dir, 'next'), time, time);
    await rename(join(dir, 'next'), join(dir, 'stable.jws'));
    expect((await ask(server, '/stable.jws')).headers['etag']).not.toBe(before.headers['etag']);
  });

  it('says 304 to who has it already', async () => {
    const { dir } = await folder();
    const server = await serve(dir);
    const etag = String((await ask(server, '/stable.jws')).headers['etag']);
    const again = await ask(server, '/stable.jws', { 'if-none-match': etag });
    expect(again).toMatchObject({ status: 304, headers: { etag, 'cache-control': 'no-cache' } });
    expect(again.body).toHaveLength(0);
    expect(again.headers).not.toHaveProperty('content-length');
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('refuses %s', async (method) => {
    const { dir } = await folder();
    expect(await ask(await serve(dir), '/stable.jws', {}, method)).toMatchObject({
      status: 405,
      headers: { allow: 'GET, HEAD' },
    });
    expect(await readFile(join(dir, 'stable.jws'), 'utf8')).toBe('head');
  });

  it('shows nothing but plain files of the folder', async () => {
    const { dir } = await folder();
    const outside = await tempFolder();
    await writeFile(join(outside, 'secret'), 'secret');
    await writeFile(join(dir, '..', 'secret'), 'secret');
    await writeFile(join(dir, '.hidden'), 'secret');
    await mkdir(join(dir, '.git'));
    await writeFile(join(dir, '.git', 'config'), 'secret');
    await writeFile(join(dir, 'a b'), 'secret');
    await symlink(join(outside, 'secret'), join(dir, 'link'));
    await symlink(outside, join(dir, 'linked'));
    await symlink('../secret', join(dir, 'relative'));
    await symlink('.hidden', join(dir, 'unhidden'));
    await symlink('round', join(dir, 'round'));
    execFileSync('mkfifo', [join(dir, 'pipe')]);
    const server = await serve(dir);
    for (const path of [
      '/',
      '/bundles',
      '/bundles/',
      '//stable.jws',
      '/./stable.jws',
      '/bundles/../stable.jws',
      '/../secret',
      '/%2e%2e/secret',
      '/..%2fsecret',
      '/bundles/..%2f..%2fsecret',
      '/..\\secret',
      '/stable.jws%00',
      '/stable.jws/',
      '/stable.jws/x',
      '/%',
      '/%ff',
      '/.hidden',
      '/.git/config',
      '/a%20b',
      '/link',
      '/linked/secret',
      '/relative',
      '/unhidden',
      '/round',
      '/pipe',
      '/absent',
      `/${'a'.repeat(300)}`,
      '*',
      `http://127.0.0.1/stable.jws`,
    ]) {
      const { status, body } = await ask(server, path);
      expect({ path, status, body: body.toString() }).toEqual({ path, status: 404, body: '404\n' });
    }
  });

  it('follows links that stay in the folder', async () => {
    const { dir } = await folder();
    await symlink('stable.jws', join(dir, 'latest.jws'));
    expect((await ask(await serve(dir), '/latest.jws')).body.toString()).toBe('head');
  });

  it('tells of each request', async () => {
    const { dir } = await folder();
    const seen: unknown[] = [];
    const server = await serve(dir, { onRequest: (one) => seen.push(one) });
    await ask(server, '/stable.jws');
    await ask(server, '/absent');
    await server.close();
    expect(seen).toEqual([
      { method: 'GET', target: '/stable.jws', status: 200, error: null },
      { method: 'GET', target: '/absent', status: 404, error: null },
    ]);
  });

  it('lives on when a client goes away in the middle', async () => {
    const { dir } = await folder();
    await writeFile(join(dir, 'bundles', 'big.jws'), noise(32 * 1024 * 1024));
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const server = await serve(dir, { onRequest: resolve });
    const socket = connect(server.port, '127.0.0.1');
    socket.write('GET /bundles/big.jws HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(socket, 'data');
    socket.destroy();
    expect(await promise).toMatchObject({ status: 200, error: null });
    expect(await ask(server, '/stable.jws')).toMatchObject({ status: 200 });
  });

  it('stops: finishes what is under way, takes nothing new, and can be stopped again', async () => {
    const { dir, bundle } = await folder();
    const server = await serve(dir);
    const response = await fetch(new URL('bundles/x+1@2.jws', server.url));
    const [body] = await Promise.all([response.arrayBuffer(), server.close()]);
    expect(Buffer.from(body).equals(bundle)).toBe(true);
    await expect(ask(server, '/stable.jws')).rejects.toThrow('ECONNREFUSED');
    await server.close();
  });

  it('breaks off who does not read, when it stops', async () => {
    const { dir } = await folder();
    await writeFile(join(dir, 'bundles', 'big.jws'), noise(32 * 1024 * 1024));
    const server = await serve(dir);
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET /bundles/big.jws HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(socket, 'readable');
    await server.close(10);
    socket.destroy();
  });

  it('refuses a folder that is none, and a port that is taken or none', async () => {
    const { dir } = await folder();
    const { port } = await serve(dir);
    expect(await refusal(serveFeed({ dir: join(dir, 'absent') }))).toBe('SERVE_FAILED');
    expect(await refusal(serveFeed({ dir: join(dir, 'stable.jws') }))).toBe('SERVE_FAILED');
    expect(await refusal(serveFeed({ dir, port }))).toBe('SERVE_FAILED');
    expect(await refusal(serveFeed({ dir, port: 70_000 }))).toBe('SERVE_FAILED');
  });
});
