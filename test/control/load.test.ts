/** The same as `npm run load`, small: many at once, readers that do not read, and whoever does not speak HTTP. */
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sampleLine, sampleStatus } from './support/samples.ts';
import { bytes, raw, startControl } from './support/control-fixture.ts';

const REQUEST = 'GET /v1/status HTTP/1.1\r\nhost: localhost\r\n\r\n';
const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

/** A connection that sends this and nothing more. */
function halfOpen(socket: string, sent: string): Socket {
  const client = connect({ path: socket });
  onTestFinished(() => void client.destroy());
  client.on('error', () => {});
  client.write(sent);
  return client;
}

const closed = (client: Socket): Promise<string> => {
  const { promise, resolve } = Promise.withResolvers<string>();
  let got = '';
  client.on('data', (chunk: Buffer) => (got += chunk.toString()));
  client.once('close', () => {
    resolve(got);
  });
  return promise;
};

describe('a control server under load', () => {
  it('answers everybody, tells every stream everything, and makes few statuses for many callers', async () => {
    const { socket, api, client, streams, faults } = await startControl();
    const looks = { status: 0 };
    const status = () => Promise.resolve(sampleStatus());
    Object.assign(api, {
      status: async () => {
        looks.status += 1;
        await turn();
        return status();
      },
    });
    const control = new AbortController();
    onTestFinished(() => {
      control.abort();
    });
    const readers = times(20, async () => {
      const seen: string[] = [];
      for await (const event of client.events({ signal: control.signal })) {
        if (event.kind === 'log') seen.push(event.line.message);
        if (seen.length === 30) break;
      }
      return seen;
    });
    const deaf = times(5, () => halfOpen(socket, REQUEST.replace('status', 'events')).pause());
    while (streams() < 25) await turn();
    const before = api.listeners();

    const agent = new Agent({ keepAlive: true, maxSockets: 100 });
    onTestFinished(() => {
      agent.destroy();
    });
    const ask = (): Promise<number> => {
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      request({ socketPath: socket, path: '/v1/status', agent }, (response) => {
        response.resume();
        response.once('end', () => {
          resolve(response.statusCode ?? 0);
        });
      })
        .once('error', reject)
        .end();
      return promise;
    };
    const asked = times(300, ask);
    for (const [index, message] of times(30, (count) => `${String(count)} ${'x'.repeat(30_000)}`).entries()) {
      api.publish({ kind: 'log', line: sampleLine({ message }) });
      if (index % 5 === 0) await turn();
    }
    expect(new Set(await Promise.all(asked))).toEqual(new Set([200]));
    expect(looks.status).toBeLessThan(150);
    for (const seen of await Promise.all(readers))
      expect(seen.map((text) => parseInt(text, 10))).toEqual(times(30, (n) => n));
    // The deaf ones miss 900 kB by now, of which their streams hold next to nothing: they do not listen any more.
    while (streams() > 5) await turn();
    expect(api.listeners()).toBe(before - 25);
    for (const client of deaf) client.destroy();
    while (streams() > 0) await turn();
    expect(faults).toEqual([]);
  });

  it('shows the door to half-open connections, and says why', async () => {
    const limits = { headersTimeoutMs: 20, requestTimeoutMs: 40, lookEveryMs: 10 };
    const { socket, api, faults } = await startControl({}, { limits });
    const silent = halfOpen(socket, '');
    const half = halfOpen(socket, REQUEST.slice(0, 20));
    const body = halfOpen(
      socket,
      'POST /v1/check HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{',
    );
    const answers = await Promise.all([silent, half, body].map(closed));
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 408 [^]*"code":"USAGE"/);
    expect([api.calls, faults]).toEqual([[], []]);
    expect((await raw(socket, 'GET', '/v1/status')).status).toBe(200);
  });

  it('takes so many connections and no more', async () => {
    const { socket } = await startControl({}, { limits: { socketConnections: 4 } });
    const open = times(4, () => halfOpen(socket, 'GET'));
    await Promise.all(open.map((client) => new Promise((resolve) => client.once('connect', resolve))));
    expect(await closed(halfOpen(socket, REQUEST))).toBe('');
    for (const client of open) client.destroy();
    await expect
      .poll(async () => (await raw(socket, 'GET', '/v1/status').catch(() => null))?.status)
      .toBe(200);
  });

  it.each([
    ['noise', '\x00\xff\x16\x03\x01garbage\r\n\r\n', 400],
    ['a header without end', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`, 431],
    [
      'a body that is too large',
      `POST /v1/check HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 900000000\r\n\r\n{`,
      413,
    ],
    [
      'a chunked body that is no chunk',
      'POST /v1/check HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
      400,
    ],
    [
      'two lengths',
      'POST /v1/check HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}',
      400,
    ],
    ['no Host', 'GET /v1/status HTTP/1.1\r\n\r\n', 400],
    ['an address of 100 kB', `GET /${'a'.repeat(100_000)} HTTP/1.1\r\nhost: x\r\n\r\n`, 431],
  ])('refuses %s, and lives on', async (_what, sent, status) => {
    const { socket, api, faults } = await startControl();
    expect(await bytes(socket, sent)).toMatch(new RegExp(`^HTTP/1\\.1 ${String(status)} `));
    expect((await raw(socket, 'GET', '/v1/status')).status).toBe(200);
    expect([api.calls, faults]).toEqual([[], []]);
  });

  it('stops reading what nobody reads the answers of', async () => {
    const { socket, api } = await startControl();
    const client = halfOpen(socket, '');
    client.pause();
    const pipelined = REQUEST.replace('status', 'history').repeat(200);
    // Until the kernel takes no more: the server has stopped reading.
    let sent = 0;
    while (client.write(pipelined) && sent < 10_000) {
      sent += 1;
      await turn();
    }
    expect((await raw(socket, 'GET', '/v1/status')).status).toBe(200);
    expect(api.calls.length).toBeLessThan(20_000);
  });
});
