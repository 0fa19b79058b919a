import { describe, expect, it } from 'vitest';
import type { Fault } from './support/feed-server.ts';
import { createHost } from './support/host.ts';

const isBundle = (url: string | undefined): boolean => url?.startsWith('/bundles/') === true;

const faults: { name: string; code: string; fault: Fault }[] = [
  {
    name: 'is down',
    code: 'FEED_UNREACHABLE',
    fault: (request) => {
      request.socket.destroy();
      return true;
    },
  },
  {
    name: 'answers 503',
    code: 'FEED_REFUSED',
    fault: (_, response) => {
      response.writeHead(503).end();
      return true;
    },
  },
  {
    name: 'redirects',
    code: 'FEED_REDIRECTED',
    fault: (request, response) => {
      response.writeHead(302, { location: `http://${String(request.headers.host)}/elsewhere` }).end();
      return true;
    },
  },
  {
    name: 'cuts the bundle off',
    code: 'DOWNLOAD_TRUNCATED',
    fault: (request, response) => {
      if (!isBundle(request.url)) return false;
      response.writeHead(200, { 'content-length': 1000 });
      response.write('a'.repeat(10), () => request.socket.destroy());
      return true;
    },
  },
  {
    name: 'sends more of the bundle than was promised',
    code: 'DOWNLOAD_TOO_LARGE',
    fault: (request, response) => {
      if (!isBundle(request.url)) return false;
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && response.write('a'.repeat(65_536)));
      };
      response.on('drain', more);
      more();
      return true;
    },
  },
];

describe('a feed', () => {
  it.each(faults)(
    'that $name ends the attempt with $code; the workload never stops; the next check works',
    async ({ code, fault }) => {
      await using host = await createHost();
      await host.publisher.publish({ version: '1.1.0' });
      host.feed.fault(fault);
      await host.start();
      const bad = await host.until(code, ({ last_error }) => last_error?.code === code);
      expect(bad.workload).toMatchObject({ state: 'running', restarts: 0 });
      expect(await host.versions()).toEqual([]);
      const pid = bad.workload.pid;
      const again = await host.until('idle after it', ({ state }) => state === 'idle');
      expect(again.workload.pid).toBe(pid);
      host.feed.fault(null);
      await host.until('1.1.0 is current', ({ current }) => current.version === '1.1.0');
      expect((await host.history()).some(({ error }) => error?.code === code)).toBe(true);
    },
  );

  it.each(['/edge.jws', '/bundles/'])(
    'that trickles below %s ends the attempt with FEED_STALLED; the next check works',
    async (path) => {
      await using host = await createHost({ config: { update: { stall_timeout: 0.3, retries: 0 } } });
      await host.publisher.publish({ version: '1.1.0' });
      host.feed.fault((request, response) => {
        if (request.url?.startsWith(path) !== true) return false;
        response.writeHead(200);
        const timer = setInterval(() => response.write('A'), 20);
        response.on('close', () => {
          clearInterval(timer);
        });
        return true;
      });
      await host.start();
      await host.until('FEED_STALLED', ({ last_error }) => last_error?.code === 'FEED_STALLED');
      host.feed.fault(null);
      await host.until('1.1.0 is current', ({ current }) => current.version === '1.1.0');
    },
  );

  it('that is slow only takes longer', async () => {
    await using host = await createHost();
    await host.publisher.publish({ version: '1.1.0' });
    host.feed.fault((request, response) => {
      if (request.url !== '/edge.jws') return false;
      // Holds the answer back until the client has shown that it waits, then lets the next request through.
      host.feed.fault(null);
      setTimeout(() => response.writeHead(404).end(), 300);
      return true;
    });
    await host.start();
    await host.until('1.1.0 is current', ({ current }) => current.version === '1.1.0');
  });
});
