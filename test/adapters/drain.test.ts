import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock.ts';
import { createDrain, type DrainOptions } from '../../src/adapters/drain.ts';
import type { Drain } from '../../src/services/ports.ts';
import { createFakeDrain } from '../fakes/drain.ts';
import { drainContract } from './contracts/drain.contract.ts';

const never = new AbortController().signal;

/** A workload that takes connections, opens one itself, and closes those that it took a moment after it is asked to by POST. */
const PROGRAM = `
const net = require('net'), http = require('http');
const held = new Set();
const server = net.createServer({ allowHalfOpen: true }, (s) => { held.add(s); s.on('error', () => {}); s.on('close', () => held.delete(s)); s.write('hello'); });
const control = http.createServer((q, r) => { r.statusCode = q.method === 'POST' && q.url === '/drain' ? 202 : 404; r.end();
  control.close(); server.close(); if (q.url === '/drain') setTimeout(() => { for (const s of held) s.destroy(); }, 30); });
server.listen(0, '127.0.0.1', () => control.listen(0, '127.0.0.1', () => {
  net.connect(Number(process.argv[1]), '127.0.0.1', () => console.log(server.address().port + ' ' + control.address().port)); }));
`;

/** A clock whose time passes only while somebody sleeps. */
function quickClock(): DrainOptions['clock'] {
  let now = 0;
  return {
    monotonic: () => now,
    sleep: async (ms) => {
      now += ms;
      await new Promise(setImmediate);
    },
  };
}

function make(options: Partial<DrainOptions>): Drain {
  const drain = createDrain({ hook: null, url: null, timeoutMs: 10_000, clock: systemClock, ...options });
  if (drain === null) throw new Error('expected a drain');
  return drain;
}

async function statusServer(status: number): Promise<{ server: Server; url: string }> {
  const server = createServer((_, response) => {
    response.writeHead(status).end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { server, url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/drain` };
}

drainContract('real', async () => {
  let status = 204;
  const server = createServer((_, response) => {
    response.writeHead(status).end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const idle = spawn('/bin/sleep', ['60'], { detached: true, stdio: 'ignore' });
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`;
  return {
    drain: make({ url }),
    process: { pid: idle.pid ?? 0, version: '1.0.0' },
    spoil: () => {
      status = 500;
    },
    close: async () => {
      idle.kill('SIGKILL');
      server.close();
      await once(idle, 'exit');
    },
  };
});

drainContract('fake', () => {
  const drain = createFakeDrain({ tookMs: 1, connectionsLeft: 0, fault: null });
  return Promise.resolve({
    drain,
    process: { pid: 4711, version: '1.0.0' },
    spoil: () => {
      drain.result = { tookMs: 1, connectionsLeft: 3, fault: 'expected nobody, found 3 connections' };
    },
    close: () => Promise.resolve(),
  });
});

describe('draining a workload', () => {
  let folder: string;
  let child: ChildProcess;
  let database: Server;
  let port: number;
  let controlPort: number;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'drain-'));
    database = createServer();
    await once(database.listen(0, '127.0.0.1'), 'listening');
    const db = String((database.address() as AddressInfo).port);
    const spawned = spawn(process.execPath, ['-e', PROGRAM, db], {
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child = spawned;
    const [line] = (await once(spawned.stdout.setEncoding('utf8'), 'data')) as [string];
    [port = 0, controlPort = 0] = line.trim().split(' ').map(Number);
  });
  afterEach(async () => {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    database.close();
    await rm(folder, { recursive: true });
  });
  const it_ = { process: () => ({ pid: child.pid ?? 0, version: '1.0.0' }) };
  const client = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'data');
    return socket;
  };

  it('asks by POST, and waits until those whom it serves are gone, and not for those whom it asks itself', async () => {
    await Promise.all([client(), client()]);
    const drain = make({ url: `http://127.0.0.1:${String(controlPort)}/drain` });
    expect(await drain.run(it_.process(), never)).toMatchObject({ connectionsLeft: 0, fault: null });
  });

  it('counts who is left when the time is over', async () => {
    await Promise.all([client(), client()]);
    const { server, url } = await statusServer(200);
    const drained = await make({ url, clock: quickClock() }).run(it_.process(), never);
    server.close();
    expect(drained).toMatchObject({
      connectionsLeft: 2,
      fault: 'expected nobody to be connected 10 s after the drain began, found 2 connections',
    });
  });

  it('waits for whom has said all and still waits for the answer', async () => {
    const socket = await client();
    await once(socket.end('all of it'), 'finish');
    const { server, url } = await statusServer(200);
    const drained = await make({ url, timeoutMs: 1_000, clock: quickClock() }).run(it_.process(), never);
    server.close();
    expect(drained?.connectionsLeft).toBe(1);
  });

  it('tells of an answer that is not 2xx, and still waits', async () => {
    await client();
    const drain = make({ url: `http://127.0.0.1:${String(controlPort)}/other`, clock: quickClock() });
    const drained = await drain.run(it_.process(), never);
    expect(drained?.connectionsLeft).toBe(1);
    expect(drained?.fault).toMatch(/to answer 2xx, found HTTP 404$/);
  });

  it('runs the hook with the pid and the version, and tells how it failed', async () => {
    const hook = join(folder, 'hook');
    await writeFile(
      hook,
      `#!/bin/sh\necho "$CORESDK_HOOK $CORESDK_WORKLOAD_PID $CORESDK_WORKLOAD_VERSION" > ${folder}/seen\necho no way; exit 3\n`,
      { mode: 0o700 },
    );
    const drained = await make({ hook: [hook] }).run(it_.process(), never);
    expect(await readFile(join(folder, 'seen'), 'utf8')).toBe(`drain ${String(child.pid)} 1.0.0\n`);
    expect(drained).toMatchObject({
      connectionsLeft: 0,
      fault: `expected hooks.drain (${hook}) to end with 0, found exit code 3: no way`,
    });
  });

  it('ends a hook that takes too long, and that counts as the whole time', async () => {
    const hook = join(folder, 'hook');
    await writeFile(hook, '#!/bin/sh\nexec sleep 60\n', { mode: 0o700 });
    const drained = await make({ hook: [hook], timeoutMs: 100 }).run(it_.process(), never);
    expect(drained?.fault).toMatch(/to end with 0, found that it still ran$/);
  });

  it('is none where nothing is configured', () => {
    expect(createDrain({ hook: null, url: null, timeoutMs: 1, clock: systemClock })).toBeNull();
  });
});
