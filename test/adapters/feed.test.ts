import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFeed } from '../../src/adapters/feed.ts';
import { joinFeedPath, parseFeedUrl } from '../../src/adapters/feed-path.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { createMemoryFeed } from '../fakes/memory-feed.ts';
import { BAD_PATHS, drain, feedContract } from './contracts/feed.contract.ts';
import { serveFiles, startServer, type TestServer } from './fixtures/static-server.ts';

const never = new AbortController().signal;
const MANY = 10_000_000;

feedContract('http', async () => {
  const files = new Map<string, Uint8Array>();
  const server = await startServer(serveFiles(files, '/some/feed/'));
  const feed = createFeed(`${server.url}/some/feed`);
  return {
    feed,
    tags: true,
    put: (path, bytes) => Promise.resolve(void files.set(path, bytes)),
    close: async () => {
      await feed.close();
      await server.close();
    },
  };
});

feedContract('file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'coresdk feed-'));
  return {
    feed: createFeed(pathToFileURL(folder).href),
    tags: false,
    put: async (path, bytes) => {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), bytes);
    },
    close: () => rm(folder, { recursive: true }),
  };
});

feedContract('memory', () => {
  const feed = createMemoryFeed();
  feed.tags = true;
  return Promise.resolve({
    feed,
    tags: true,
    put: (path, bytes) => Promise.resolve(void feed.files.set(path, bytes)),
    close: () => Promise.resolve(),
  });
});

describe('a feed over HTTP', () => {
  let server: TestServer;
  let feed: ReturnType<typeof createFeed>;
  afterEach(async () => {
    await feed.close();
    await server.close();
  });
  const serve = async (listener: RequestListener, stallMs = 10_000, userInfo = ''): Promise<void> => {
    server = await startServer(listener);
    feed = createFeed(`${server.url.replace('//', `//${userInfo}`)}/feed/`, { stallMs });
  };
  const read = async (offset = 0, cap = MANY, signal = never): Promise<Buffer> =>
    drain(await feed.bundle('b.jws', offset, cap, signal));

  it('sends nothing until it is asked, and one request then', async () => {
    await serve(serveFiles(new Map([['edge.jws', Buffer.from('x')]]), '/feed/'));
    expect(server.requests).toHaveLength(0);
    await feed.head('edge', 10, never);
    expect(server.requests.map(({ method, url }) => `${String(method)} ${String(url)}`)).toEqual([
      'GET /feed/edge.jws',
    ]);
    expect(server.requests[0]?.headers).toMatchObject({
      'accept-encoding': 'identity',
      'cache-control': 'no-cache',
      connection: 'close',
    });
    expect(server.requests[0]?.headers.range).toBeUndefined();
  });

  it('sends the user name and password of its URL, and never shows them', async () => {
    await serve((_, response) => response.writeHead(401).end(), 10_000, 'us%40er:p%3Ass@');
    const head = feed.head('stable', 10, never);
    await expect(head).rejects.toMatchObject({
      code: 'FEED_REFUSED',
      message: expect.stringContaining('HTTP 401') as string,
    });
    await expect(head).rejects.not.toThrow(/us|p%3|p:ss/);
    expect(server.requests[0]?.headers.authorization).toBe(
      `Basic ${Buffer.from('us@er:p:ss').toString('base64')}`,
    );
  });

  it.each([301, 302, 303, 307, 308, 300])('does not follow a redirect: %i', async (status) => {
    await serve((_, response) => response.writeHead(status, { location: '/feed/other.jws?secret=1' }).end());
    const head = feed.head('stable', 10, never);
    await expect(head).rejects.toMatchObject({ code: 'FEED_REDIRECTED' });
    await expect(head).rejects.toThrow(`HTTP ${String(status)} to ${server.url}`);
    await expect(head).rejects.not.toThrow(/secret/);
    await expect(read()).rejects.toMatchObject({ code: 'FEED_REDIRECTED' });
    expect(server.requests).toHaveLength(2);
  });

  it.each([204, 206, 304, 400, 403, 404, 500, 503])('refuses the status %i, and names it', async (status) => {
    await serve((_, response) => response.writeHead(status).end());
    await expect(read()).rejects.toMatchObject({
      code: 'FEED_REFUSED',
      message: expect.stringContaining(`HTTP ${String(status)}`) as string,
    });
  });

  it('starts again when the server ignores ranges', async () => {
    await serve((_, response) => response.end('whole'));
    const body = await feed.bundle('b.jws', 3, MANY, never);
    expect(server.requests[0]?.headers.range).toBe('bytes=3-');
    expect(body.offset).toBe(0);
    expect((await drain(body)).toString()).toBe('whole');
  });

  it.each(['bytes 2-9/10', 'bytes 4-9/10', 'bytes */10', 'lines 3-9/10', '', undefined])(
    'refuses another range than the one asked for: %j',
    async (range) => {
      await serve((_, response) => {
        response.writeHead(206, range === undefined ? {} : { 'content-range': range }).end('3456789');
      });
      await expect(read(3)).rejects.toMatchObject({ code: 'FEED_REFUSED' });
    },
  );

  it('refuses an encoded body', async () => {
    await serve((_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'));
    await expect(read()).rejects.toMatchObject({ code: 'FEED_REFUSED' });
  });

  it('goes on by the tag of the file, and asks for all of it when that is another one by now', async () => {
    const files = new Map([['b.jws', Buffer.from('0123456789')]]);
    await serve(serveFiles(files, '/feed/'));
    const { validator } = await feed.bundle('b.jws', 0, MANY, never);
    expect((await drain(await feed.bundle('b.jws', 4, MANY, never, validator))).toString()).toBe('456789');
    expect(server.requests.at(-1)?.headers).toMatchObject({ range: 'bytes=4-', 'if-range': validator });
    files.set('b.jws', Buffer.from('abcdefghij'));
    const body = await feed.bundle('b.jws', 4, MANY, never, validator);
    expect([body.offset, (await drain(body)).toString()]).toEqual([0, 'abcdefghij']);
    expect(body.validator).not.toBe(validator);
    expect(server.requests).toHaveLength(3);
  });

  it('does not put together parts of two files for a server that does not know If-Range', async () => {
    await serve((request, response) => {
      const { range } = request.headers;
      if (range === undefined) response.writeHead(200, { etag: '"new"' }).end('abcdefghij');
      else response.writeHead(206, { etag: '"new"', 'content-range': 'bytes 4-9/10' }).end('efghij');
    });
    const body = await feed.bundle('b.jws', 4, MANY, never, '"old"');
    expect([body.offset, (await drain(body)).toString()]).toEqual([0, 'abcdefghij']);
    expect(server.requests.map(({ headers }) => headers.range)).toEqual(['bytes=4-', undefined]);
    // Without a tag of what is here nothing speaks against it.
    expect((await feed.bundle('b.jws', 4, MANY, never)).offset).toBe(4);
  });

  it('has no tag for a weak one, or for what is none', async () => {
    const tags = ['W/"weak"', 'bare', '"two", "tags"', `"${'x'.repeat(300)}"`];
    await serve((_, response) => response.writeHead(200, { etag: tags.shift() ?? '"ok"' }).end('x'));
    for (const expected of [null, null, null, null, '"ok"']) {
      const body = await feed.bundle('b.jws', 0, MANY, never);
      expect(body.validator).toBe(expected);
      await drain(body);
    }
  });

  it('says so when a server gives only a part of the part that was asked for', async () => {
    await serve((_, response) => response.writeHead(206, { 'content-range': 'bytes 3-5/10' }).end('345'));
    const { chunks } = await feed.bundle('b.jws', 3, MANY, never);
    const parts: Uint8Array[] = [];
    const all = async (): Promise<void> => {
      for await (const chunk of chunks) parts.push(chunk);
    };
    await expect(all()).rejects.toMatchObject({ code: 'DOWNLOAD_TRUNCATED', retry: { afterMs: null } });
    expect(Buffer.concat(parts).toString()).toBe('345');
  });

  it('does not believe an unchanged head with another tag than the one that it sent', async () => {
    await serve((request, response) => {
      if (request.headers['if-none-match'] === undefined) response.writeHead(200, { etag: '"b"' }).end('new');
      else response.writeHead(304, { etag: '"b"' }).end();
    });
    expect(await feed.head('edge', 10, never, { etag: '"b"' })).toEqual({ bytes: null, etag: '"b"' });
    expect(await feed.head('edge', 10, never, { etag: 'W/"b"' })).toEqual({ bytes: null, etag: 'W/"b"' });
    const other = await feed.head('edge', 10, never, { etag: '"a"' });
    expect(Buffer.from(other.bytes ?? []).toString()).toBe('new');
  });

  it.each([
    [408, {}, { afterMs: null }],
    [425, {}, { afterMs: null }],
    [429, { 'retry-after': '7' }, { afterMs: 7_000 }],
    [500, { 'retry-after': '7' }, { afterMs: null }],
    [503, {}, { afterMs: null }],
    [
      503,
      { 'retry-after': 'Fri, 01 Jan 2100 00:00:00 GMT', date: 'Thu, 31 Dec 2099 23:59:50 GMT' },
      { afterMs: 10_000 },
    ],
    [400, { 'retry-after': '7' }, null],
    [401, {}, null],
    [404, {}, null],
    [410, {}, null],
    [304, {}, null],
    [302, { location: '/x', 'retry-after': '7' }, null],
  ])('says of the status %i with %j whether it may pass: %j', async (status, headers, retry) => {
    await serve((_, response) => {
      response.sendDate = false;
      response.writeHead(status, headers).end();
    });
    await expect(feed.head('edge', 10, never)).rejects.toMatchObject({ retry });
    await expect(read()).rejects.toMatchObject({ retry });
  });

  it('says of a break and of a stall that it may pass, and of too much that it will not', async () => {
    let turn = 0;
    await serve((request, response) => {
      turn += 1;
      if (turn === 1) request.socket.destroy();
      else if (turn === 2)
        response.writeHead(200, { 'content-length': 9 }).write('x', () => request.socket.destroy());
      else if (turn === 3) response.writeHead(200).write('x');
      else response.writeHead(200).end('far too much');
    }, 100);
    await expect(read()).rejects.toMatchObject({ code: 'FEED_UNREACHABLE', retry: { afterMs: null } });
    await expect(read()).rejects.toMatchObject({ code: 'DOWNLOAD_TRUNCATED', retry: { afterMs: null } });
    await expect(read()).rejects.toMatchObject({ code: 'FEED_STALLED', retry: { afterMs: null } });
    await expect(read(0, 3)).rejects.toMatchObject({ code: 'DOWNLOAD_TOO_LARGE', retry: null });
  });

  it('does not hold its own rate for a stall', async () => {
    const files = new Map([['b.jws', Buffer.alloc(3_000)]]);
    server = await startServer(serveFiles(files, '/feed/'));
    const clock = createFakeClock();
    feed = createFeed(`${server.url}/feed/`, { stallMs: 50, clock, maxBytesPerSecond: 1_024 });
    const drained = drain(await feed.bundle('b.jws', 0, MANY, never));
    // More of the real time than a stall may take; what is waited for is on the clock.
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(clock.sleeping).toBe(1);
    await clock.advance(4_000);
    expect(await drained).toHaveLength(3_000);
  });

  it('hands on no more than the cap of a body without end', async () => {
    await serve((_, response) => {
      const write = (): void => {
        while (response.write(Buffer.alloc(16_384)));
      };
      response.on('drain', write);
      write();
    });
    let received = 0;
    const all = async (): Promise<void> => {
      for await (const chunk of (await feed.bundle('b.jws', 0, 1_000_000, never)).chunks)
        received += chunk.length;
    };
    await expect(all()).rejects.toMatchObject({ code: 'DOWNLOAD_TOO_LARGE' });
    expect(received).toBeGreaterThan(0);
    expect(received).toBeLessThanOrEqual(1_000_000);
    await expect(feed.head('stable', 65_536, never)).rejects.toMatchObject({ code: 'JWS_TOO_LARGE' });
  });

  it('refuses a body that is announced as larger, before its first byte', async () => {
    await serve((_, response) => {
      response.writeHead(200, { 'content-length': 2_000_000 }).flushHeaders();
    });
    await expect(feed.bundle('b.jws', 0, 1_000_000, never)).rejects.toMatchObject({
      code: 'DOWNLOAD_TOO_LARGE',
      message: expect.stringMatching(/1000000.*2000000/) as string,
    });
  });

  it.each([
    ['with a length', { 'content-length': 100 }],
    ['in chunks', {}],
  ])('notices a connection that breaks in the middle of a body %s', async (_, headers) => {
    await serve((request, response) => {
      response.writeHead(200, headers).write('half', () => request.socket.destroy());
    });
    await expect(read()).rejects.toMatchObject({ code: 'DOWNLOAD_TRUNCATED' });
    await expect(feed.head('stable', MANY, never)).rejects.toMatchObject({ code: 'DOWNLOAD_TRUNCATED' });
  });

  it('hands on what came before the break', async () => {
    await serve((request, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('half', () => request.socket.destroy());
    });
    const { chunks } = await feed.bundle('b.jws', 0, MANY, never);
    const parts: Uint8Array[] = [];
    const all = async (): Promise<void> => {
      for await (const chunk of chunks) parts.push(chunk);
    };
    await expect(all()).rejects.toThrow();
    expect(Buffer.concat(parts).toString()).toBe('half');
  });

  it('gives up on a server that accepts and never answers', async () => {
    await serve(() => undefined, 100);
    await expect(feed.head('stable', 10, never)).rejects.toMatchObject({ code: 'FEED_STALLED' });
  });

  it('gives up on a body that stalls', async () => {
    await serve(
      (_, response) => response.writeHead(200, { 'content-length': 100_000 }).write(Buffer.alloc(50_000)),
      100,
    );
    await expect(read()).rejects.toMatchObject({ code: 'FEED_STALLED' });
  });

  it('gives up on a body that only trickles', async () => {
    let written = 0;
    await serve((_, response) => {
      const write = (): void => {
        written += 1;
        response.write('x');
      };
      write();
      const timer = setInterval(write, 10);
      response.once('close', () => {
        clearInterval(timer);
      });
      // Much longer than it takes to write a second time, on a busy machine too.
    }, 1_000);
    await expect(read()).rejects.toMatchObject({ code: 'FEED_STALLED' });
    expect(written).toBeGreaterThan(1);
  });

  it('waits longer than the stall time for a slow body that goes on', async () => {
    let chunksLeft = 12;
    await serve((_, response) => {
      const timer = setInterval(() => {
        chunksLeft -= 1;
        if (chunksLeft > 0) return void response.write(Buffer.alloc(2000));
        clearInterval(timer);
        return void response.end();
      }, 50);
    }, 400);
    expect(await read()).toHaveLength(22_000);
  });

  it('does not count the time that its reader takes', async () => {
    let goOn = (): void => undefined;
    await serve((_, response) => {
      response.write('first');
      goOn = () => {
        setTimeout(() => response.write('second'), 40);
        setTimeout(() => response.end('third'), 80);
      };
    }, 200);
    const parts: string[] = [];
    for await (const chunk of (await feed.bundle('b.jws', 0, MANY, never)).chunks) {
      parts.push(Buffer.from(chunk).toString());
      if (parts.length > 1) continue;
      await new Promise((resolve) => setTimeout(resolve, 300));
      goOn();
    }
    expect(parts.join('')).toBe('firstsecondthird');
  });

  it('is cancelled while it waits for an answer', async () => {
    const controller = new AbortController();
    await serve(() => {
      controller.abort();
    });
    await expect(read(0, MANY, controller.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('is cancelled while it waits for a body', async () => {
    const controller = new AbortController();
    await serve((_, response) => {
      response.writeHead(200).flushHeaders();
    });
    const body = await feed.bundle('b.jws', 0, MANY, controller.signal);
    const drained = drain(body);
    controller.abort();
    await expect(drained).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('ends what is under way when it is closed', async () => {
    await serve((_, response) => {
      response.writeHead(200).flushHeaders();
    });
    const body = await feed.bundle('b.jws', 0, MANY, never);
    const drained = drain(body);
    await feed.close();
    await expect(drained).rejects.toMatchObject({ name: 'UpdateError' });
  });

  it('closes the connection of a body that is left half-way', async () => {
    const closed = new Promise((resolve) => {
      void serve((request, response) => {
        request.socket.once('close', resolve);
        response.writeHead(200).write(Buffer.alloc(1000));
      }).then(async () => {
        for await (const chunk of (await feed.bundle('b.jws', 0, MANY, never)).chunks)
          if (chunk.length > 0) break;
      });
    });
    await closed;
  });
});

describe('a feed that cannot be reached', () => {
  it('refused, or closed without an answer', async () => {
    const server = createServer((socket) => socket.destroy());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const feed = createFeed(
      `http://user:secret@127.0.0.1:${String((server.address() as AddressInfo).port)}/`,
    );
    await expect(feed.head('stable', 10, never)).rejects.toMatchObject({ code: 'FEED_UNREACHABLE' });
    server.close();
    await once(server, 'close');
    const refused = feed.head('stable', 10, never);
    await expect(refused).rejects.toMatchObject({
      code: 'FEED_UNREACHABLE',
      message: expect.stringContaining('ECONNREFUSED') as string,
    });
    await expect(refused).rejects.not.toThrow(/secret/);
    await feed.close();
  });

  it('no TLS where TLS is expected', async () => {
    const server = await startServer((_, response) => response.end());
    const feed = createFeed(server.url.replace('http:', 'https:'));
    await expect(feed.head('stable', 10, never)).rejects.toMatchObject({ code: 'FEED_UNREACHABLE' });
    await feed.close();
    await server.close();
  });
});

describe('a feed in a folder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'coresdk-feed-'));
    await mkdir(join(folder, 'feed'));
  });
  afterEach(() => rm(folder, { recursive: true }));
  const open = (): ReturnType<typeof createFeed> => createFeed(pathToFileURL(join(folder, 'feed')).href);

  it('does not follow a link that leaves it', async () => {
    await writeFile(join(folder, 'secret'), 'x');
    await symlink(join(folder, 'secret'), join(folder, 'feed', 'stable.jws'));
    await symlink(folder, join(folder, 'feed', 'up'));
    await expect(open().head('stable', 10, never)).rejects.toMatchObject({ code: 'FEED_PATH_INVALID' });
    await expect(open().bundle('up/secret', 0, 10, never)).rejects.toMatchObject({
      code: 'FEED_PATH_INVALID',
    });
  });

  it('follows a link within it, and one to it', async () => {
    await writeFile(join(folder, 'feed', '1.jws'), 'head');
    await symlink('1.jws', join(folder, 'feed', 'stable.jws'));
    await symlink('feed', join(folder, 'link'));
    const feed = createFeed(pathToFileURL(join(folder, 'link')).href);
    expect((await feed.head('stable', 10, never)).bytes).toEqual(new Uint8Array(Buffer.from('head')));
  });

  it('refuses what is not a regular file, without waiting for it', async () => {
    await mkdir(join(folder, 'feed', 'stable.jws'));
    execFileSync('mkfifo', [join(folder, 'feed', 'edge.jws')]);
    await expect(open().head('stable', 10, never)).rejects.toMatchObject({ code: 'FEED_REFUSED' });
    await expect(open().head('edge', 10, never)).rejects.toMatchObject({ code: 'FEED_REFUSED' });
  });

  it('refuses a file over the cap before its first byte', async () => {
    await writeFile(join(folder, 'feed', 'b.jws'), 'eleven byte');
    await expect(open().bundle('b.jws', 0, 10, never)).rejects.toMatchObject({
      code: 'DOWNLOAD_TOO_LARGE',
      message: expect.stringMatching(/10 bytes.*found 11/) as string,
    });
  });

  it('cannot be reached when the folder is not there', async () => {
    await rm(join(folder, 'feed'), { recursive: true });
    await expect(open().head('stable', 10, never)).rejects.toMatchObject({ code: 'FEED_UNREACHABLE' });
    await writeFile(join(folder, 'feed'), '');
    await expect(open().head('stable', 10, never)).rejects.toMatchObject({ code: 'FEED_UNREACHABLE' });
  });
});

describe('the URL of a feed', () => {
  it.each([
    '',
    'x',
    '/var/feed',
    'ftp://h/',
    'https://h/?a',
    'https://h/#a',
    'https://h/?',
    'file://host/x',
    'data:,x',
  ])('is not %j', (url) => {
    expect(() => createFeed(url)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });

  it('is not shown with a password when it is wrong', () => {
    expect(() => createFeed('https://user:secret@host/?x')).not.toThrow(/secret/);
    expect(() => createFeed('https://user:secret@host/?x')).toThrow(/host/);
  });

  it('is a folder, with or without a slash at its end', () => {
    for (const url of ['https://h/a', 'https://h/a/'])
      expect(joinFeedPath(parseFeedUrl(url), 'b/c.jws').href).toBe('https://h/a/b/c.jws');
    expect(joinFeedPath(parseFeedUrl('https://h'), 'c.jws').href).toBe('https://h/c.jws');
  });

  it.each(BAD_PATHS)('is never left by the path %j', (path) => {
    expect(() => joinFeedPath(parseFeedUrl('https://h/a'), path)).toThrow(
      expect.objectContaining({ code: 'FEED_PATH_INVALID' }),
    );
  });
});
