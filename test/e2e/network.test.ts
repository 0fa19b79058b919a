import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, statSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { answer } from '../../src/publish/feed-answer.ts';
import { makeCertificates, type Certificates } from '../adapters/fixtures/certificates.ts';
import { startProxy } from '../adapters/fixtures/proxy-server.ts';
import { tagOf, type Fault, type FeedRequest } from './support/feed-server.ts';
import { createHost, eventually, type Host } from './support/host.ts';
import { workloadProgram } from './support/workload-program.ts';

/** A program of two megabytes that cannot be compressed away. */
const large = (version: string): Buffer =>
  Buffer.from(`${workloadProgram(version, 'healthy')}\n// ${randomBytes(2_000_000).toString('base64')}\n`);

const bundlesIn = (host: Host): readonly FeedRequest[] =>
  host.feed.log.filter(({ path }) => path.startsWith('/bundles/'));

const offsetOf = ({ range }: FeedRequest): number => Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? -1);

/** Sends half of a bundle, once; then `end` decides what happens to the connection. */
function half(bundle: string, tagged: boolean, end: 'break' | 'hold'): Fault {
  let done = false;
  return (request, response) => {
    if (done || request.url?.endsWith(basename(bundle)) !== true) return false;
    done = true;
    const { size, mtimeMs } = statSync(bundle);
    response.writeHead(200, { 'content-length': size, ...(tagged ? { etag: tagOf(size, mtimeMs) } : {}) });
    createReadStream(bundle, { end: Math.floor(size / 2) })
      .on('end', () => {
        if (end === 'break') request.socket.destroySoon();
      })
      .pipe(response, { end: false });
    return true;
  };
}

/** Waits until an attempt was committed, and says how all attempts ended. */
async function committed(host: Host, version: string): Promise<(string | null)[]> {
  await host.until(
    `${version} is committed`,
    ({ current, last_attempt }) => current.version === version && last_attempt?.outcome === 'committed',
  );
  return (await host.history()).map(({ outcome }) => outcome);
}

describe('a download', () => {
  it('that breaks in the middle goes on by range, in the same attempt', async () => {
    await using host = await createHost();
    host.feed.tag(true);
    const bundle = await host.publisher.publish({ version: '1.1.0', program: large('1.1.0') });
    const { size, mtimeMs } = await stat(bundle);
    host.feed.fault(half(bundle, true, 'break'));
    await host.start();
    expect(await committed(host, '1.1.0')).toEqual(['committed']);
    const asked = bundlesIn(host);
    expect(asked.map(({ status }) => status)).toEqual([200, 206]);
    expect(asked[0]?.range).toBeUndefined();
    expect(offsetOf(asked[1]!)).toBeGreaterThan(size / 4);
    expect(asked[1]?.ifRange).toBe(tagOf(size, mtimeMs));
  });

  it('whose daemon is killed goes on by range after the restart', async () => {
    await using host = await createHost();
    host.feed.tag(true);
    const bundle = await host.publisher.publish({ version: '1.1.0', program: large('1.1.0') });
    const { size, mtimeMs } = await stat(bundle);
    host.feed.fault(half(bundle, true, 'hold'));
    await host.start();
    const folder = join(host.stateDir, 'downloads');
    const sizeHere = async (): Promise<number | null> => {
      const name = (await readdir(folder).catch(() => [])).find((each) => each.endsWith('.jws'));
      const found = name === undefined ? 0 : (await stat(join(folder, name))).size;
      return found > 0 ? found : null;
    };
    await eventually('some of it is on the disk', sizeHere, () => host.log());
    await host.kill();
    const kept = await sizeHere();
    await host.start();
    await committed(host, '1.1.0');
    const asked = bundlesIn(host);
    expect(asked.map(({ status }) => status)).toEqual([200, 206]);
    expect(offsetOf(asked[1]!)).toBe(kept);
    expect(asked[1]?.ifRange).toBe(tagOf(size, mtimeMs));
  });

  it('from a server that ignores ranges starts again', async () => {
    await using host = await createHost();
    const bundle = await host.publisher.publish({ version: '1.1.0', program: large('1.1.0') });
    const breaking = half(bundle, false, 'break');
    host.feed.fault((request, response) => {
      if (request.url?.endsWith(basename(bundle)) !== true) return false;
      if (breaking(request, response)) return true;
      response.writeHead(200, { 'content-length': statSync(bundle).size });
      createReadStream(bundle).pipe(response);
      return true;
    });
    await host.start();
    expect(await committed(host, '1.1.0')).toEqual(['committed']);
    const asked = bundlesIn(host);
    expect(asked.map(({ status }) => status)).toEqual([200, 200]);
    expect(offsetOf(asked[1]!)).toBeGreaterThan(0);
    expect(asked[1]?.ifRange).toBeUndefined();
  });

  it('leaves the feed alone for as long as it asks by Retry-After', async () => {
    await using host = await createHost();
    await host.publisher.publish({ version: '1.1.0' });
    const refused = new Set<string>();
    host.feed.fault((request, response) => {
      const kind = request.url?.startsWith('/bundles/') === true ? 'bundle' : 'head';
      if (refused.has(kind)) return false;
      refused.add(kind);
      response.writeHead(503, { 'retry-after': '1' }).end();
      return true;
    });
    await host.start();
    expect(await committed(host, '1.1.0')).toEqual(['committed']);
    for (const log of [bundlesIn(host), host.feed.log.filter(({ path }) => path === '/edge.jws')]) {
      expect(log[0]?.status).toBe(503);
      expect((log[1]?.at ?? 0) - (log[0]?.at ?? 0)).toBeGreaterThanOrEqual(995);
    }
  });
});

describe('a channel that has not changed', () => {
  it('costs a 304, also after a restart', async () => {
    await using host = await createHost();
    host.feed.tag(true);
    await host.publisher.publish({ version: '1.1.0' });
    await host.start();
    await committed(host, '1.1.0');
    await host.stop();
    const before = host.feed.log.length;
    await host.start();
    await eventually(
      'another check',
      () => Promise.resolve(host.feed.log[before + 1] ?? null),
      () => host.log(),
    );
    const later = host.feed.log.slice(before, before + 2);
    expect(later.map(({ path, status }) => [path, status])).toEqual([
      ['/edge.jws', 304],
      ['/edge.jws', 304],
    ]);
    expect((await host.status())?.last_error).toBeNull();
  });
});

/** A feed over TLS that only talks to hosts which show a certificate. */
async function startSecureFeed(
  pem: Certificates,
): Promise<{ url: string; serve(folder: string): void; readonly requests: string[] } & AsyncDisposable> {
  const [cert, key, ca] = await Promise.all(
    [pem.server.cert, pem.server.key, pem.ca].map((path) => readFile(path)),
  );
  const requests: string[] = [];
  let root = '';
  const server = createServer(
    { cert, key, ca, requestCert: true, rejectUnauthorized: true },
    (request, response) => {
      requests.push(request.url ?? '');
      // `answer` never rejects.
      void answer(root, request, response);
    },
  );
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `https://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    requests,
    serve: (folder) => {
      root = folder;
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

describe('a feed behind TLS and a proxy', () => {
  it('is reached with a private authority and a client certificate, by the proxy but for NO_PROXY; the probe never is', async () => {
    await using pem = await makeCertificates();
    await using proxy = await startProxy();
    await using secure = await startSecureFeed(pem);
    await using host = await createHost({
      config: {
        update: { feed_url: secure.url },
        http: { ca_file: pem.ca, cert_file: pem.client.cert, key_file: pem.client.key },
      },
      // The last one makes Node's own clients take proxies from the environment.
      env: { HTTPS_PROXY: proxy.url, HTTP_PROXY: proxy.url, NODE_USE_ENV_PROXY: '1' },
    });
    secure.serve(host.publisher.feedDir);
    await host.publisher.publish({ version: '1.1.0' });
    await host.start();
    await committed(host, '1.1.0');
    const { host: address } = new URL(secure.url);
    expect(new Set(proxy.requests)).toEqual(new Set([`CONNECT ${address}`]));
    await host.stop();

    const seen = proxy.requests.length;
    await host.publisher.publish({ version: '1.2.0' });
    await host.start({ env: { NO_PROXY: 'localhost,127.0.0.1' } });
    await committed(host, '1.2.0');
    expect(proxy.requests).toHaveLength(seen);
    expect(secure.requests.some((path) => path.startsWith('/bundles/'))).toBe(true);
  });

  it('is not believed without its authority, and the workload runs on', async () => {
    await using pem = await makeCertificates();
    await using secure = await startSecureFeed(pem);
    await using host = await createHost({ config: { update: { feed_url: secure.url } } });
    secure.serve(host.publisher.feedDir);
    await host.publisher.publish({ version: '1.1.0' });
    await host.start();
    const { workload } = await host.until(
      'a refusal',
      ({ last_error }) => last_error?.code === 'FEED_UNREACHABLE',
    );
    expect(workload.state).toBe('running');
    expect(secure.requests).toEqual([]);
  });

  it.each([
    [
      { http: { ca_file: '/nowhere/ca.pem' } },
      {},
      /http\.ca_file: cannot be read: ENOENT.*\[CONFIG_INVALID\]/,
    ],
    [{}, { HTTP_PROXY: 'socks5://user:hunter2@proxy' }, /HTTP_PROXY: expected .*\[CONFIG_INVALID\]/],
  ])('keeps the daemon from starting when it is set up wrongly: %j %j', async (config, env, message) => {
    await using host = await createHost({ config, env });
    await host.start();
    expect(await host.exited()).toBe(2);
    expect(await host.log()).toMatch(message);
    expect(await host.log()).not.toContain('hunter2');
  });
});
