/** deploy/nginx, on the real nginx: a process of its own, on loopback, over TLS. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFeed } from '../../src/adapters/feed.ts';
import { createHttpClient, type HttpClient } from '../../src/adapters/http-client.ts';
import { openTlsFiles } from '../../src/adapters/tls-files.ts';
import { freePort } from '../../demo/free-port.ts';
import { drain } from '../adapters/contracts/feed.contract.ts';
import { makeCertificates, type Certificates } from '../adapters/fixtures/certificates.ts';

const CONF = join(import.meta.dirname, '../../deploy/nginx/coresdk-feed.conf');
const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` };
const hasNginx = spawnSync('nginx', ['-v'], { env }).status === 0;
if (!hasNginx && (process.env['CI'] ?? '') !== '') throw new Error('expected nginx on PATH, as CI is set');
if (!hasNginx) console.log('skipped: deploy/nginx on the real nginx, which is not on PATH');

const KID = 'k'.repeat(43);
const BUNDLE = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 253));
const HEADS = 'public, max-age=60, must-revalidate';
const FOR_EVER = 'public, max-age=31536000, immutable';
const never = new AbortController().signal;

describe.skipIf(!hasNginx)('a feed on nginx', () => {
  let folder: string;
  let certificates: Certificates;
  let nginx: ChildProcess;
  let client: HttpClient;
  let url: string;
  let plain: string;

  /** The configuration as it is delivered, but for what its head says to change, and the ports. */
  async function configuration(ports: readonly [number, number]): Promise<string> {
    let conf = await readFile(CONF, 'utf8');
    const change = (from: string, to: string): void => {
      expect(conf).toContain(from);
      conf = conf.replaceAll(from, to);
    };
    change('listen 443 ssl;', `listen 127.0.0.1:${String(ports[0])} ssl;`);
    change('listen 80;', `listen 127.0.0.1:${String(ports[1])};`);
    change('server_name updates.example.com;', 'server_name localhost;');
    change('root /srv/coresdk-feed;', `root ${folder}/feed;`);
    change('/etc/ssl/coresdk-feed/fullchain.pem', certificates.server.cert);
    change('/etc/ssl/coresdk-feed/key.pem', certificates.server.key);
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `${name}_temp_path ${folder}/tmp;`)
      .join(' ');
    // Started by root, its workers would be somebody else, who cannot read the temporary folder.
    const user = process.geteuid?.() === 0 ? 'user root root;' : '';
    return `daemon off; ${user} worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
      events { worker_connections 64; }
      http { access_log off; ${temporary}\n${conf} }`;
  }

  async function put(path: string, bytes: Uint8Array): Promise<void> {
    await mkdir(join(folder, 'feed', path, '..'), { recursive: true });
    await writeFile(join(folder, 'feed', path), bytes);
  }

  const listens = (port: number): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => {
        resolve(false);
      });
    });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'coresdk-nginx-'));
    certificates = await makeCertificates();
    await put('stable.jws', Buffer.from('the head'));
    await put(`by-key/${KID}/stable.jws`, Buffer.from('the head for a key'));
    await put('bundles/sidecar-1.2.0+x@y_z-linux-x64.jws', BUNDLE);
    await put('archive/edge-0-1.jws', Buffer.from('an old head'));
    await put('README.md', Buffer.from('words'));
    const ports = [await freePort(), await freePort()] as const;
    await writeFile(join(folder, 'nginx.conf'), await configuration(ports));
    const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')];
    nginx = spawn('nginx', args, { env, stdio: 'ignore' });
    const ended = new Promise<never>((_, reject) => {
      nginx.once('exit', (code) => {
        reject(new Error(`nginx ended with ${String(code)}`));
      });
    });
    ended.catch(() => undefined);
    const up = async (): Promise<void> => {
      while (!(await listens(ports[0]))) await new Promise((resolve) => setTimeout(resolve, 20));
    };
    await Promise.race([up(), ended]);
    url = `https://localhost:${String(ports[0])}/`;
    plain = `http://127.0.0.1:${String(ports[1])}/`;
    const tls = await openTlsFiles({ caFile: certificates.ca, certFile: null, keyFile: null });
    client = createHttpClient({ tls });
  });

  afterAll(async () => {
    await client.close();
    const ended = new Promise((resolve) => nginx.once('exit', resolve));
    if (nginx.exitCode === null && nginx.kill('SIGTERM')) await ended;
    await certificates[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const ask = async (
    path: string,
    headers: Record<string, string> = {},
    base = url,
  ): Promise<{ status: number; headers: Record<string, unknown>; body: Buffer }> => {
    const answer = await client.get(new URL(path, base), { headers, signal: never });
    const body = Buffer.from(await answer.body.arrayBuffer());
    return { status: answer.statusCode, headers: answer.headers, body };
  };

  it.each([
    ['stable.jws', HEADS, 'the head'],
    [`by-key/${KID}/stable.jws`, HEADS, 'the head for a key'],
  ])('serves the head %s, which caches ask for again after a minute', async (path, cache, text) => {
    const { status, headers, body } = await ask(path);
    expect([status, body.toString()]).toEqual([200, text]);
    expect(headers).toMatchObject({
      'cache-control': cache,
      'content-type': 'application/jose',
      'x-content-type-options': 'nosniff',
      'accept-ranges': 'bytes',
      etag: expect.stringMatching(/^"[^"]+"$/) as string,
    });
    expect(headers).not.toHaveProperty('content-encoding');
  });

  it('serves a bundle, which caches keep for ever', async () => {
    const { status, headers, body } = await ask('bundles/sidecar-1.2.0+x@y_z-linux-x64.jws', {
      'accept-encoding': 'gzip, br',
    });
    expect([status, body.equals(BUNDLE), headers['cache-control']]).toEqual([200, true, FOR_EVER]);
    expect(headers).not.toHaveProperty('content-encoding');
  });

  it('says that a head has not changed, and lets it be cached so', async () => {
    const { headers } = await ask('stable.jws');
    const again = await ask('stable.jws', { 'if-none-match': String(headers['etag']) });
    expect([again.status, again.body.length, again.headers['cache-control']]).toEqual([304, 0, HEADS]);
    await put('stable.jws', Buffer.from('the next head'));
    const next = await ask('stable.jws', { 'if-none-match': String(headers['etag']) });
    expect([next.status, next.body.toString()]).toEqual([200, 'the next head']);
    await put('stable.jws', Buffer.from('the head'));
  });

  it('goes on with a bundle where it is the same, and starts over where it is not', async () => {
    const path = 'bundles/sidecar-1.2.0+x@y_z-linux-x64.jws';
    const range = { range: 'bytes=299000-' };
    const part = await ask(path, range);
    const etag = String(part.headers['etag']);
    expect([part.status, part.headers['content-range']]).toEqual([206, 'bytes 299000-299999/300000']);
    expect(part.body.equals(BUNDLE.subarray(299_000))).toBe(true);
    expect((await ask(path, { ...range, 'if-range': etag })).status).toBe(206);
    expect((await ask(path, { ...range, 'if-range': '"another"' })).status).toBe(200);
    expect((await ask(path, { range: 'bytes=300000-' })).status).toBe(416);
    expect((await ask(path, { range: 'bytes=0-1,5-6' })).status).toBe(200);
  });

  it.each([
    'README.md',
    'archive/edge-0-1.jws',
    'bundles/',
    'bundles/none.jws',
    'bundles/.hidden.jws',
    'bundles/../archive/edge-0-1.jws',
    'manual.jws',
    '',
  ])('shows nothing else: %j', async (path) => {
    expect((await ask(path)).status).toBe(404);
  });

  it.each(['edge.jws', `by-key/${KID}/edge.jws`, 'bundles/none.jws', 'none'])(
    'says of %s, which is not there, that it may be there in a moment: a cache that asked too early keeps nobody waiting',
    async (path) => {
      const { status, headers } = await ask(path);
      expect([status, headers['cache-control']]).toEqual([404, 'public, max-age=10']);
      await put(path, Buffer.from('now it is'));
      try {
        if (path !== 'none')
          expect((await ask(path)).headers['cache-control']).toMatch(/max-age=(60|31536000),/);
      } finally {
        await rm(join(folder, 'feed', path));
      }
    },
  );

  it('takes nothing but questions, and shows nothing without TLS', async () => {
    const posted = await client.post(new URL('stable.jws', url), { headers: {}, body: 'x', signal: never });
    await posted.body.dump();
    expect(posted.statusCode).toBe(405);
    expect((await ask('stable.jws', {}, plain)).status).toBe(404);
  });

  it('is a feed for the daemon', async () => {
    const feed = createFeed(url, { client });
    const head = await feed.head('stable', 100, never);
    expect(await feed.head('stable', 100, never, { etag: head.etag ?? '' })).toMatchObject({ bytes: null });
    const path = 'bundles/sidecar-1.2.0+x@y_z-linux-x64.jws';
    const start = await feed.bundle(path, 0, BUNDLE.length, never);
    const rest = await feed.bundle(path, 1000, BUNDLE.length, never, start.validator);
    expect(rest.offset).toBe(1000);
    const whole = Buffer.concat([BUNDLE.subarray(0, 1000), await drain(rest)]);
    const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
    expect([sha256(await drain(start)), sha256(whole)]).toEqual([sha256(BUNDLE), sha256(BUNDLE)]);
  });
});
