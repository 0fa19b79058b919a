import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { createServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFeed } from '../../src/adapters/feed.ts';
import { createHttpClient, type HttpClientOptions } from '../../src/adapters/http-client.ts';
import { openTlsFiles, type TlsPaths } from '../../src/adapters/tls-files.ts';
import { UpdateError } from '../../src/errors.ts';
import { makeCertificates, type Certificates } from './fixtures/certificates.ts';
import { startProxy } from './fixtures/proxy-server.ts';
import { serveFiles, startServer } from './fixtures/static-server.ts';

const never = new AbortController().signal;
const NONE: TlsPaths = { caFile: null, certFile: null, keyFile: null };
const FILES = new Map([['edge.jws', Buffer.from('the head')]]);

let pem: Certificates;
beforeAll(async () => {
  pem = await makeCertificates();
});
afterAll(async () => {
  await pem[Symbol.asyncDispose]();
});

/** A feed over TLS; `shown` are the names in the client certificates that it saw. */
async function startTls(
  options: ServerOptions = {},
): Promise<{ url: string; shown: (string | undefined)[] } & AsyncDisposable> {
  const [cert, key, ca] = await Promise.all(
    [pem.server.cert, pem.server.key, pem.ca].map((path) => readFile(path)),
  );
  const shown: (string | undefined)[] = [];
  const listener = serveFiles(FILES);
  const server = createServer({ cert, key, ca, ...options }, (request, response) => {
    const { socket } = request;
    if (!(socket instanceof TLSSocket)) throw new Error('expected a socket of TLS');
    const subject = socket.getPeerCertificate().subject as { CN?: string } | undefined;
    shown.push(subject?.CN);
    listener(request, response);
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `https://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    shown,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** What a client makes of a feed's head: its text, or the refusal. */
async function ask(url: string, options: HttpClientOptions): Promise<string | UpdateError> {
  const feed = createFeed(url, { client: createHttpClient({ connectMs: 5_000, ...options }) });
  try {
    const { bytes } = await feed.head('edge', 100, never);
    return Buffer.from(bytes ?? []).toString();
  } catch (error) {
    return UpdateError.from(error);
  } finally {
    await feed.close();
  }
}
const tls = async (paths: Partial<TlsPaths>): Promise<HttpClientOptions> => ({
  tls: await openTlsFiles({ ...NONE, ...paths }),
});

describe('a private authority', () => {
  it('is believed where its file is given, and not where it is not; asking again does not help', async () => {
    await using server = await startTls();
    expect(await ask(server.url, await tls({ caFile: pem.ca }))).toBe('the head');
    expect(await ask(server.url, {})).toMatchObject({ code: 'FEED_UNREACHABLE', retry: null });
  });

  it('does not stand for a certificate of another name', async () => {
    await using server = await startTls();
    const url = server.url.replace('127.0.0.1', '127.0.0.2');
    // Everything in 127/8 is this host on Linux; the server listens only at one of them.
    const refused = await ask(url, await tls({ caFile: pem.ca }));
    expect(refused).toMatchObject({ code: 'FEED_UNREACHABLE' });
    const named = await startTls({
      cert: await readFile(pem.client.cert),
      key: await readFile(pem.client.key),
    });
    expect(await ask(named.url, await tls({ caFile: pem.ca }))).toMatchObject({
      code: 'FEED_UNREACHABLE',
      retry: null,
    });
    await named[Symbol.asyncDispose]();
  });
});

describe('a client certificate', () => {
  const own = (): Partial<TlsPaths> => ({
    caFile: pem.ca,
    certFile: pem.client.cert,
    keyFile: pem.client.key,
  });

  it('is shown to a feed that asks for one', async () => {
    await using server = await startTls({ requestCert: true, rejectUnauthorized: true });
    expect(await ask(server.url, await tls(own()))).toBe('the head');
    expect(server.shown).toEqual(['client']);
    expect(await ask(server.url, await tls({ caFile: pem.ca }))).toMatchObject({ code: 'FEED_UNREACHABLE' });
  });

  it('is read again when it is renewed, and kept while the new files do not fit', async () => {
    await using server = await startTls({ requestCert: true, rejectUnauthorized: true });
    const [certFile, keyFile] = [join(pem.folder, 'own.pem'), join(pem.folder, 'own.key')];
    await copyFile(pem.client.cert, certFile);
    await copyFile(pem.client.key, keyFile);
    const files = await openTlsFiles({ caFile: pem.ca, certFile, keyFile });
    const feed = createFeed(server.url, { client: createHttpClient({ tls: files }) });
    const head = (): Promise<unknown> => feed.head('edge', 100, never);
    await head();
    await copyFile(pem.server.cert, certFile);
    await head();
    expect(files.doubt()).toMatchObject({ code: 'CONFIG_INVALID' });
    await copyFile(pem.server.key, keyFile);
    await head();
    expect(files.doubt()).toBeNull();
    expect(server.shown).toEqual(['client', 'client', 'server']);
    await feed.close();
  });

  it('that could not be read again is named beside the fault', async () => {
    const certFile = join(pem.folder, 'gone.pem');
    await copyFile(pem.client.cert, certFile);
    const options = await tls({ ...own(), certFile });
    await writeFile(certFile, 'half');
    expect(await ask('https://127.0.0.1:1', options)).toMatchObject({
      code: 'FEED_UNREACHABLE',
      message: expect.stringMatching(/ECONNREFUSED.*http\.cert_file: expected certificates/) as string,
    });
  });
});

describe('files that are no good', () => {
  const refusal = async (paths: Partial<TlsPaths>): Promise<string> => {
    const error: unknown = await openTlsFiles({ ...NONE, ...paths }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    return UpdateError.from(error).message.replaceAll(`${pem.folder}/`, '');
  };

  it('are named, with what is wrong', async () => {
    const { cert: certFile, key: keyFile } = pem.client;
    const broken = join(pem.folder, 'broken.pem');
    await writeFile(broken, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    const locked = join(pem.folder, 'locked.key');
    const args = ['pkcs8', '-topk8', '-in', keyFile, '-passout', 'pass:x', '-out', locked];
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    expect(await refusal({ caFile: join(pem.folder, 'none') })).toMatch(
      /^http\.ca_file: cannot be read: ENOENT/,
    );
    expect(await refusal({ caFile: pem.folder })).toMatch(/^http\.ca_file: /);
    expect(await refusal({ caFile: keyFile })).toBe(
      'http.ca_file: expected certificates in PEM in client.key, found none',
    );
    expect(await refusal({ caFile: broken })).toBe(
      'http.ca_file: expected certificates in PEM in broken.pem, found one that cannot be read',
    );
    expect(await refusal({ certFile, keyFile: certFile })).toBe(
      'http.key_file: expected a private key in PEM without passphrase in client.pem, found none',
    );
    expect(await refusal({ certFile, keyFile: locked })).toBe(
      'http.key_file: expected a private key in PEM without passphrase in locked.key, found one with a passphrase',
    );
    expect(await refusal({ certFile, keyFile: pem.otherKey })).toBe(
      'http.key_file: expected the key of the first certificate in client.pem, found another in ca.key',
    );
    expect(await refusal({ certFile })).toMatch(/^http\.key_file: expected a file/);
    expect(await refusal({ keyFile })).toMatch(/^http\.cert_file: expected a file/);
  });
});

describe('a proxy', () => {
  const through = (url: string, none = ''): HttpClientOptions => {
    const proxy = { url, from: 'HTTPS_PROXY' };
    return { proxies: { http: proxy, https: proxy, none } };
  };

  it('is asked for plain requests, and tunnels the others, with its own user and password', async () => {
    await using proxy = await startProxy();
    await using secure = await startTls({ requestCert: true, rejectUnauthorized: true });
    const plain = await startServer(serveFiles(FILES));
    const url = proxy.url.replace('//', '//us%40er:se%3Acret@');
    const files = await tls({ caFile: pem.ca, certFile: pem.client.cert, keyFile: pem.client.key });
    expect(await ask(plain.url, through(url))).toBe('the head');
    expect(await ask(secure.url, { ...through(url), ...files })).toBe('the head');
    expect(proxy.requests).toEqual([
      `GET ${plain.url}/edge.jws as us@er:se:cret`,
      `CONNECT ${new URL(secure.url).host} as us@er:se:cret`,
    ]);
    expect(plain.requests[0]?.headers['proxy-authorization']).toBeUndefined();
    expect(secure.shown).toEqual(['client']);
    await plain.close();
  });

  it('is left out for the hosts that need none', async () => {
    await using proxy = await startProxy();
    const plain = await startServer(serveFiles(FILES));
    expect(await ask(plain.url, through(proxy.url, '127.0.0.0/8'))).toBe('the head');
    expect(proxy.requests).toEqual([]);
    await plain.close();
  });

  it.each([
    [403, null],
    [407, null],
    [502, { afterMs: null }],
  ])('that answers %i is a feed that cannot be reached', async (status, retry) => {
    await using proxy = await startProxy();
    proxy.refuse = status;
    const url = proxy.url.replace('//', '//user:secret@');
    const tunnelled = await ask('https://127.0.0.1:1', through(url));
    expect(tunnelled).toMatchObject({ code: 'FEED_UNREACHABLE', retry });
    expect(String(tunnelled)).toContain(String(status));
    const plain = await ask('http://127.0.0.1:1', through(url));
    expect(plain).toMatchObject({ retry });
    expect(`${String(tunnelled)} ${String(plain)}`).not.toContain('secret');
  });

  it('that is not there is a feed that cannot be reached, soon, and its password is not shown', async () => {
    for (const url of ['https://127.0.0.1:1', 'http://127.0.0.1:1']) {
      const refused = await ask(url, through('http://user:secret@127.0.0.1:1'));
      expect(refused).toMatchObject({ code: 'FEED_UNREACHABLE', retry: { afterMs: null } });
      expect(String(refused)).not.toContain('secret');
    }
  });

  it('is checked before anything is asked', () => {
    expect(() => createHttpClient(through('socks5://p'))).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
  });
});
