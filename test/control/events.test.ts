import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ControlEvent } from '../../src/control/api.ts';
import type { StreamLimits } from '../../src/control/event-streams.ts';
import type { NewEvent } from '../../src/daemon/events.ts';
import { bytes, raw, startControl, type ControlFixture } from './support/control-fixture.ts';
import { sampleLine, sampleWorkload } from './support/samples.ts';

const QUICK: StreamLimits = { max: 3, heartbeatMs: 5, patience: 3 };
const line = (message: string): NewEvent => ({ kind: 'log', line: sampleLine({ message }) });

async function stream(
  socketPath: string,
  headers: Record<string, string> = {},
  path = '/v1/events',
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  request({ socketPath, path, agent: false, headers }, resolve).once('error', reject).end();
  const response = await promise;
  // Cut off by either side, on purpose.
  response.on('error', () => {});
  onTestFinished(() => void response.destroy());
  return response;
}

/** Reads until the text holds `what`. */
async function readUntil(response: IncomingMessage, what: string): Promise<string> {
  let text = '';
  for await (const chunk of response.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    if (text.includes(what)) return text;
  }
  throw new Error(`expected ${what}, found the end after ${text}`);
}

/** A connection that asks for events and reads nothing. */
async function deaf({ socket, streams }: ControlFixture): Promise<Socket> {
  const before = streams();
  const client = connect({ path: socket });
  onTestFinished(() => void client.destroy());
  client.on('error', () => {});
  client.pause();
  client.write('GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n');
  while (streams() === before) await turn();
  return client;
}

describe('the event stream', () => {
  it('sends each event with its id, its kind and the whole as JSON', async () => {
    const { socket, api } = await startControl();
    const response = await stream(socket);
    expect(response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      server: 'coresdk-sidecar/1.0.0',
    });
    await readUntil(response, '\n\n');
    api.publish({ kind: 'workload', workload: sampleWorkload() });
    const text = await readUntil(response, '\n\n');
    const [, id, kind, data] = /^id: (\d+)\nevent: (\w+)\ndata: (.*)\n\n$/.exec(text)!;
    expect(kind).toBe('workload');
    expect(JSON.parse(data!)).toMatchObject({ id: Number(id), kind: 'workload', workload: sampleWorkload() });
  });

  it('begins with what is remembered since the id that it is given, by header or query', async () => {
    const { socket, api } = await startControl();
    const ids: number[] = [];
    const stop = api.events(({ id }) => ids.push(id));
    onTestFinished(stop);
    for (const message of ['one', 'two', 'three']) api.publish(line(message));
    const after = String(ids[0]);
    for (const [headers, path] of [
      [{ 'last-event-id': after }, '/v1/events'],
      [{}, `/v1/events?after=${after}`],
      [{ 'last-event-id': after }, '/v1/events?after=0'],
    ] as const) {
      const text = await readUntil(await stream(socket, headers, path), 'three');
      expect(text).toContain('two');
      expect(text).not.toContain('one');
    }
  });

  it.each([
    ['/v1/events?after=x', {}],
    ['/v1/events?since=1', {}],
    ['/v1/events', { 'last-event-id': '-1' }],
  ])('refuses %s %o', async (path, headers) => {
    const { socket, api } = await startControl();
    const before = api.listeners();
    expect((await raw(socket, 'GET', path, '', headers)).status).toBe(400);
    expect(api.listeners()).toBe(before);
  });

  it('sends comments while nothing happens', async () => {
    const { socket } = await startControl({}, { limits: { streams: QUICK } });
    expect(await readUntil(await stream(socket), '\n\n:\n\n')).toContain(':');
  });

  it('leaves no listener behind when its reader goes', async () => {
    const { socket, api, streams } = await startControl();
    const before = api.listeners();
    const readers = await Promise.all([stream(socket), stream(socket), stream(socket)]);
    expect([streams(), api.listeners()]).toEqual([3, before + 3]);
    for (const reader of readers) reader.destroy();
    while (streams() > 0) await turn();
    expect(api.listeners()).toBe(before);
  });

  it('takes so many and no more, says so, and takes another once one is gone', async () => {
    const { socket, streams } = await startControl(
      {},
      { limits: { streams: { ...QUICK, heartbeatMs: 1_000 } } },
    );
    const [first] = await Promise.all([stream(socket), stream(socket), stream(socket)]);
    const refused = await raw(socket, 'GET', '/v1/events');
    expect(refused.status).toBe(503);
    expect(refused.headers['retry-after']).toBe('5');
    expect(JSON.parse(refused.text)).toMatchObject({ code: 'RATE_LIMITED', message: /at most 3/ });
    first.destroy();
    while (streams() === 3) await turn();
    expect((await stream(socket)).statusCode).toBe(200);
  });

  it('ends with the server, at once, and whole', async () => {
    const { socket, close, api } = await startControl();
    const response = await stream(socket);
    const text = (async () => {
      let all = '';
      for await (const chunk of response) all += String(chunk);
      return all;
    })();
    api.publish(line('the last one'));
    await close();
    expect(await text).toContain('the last one');
    expect(response.complete).toBe(true);
    expect(api.listeners()).toBe(0);
  });
});

describe('a reader that does not read', () => {
  const big = 'x'.repeat(8_000);

  it('keeps nothing of what it misses in its stream, and is cut off in the end', async () => {
    const fixture = await startControl({}, { limits: { streams: { ...QUICK, heartbeatMs: 50 } } });
    const { api, streams } = fixture;
    const before = api.listeners();
    const client = await deaf(fixture);
    let published = 0;
    // It has no listener any more as soon as the socket is full, which is long before all of this is sent.
    while (api.listeners() > before && published < 2_000) {
      api.publish(line(big));
      published += 1;
      await turn();
    }
    expect(api.listeners()).toBe(before);
    expect(published).toBeLessThan(200);
    const closed = once(client, 'close');
    while (streams() > 0) await turn();
    client.resume();
    await closed;
  });

  it('misses nothing that is still remembered, once it reads', async () => {
    const fixture = await startControl();
    const { api } = fixture;
    const client = await deaf(fixture);
    const before = api.listeners();
    let published = 0;
    while (api.listeners() === before) {
      api.publish(line(`${String(published)} ${big}`));
      published += 1;
      await turn();
    }
    for (let more = 0; more < 50; more += 1) {
      api.publish(line(`${String(published)} ${big}`));
      published += 1;
    }
    const seen: number[] = [];
    let text = '';
    client.setEncoding('utf8');
    for await (const chunk of client) {
      text += String(chunk);
      for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
        const data = /"message":"(\d+) x/.exec(text.slice(0, end))?.[1];
        if (data !== undefined) seen.push(Number(data));
        text = text.slice(end + 2);
      }
      if (seen.at(-1) === published - 1) break;
    }
    expect(seen).toEqual(Array.from({ length: published }, (_, index) => index));
  });

  it('does not hold the server open', async () => {
    const fixture = await startControl();
    const client = await deaf(fixture);
    while (fixture.api.listeners() > 1) {
      fixture.api.publish(line(big));
      await turn();
    }
    const closed = once(client, 'close');
    await fixture.close();
    client.resume();
    await closed;
  });
});

describe('the client’s events', () => {
  const take = async (events: AsyncIterable<ControlEvent>, count: number): Promise<string[]> => {
    const seen: string[] = [];
    for await (const event of events) {
      seen.push(event.kind === 'log' ? event.line.message : event.kind);
      if (seen.length === count) break;
    }
    return seen;
  };

  it('are those of the daemon, from now on, until nobody takes them', async () => {
    const { client, api, streams } = await startControl();
    const { signal } = new AbortController();
    const taken = take(client.events({ signal }), 2);
    while (streams() === 0) await turn();
    api.publish(line('ü\n\u2028'));
    api.publish({ kind: 'workload', workload: sampleWorkload() });
    expect(await taken).toEqual(['ü\n\u2028', 'workload']);
    while (streams() > 0) await turn();
  });

  it('begin where they are told', async () => {
    const { client, api } = await startControl();
    for (const message of ['one', 'two']) api.publish(line(message));
    expect(await take(client.events({ after: 0, signal: new AbortController().signal }), 2)).toEqual([
      'one',
      'two',
    ]);
  });

  it('end when the signal fires', async () => {
    const { client, streams } = await startControl();
    const control = new AbortController();
    const taken = take(client.events({ signal: control.signal }), 1);
    while (streams() === 0) await turn();
    control.abort();
    expect(await taken).toEqual([]);
    while (streams() > 0) await turn();
  });
});

it('serves no stream to HTTP/1.0 without end: it is a stream there too', async () => {
  const { socket, close, api, streams } = await startControl();
  const got = bytes(socket, 'GET /v1/events HTTP/1.0\r\nhost: localhost\r\n\r\n');
  while (streams() === 0) await turn();
  api.publish(line('hello'));
  await close();
  expect(await got).toMatch(/^HTTP\/1\.1 200 OK[^]*hello/);
});
