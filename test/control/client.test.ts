import { chmod, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { AttemptProgress } from '../../src/control/api.ts';
import { createControlClient } from '../../src/control/client.ts';
import { UpdateError } from '../../src/errors.ts';
import { ownFolder, startControl } from './support/control-fixture.ts';
import {
  sampleAttempt,
  sampleConfig,
  sampleDoctor,
  sampleLine,
  sampleProgress,
  sampleQuarantine,
  sampleStatus,
  sampleVersions,
} from './support/samples.ts';

import { readEvents, type ReconnectTimes } from '../../src/control/client-events.ts';
import { routeTo } from '../../src/control/target.ts';
import { ended, fault } from './support/scripted-api.ts';

/** A server that is no daemon of ours. */
async function impostor(listener: RequestListener): Promise<string> {
  const socket = join(await ownFolder(), 'control.sock');
  const server = createServer(listener);
  server.listen(socket);
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return socket;
}

describe('the control client', () => {
  it('calls every route', async () => {
    const { client, api } = await startControl();
    expect(await client.status()).toEqual(sampleStatus());
    expect(await client.history(7)).toEqual([sampleAttempt()]);
    expect(await client.attempt('a2')).toEqual(sampleProgress());
    expect(await client.check()).toBe('a2');
    expect(await client.update({ dryRun: true })).toBe('a2');
    expect(await client.apply('/tmp/ü.jws')).toBe('a2');
    expect(await client.rollback(null)).toBe('a2');
    expect(await client.versions()).toEqual(sampleVersions());
    expect(await client.quarantine()).toEqual([sampleQuarantine()]);
    expect(await client.logs(9)).toEqual([sampleLine()]);
    expect(await client.config()).toEqual(sampleConfig());
    expect(await client.doctor()).toEqual(sampleDoctor());
    await client.pause('audit');
    await client.pause(null);
    expect(await client.approve('1.3.0')).toMatchObject({ version: '1.3.0' });
    expect(await client.approve(null)).toMatchObject({ version: '1.2.0' });
    await client.resume();
    await client.retry();
    expect(await client.clearQuarantine('1.2.0/../x')).toEqual({ version: '1.2.0', digest: '1.2.0/../x' });
    expect(api.calls).toEqual([
      ['history', 7],
      ['check'],
      ['update', { dryRun: true }],
      ['apply', '/tmp/ü.jws'],
      ['rollback', null],
      ['logs', 9],
      ['doctor'],
      ['pause', 'audit'],
      ['pause', null],
      ['approve', '1.3.0'],
      ['approve', null],
      ['resume'],
      ['retry'],
      ['clearQuarantine', '1.2.0/../x'],
    ]);
  });

  it('rejects with the error that the daemon gave', async () => {
    const { client } = await startControl({ refuse: fault('BUSY', 'attempt a1 is in probing') });
    const refused = client.check();
    await expect(refused).rejects.toBeInstanceOf(UpdateError);
    await expect(refused).rejects.toMatchObject({ code: 'BUSY', message: 'attempt a1 is in probing' });
    await expect(client.attempt('nobody')).rejects.toMatchObject({ code: 'ATTEMPT_NOT_FOUND' });
  });

  it('follows an attempt to its end, and shows every look', async () => {
    const looks = [
      sampleProgress(),
      sampleProgress({ state: 'downloading', to: '1.2.0' }),
      ended('committed', 'committed', 'HTTP 200', { to: '1.2.0' }),
    ];
    const { client } = await startControl({ looks });
    const seen: string[] = [];
    const last = await client.follow('a2', { pollMs: 1, onProgress: ({ state }) => seen.push(state) });
    expect(seen).toEqual(['checking', 'downloading', 'committed']);
    expect(last).toEqual(looks[2]);
  });

  it('waits for a daemon that becomes its next version meanwhile', async () => {
    const socket = join(await ownFolder(), 'control.sock');
    const serve = async (progress: AttemptProgress, onAsked: () => void) => {
      const server = createServer((_, response) => {
        response.setHeader('content-type', 'application/json').end(JSON.stringify(progress), onAsked);
      });
      await once(server.listen(socket), 'listening');
      onTestFinished(() => void server.close());
      return server;
    };
    const asked = Promise.withResolvers<undefined>();
    const old = await serve({ ...sampleProgress(), ended: null }, () => {
      asked.resolve(undefined);
    });
    const following = createControlClient({ socket }).follow('a2', { pollMs: 1 });
    await asked.promise;
    old.closeAllConnections();
    await new Promise((resolve) => old.close(resolve));
    const next = {
      ...sampleProgress(),
      ended: { ...ended('committed'), id: 'a2' },
    } as unknown as AttemptProgress;
    await serve(next, () => undefined);
    expect((await following).ended).not.toBeNull();
  });

  it('waits for no daemon that was never there, and for none without an end', async () => {
    const socket = join(await ownFolder(), 'control.sock');
    const client = createControlClient({ socket });
    await expect(client.follow('a2', { pollMs: 1 })).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' });
    const server = createServer((_, response) => {
      server.close();
      response.setHeader('connection', 'close').end(JSON.stringify({ ...sampleProgress(), ended: null }));
    });
    await once(server.listen(socket), 'listening');
    await expect(client.follow('a2', { pollMs: 1, awayMs: 5 })).rejects.toMatchObject({
      code: 'DAEMON_UNREACHABLE',
    });
  });

  it('follows only as long as it is told', async () => {
    const { client } = await startControl({
      looks: [sampleProgress(), sampleProgress({ state: 'downloading' })],
    });
    const last = await client.follow('a2', { pollMs: 1, until: ({ state }) => state !== 'checking' });
    expect(last).toMatchObject({ state: 'downloading', ended: null });
  });

  it('watches the status', async () => {
    const { client } = await startControl({
      status: [sampleStatus({ state: 'rollingBack' }), sampleStatus()],
    });
    expect(await client.watch(({ state }) => state === 'idle', { pollMs: 1 })).toMatchObject({
      state: 'idle',
    });
  });

  it('says when no daemon is there, with the socket', async () => {
    const dir = await ownFolder();
    const file = join(dir, 'file');
    await writeFile(file, '');
    for (const socket of [join(dir, 'absent.sock'), file, join(dir, 'x'.repeat(200))])
      await expect(createControlClient({ socket }).status()).rejects.toMatchObject({
        code: 'DAEMON_UNREACHABLE',
        message: expect.stringContaining(socket),
      });
    const { client, close } = await startControl();
    await close();
    await expect(client.status()).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' });
  });

  it('says who may connect', async () => {
    const { client, socket } = await startControl();
    // Permissions do not hold root back, so as root this is asked as nobody.
    if (process.geteuid?.() === 0) {
      process.seteuid?.(65_534);
      onTestFinished(() => process.seteuid?.(0));
    } else await chmod(socket, 0);
    await expect(client.status()).rejects.toMatchObject({
      code: 'DAEMON_UNREACHABLE',
      message: expect.stringMatching(/as root/),
    });
  });

  it('says when the daemon dies in the middle', async () => {
    const socket = await impostor((request) => {
      request.socket.destroy();
    });
    await expect(createControlClient({ socket }).status()).rejects.toMatchObject({
      code: 'DAEMON_UNREACHABLE',
    });
  });

  it.each([
    ['no JSON', 200, '<html>', /JSON/],
    ['an error of another shape', 502, '{"oops":1}', /status 502/],
    [
      'a code that it does not know',
      409,
      '{"code":"FROM_THE_FUTURE","message":"m"}',
      /m \(FROM_THE_FUTURE\)/,
    ],
    ['a name of Object for a code', 409, '{"code":"constructor","message":"m"}', /m \(constructor\)/],
  ])('does not understand %s', async (_what, status, body, message) => {
    const socket = await impostor((_request, response) => {
      response.writeHead(status).end(body);
    });
    await expect(createControlClient({ socket }).check()).rejects.toMatchObject({
      code: 'CONTROL_FAILED',
      message: expect.stringMatching(message),
    });
  });

  it('stops reading an answer that never ends', async () => {
    const socket = await impostor((_request, response) => {
      const chunk = Buffer.alloc(1024 * 1024, 32);
      const more = (): void => {
        while (response.write(chunk));
        response.once('drain', more);
      };
      more();
    });
    await expect(createControlClient({ socket }).status()).rejects.toMatchObject({ code: 'CONTROL_FAILED' });
  });

  it('waits for its turn when too many callers wait already', async () => {
    const socket = join(await ownFolder(), 'control.sock');
    const script = `require('node:http').createServer((_, response) => response.end('{}')).listen({ path: ${JSON.stringify(socket)}, backlog: 1 }, () => console.log('ready'))`;
    const daemon = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void daemon.kill('SIGKILL'));
    await once(daemon.stdout, 'data');
    daemon.kill('SIGSTOP');
    const crowd: Socket[] = [];
    onTestFinished(() => {
      for (const caller of crowd) caller.destroy();
    });
    for (let full = false; !full;) {
      const caller = connect({ path: socket });
      crowd.push(caller);
      full = await new Promise((resolve) => {
        caller.once('connect', () => {
          resolve(false);
        });
        caller.once('error', () => {
          resolve(true);
        });
      });
    }
    const asked = createControlClient({ socket }).status();
    daemon.kill('SIGCONT');
    expect(await asked).toEqual({});
  });

  it('says when the daemon is of another version and has no such route', async () => {
    const socket = await impostor((_request, response) => {
      response.writeHead(404, { server: 'coresdk-sidecar/0.9.0' });
      response.end(
        '{"code":"USAGE","message":"expected a route of the control API, found GET /v1/versions"}',
      );
    });
    const client = createControlClient({ socket });
    await expect(client.versions()).rejects.toMatchObject({
      code: 'CONTROL_FAILED',
      message:
        'expected a daemon with GET /v1/versions, found coresdk-sidecar/0.9.0 without: its version differs from this program’s',
    });
    const events = client.events({ signal: new AbortController().signal });
    await expect(events[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'CONTROL_FAILED' });
  });

  it.each(['ftp://x', 'http://user:pass@x', 'http://x/?a', 'http://x/#a', 'nonsense'])(
    'refuses the URL %s, and does not quote it',
    (url) => {
      expect(() => createControlClient({ url, token: 't' })).toThrow(
        expect.objectContaining({ code: 'USAGE', message: expect.not.stringContaining('pass') }),
      );
    },
  );

  it('asks below the path of a proxy, with the token', async () => {
    const seen: unknown[] = [];
    const server = createServer(({ url, headers: { authorization } }, response) => {
      seen.push([url, authorization]);
      response.end('{}');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    await createControlClient({ url: `http://127.0.0.1:${String(port)}/box1/`, token: 't' }).status();
    expect(seen).toEqual([['/box1/v1/status', 'Bearer t']]);
  });
});

describe('the client’s events, when the stream is lost', () => {
  const QUICK: ReconnectTimes = { firstMs: 1, mostMs: 1, giveUpMs: 60_000, silenceMs: 60_000 };
  const { signal } = new AbortController();
  const frame = (id: number): string =>
    `id: ${String(id)}\nevent: log\ndata: {"id":${String(id)},"kind":"log"}\n\n`;

  /** A daemon that answers each stream with the next of these. */
  async function scripted(
    ...answers: readonly ((response: ServerResponse) => void)[]
  ): Promise<{ socket: string; asked: (string | undefined)[] }> {
    const asked: (string | undefined)[] = [];
    const left = [...answers];
    const socket = await impostor(({ headers }, response) => {
      asked.push(headers['last-event-id'] as string | undefined);
      left.shift()?.(response);
    });
    return { socket, asked };
  }

  async function ids(socket: string, count: number, times: ReconnectTimes = QUICK): Promise<number[]> {
    const seen: number[] = [];
    for await (const { id } of readEvents(routeTo({ socket }), { signal, times })) {
      seen.push(id);
      if (seen.length === count) break;
    }
    return seen;
  }

  it('go on where they were', async () => {
    const { socket, asked } = await scripted(
      (response) => response.end(frame(1) + frame(2) + 'id: 3\ndata: {"id":'),
      (response) => {
        response.write(frame(3), () => response.destroy());
      },
      (response) => response.end(JSON.stringify({ code: 'RATE_LIMITED', message: 'm' })),
      (response) => {
        response.writeHead(503).end('{"code":"RATE_LIMITED","message":"m"}');
      },
      (response) => response.write(frame(4)),
    );
    expect(await ids(socket, 4)).toEqual([1, 2, 3, 4]);
    expect(asked).toEqual([undefined, '2', '3', '3', '3']);
  });

  it('are asked for again when they fall silent', async () => {
    const asked: number[] = [];
    const socket = await impostor(({ headers }, response) => {
      const last = Number(headers['last-event-id'] ?? 0);
      asked.push(last);
      response.write(frame(last + 1));
    });
    expect(await ids(socket, 2, { ...QUICK, silenceMs: 50 })).toEqual([1, 2]);
    expect(asked).toContain(1);
  });

  it('are given up when nobody answers for long enough', async () => {
    const socket = join(await ownFolder(), 'absent.sock');
    await expect(ids(socket, 1, { ...QUICK, giveUpMs: 5 })).rejects.toMatchObject({
      code: 'DAEMON_UNREACHABLE',
    });
  });

  it.each([
    ['no event', 'data: [1]\n\n'],
    ['no JSON', 'data: {\n\n'],
  ])('are given up at once when there is %s in them', async (_what, text) => {
    const { socket, asked } = await scripted((response) => response.write(text));
    await expect(ids(socket, 1)).rejects.toMatchObject({ code: 'CONTROL_FAILED' });
    expect(asked).toHaveLength(1);
  });
});
