import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../demo/free-port.ts';
import { heldSocketsText, takeInheritedSockets } from '../../src/sockets/inherited-sockets.ts';
import {
  openListenSockets,
  type HeldSocket,
  type ListenSockets,
  type ListenSocketsOptions,
} from '../../src/adapters/listen-sockets.ts';
import type { UpdateError } from '../../src/errors.ts';
import { refusal } from '../fixtures/refusal.ts';

const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;

function flagsOf(fd: number): number {
  const text = readFileSync(`/proc/self/fdinfo/${String(fd)}`, 'latin1');
  return Number.parseInt(/^flags:\s*(\d+)$/m.exec(text)?.[1] ?? '', 8);
}

async function connected(options: { port: number; host: string } | { path: string }): Promise<Socket> {
  const socket = connect(options);
  await once(socket, 'connect');
  return socket;
}

describe('listening sockets that the daemon holds', () => {
  let folder: string;
  let warnings: UpdateError[];
  const opened: ListenSockets[] = [];
  const open = async (
    specs: string[],
    inherited: ListenSocketsOptions['inherited'] = [],
  ): Promise<ListenSockets> => {
    const sockets = await openListenSockets({ specs, inherited, warn: (error) => warnings.push(error) });
    opened.push(sockets);
    return sockets;
  };
  const first = async (sockets: ListenSockets): Promise<HeldSocket> => {
    const [socket] = await sockets.open();
    if (socket === undefined) throw new Error('expected a socket');
    return socket;
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sockets-'));
    warnings = [];
  });
  afterEach(async () => {
    for (const sockets of opened.splice(0)) sockets.close();
    await rm(folder, { recursive: true });
  });

  it('bind nothing before they are opened, and the same ones again after', async () => {
    const port = await freePort();
    const sockets = await open([`tcp://127.0.0.1:${String(port)}`]);
    await expect(connected({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(sockets.held()).toEqual([]);
    const [one, two] = await Promise.all([sockets.open(), sockets.open()]);
    expect(one).toEqual([
      {
        fd: expect.any(Number) as number,
        name: `tcp-127.0.0.1-${String(port)}`,
        address: `tcp://127.0.0.1:${String(port)}`,
        inode: expect.stringMatching(/^\d+$/) as string,
        made: false,
      },
    ]);
    expect(two).toEqual(one);
  });

  it('let connections wait, and give them to whoever accepts', async () => {
    const port = await freePort();
    const { fd } = await first(await open([`tcp://[::1]:${String(port)}`]));
    const client = await connected({ host: '::1', port });
    const child = spawn(
      process.execPath,
      ['-e', "require('net').createServer((s)=>s.end('served',()=>process.exit())).listen({fd:3})"],
      {
        stdio: ['ignore', 'inherit', 'inherit', fd],
      },
    );
    client.setEncoding('utf8');
    const [said] = (await once(client, 'data')) as [string];
    expect(said).toBe('served');
    client.destroy();
    await once(child, 'exit');
  });

  it('are made blocking again after a program has set them otherwise', async () => {
    const sockets = await open([`tcp://127.0.0.1:${String(await freePort())}`]);
    const { fd } = await first(sockets);
    expect(flagsOf(fd) & O_NONBLOCK).toBe(0);
    const child = spawn(
      process.execPath,
      ['-e', "require('net').createServer().listen({fd:3},()=>process.exit())"],
      {
        stdio: ['ignore', 'inherit', 'inherit', fd],
      },
    );
    await once(child, 'exit');
    expect(flagsOf(fd) & O_NONBLOCK).toBe(O_NONBLOCK);
    sockets.makeBlocking();
    expect(flagsOf(fd) & O_NONBLOCK).toBe(0);
  });

  it('are told by their address when they cannot be had, and had once it is free', async () => {
    const other = createServer();
    await once(other.listen(0, '127.0.0.1'), 'listening');
    const { port } = other.address() as { port: number };
    const sockets = await open([`tcp://127.0.0.1:${String(port)}`]);
    await expect(sockets.open()).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
      message: expect.stringContaining(`tcp://127.0.0.1:${String(port)} to be free`) as string,
    });
    other.close();
    await once(other, 'close');
    expect((await first(sockets)).address).toBe(`tcp://127.0.0.1:${String(port)}`);
  });

  it('of all addresses of both families can have one port', async () => {
    const port = await freePort();
    const specs = [`tcp://[::]:${String(port)}`, `tcp://0.0.0.0:${String(port)}`];
    expect((await (await open(specs)).open()).map(({ address }) => address)).toEqual(specs);
    for (const host of ['127.0.0.1', '::1']) (await connected({ host, port })).destroy();
  });

  it('of all addresses take IPv4 in where nothing else has it', async () => {
    const port = await freePort();
    await first(await open([`tcp://[::]:${String(port)}`]));
    (await connected({ host: '127.0.0.1', port })).destroy();
  });

  it('take an address that is not one for a mistake', async () => {
    expect(await refusal(open(['tcp://1.2.3:80']))).toBe('CONFIG_INVALID');
  });

  describe('at a path', () => {
    it('are for the daemon’s user and group, and gone after', async () => {
      const path = join(folder, 'a.sock');
      const sockets = await open([`unix:${path}`]);
      await first(sockets);
      expect(statSync(path).mode & 0o777).toBe(0o660);
      (await connected({ path })).destroy();
      sockets.close();
      expect(() => statSync(path)).toThrow('ENOENT');
    });

    it('are gone after the last of several daemons, though an earlier one made them', async () => {
      const path = join(folder, 'a.sock');
      const before = await open([`unix:${path}`]);
      await first(before);
      const { CORESDK_HELD_SOCKETS } = before.carry();
      const inherited = takeInheritedSockets({ CORESDK_HELD_SOCKETS }, process.pid);
      const after = await open([`unix:${path}`], inherited);
      opened.splice(0);
      const again = takeInheritedSockets(after.carry(), process.pid);
      expect(again).toEqual(inherited);
      after.close();
      expect(() => statSync(path)).toThrow('ENOENT');
    });

    it('stay where systemd made them', async () => {
      const path = join(folder, 'a.sock');
      const { fd } = await first(await open([`unix:${path}`]));
      const after = await open([`unix:${path}`], [{ fd, name: null }]);
      opened.splice(0);
      after.close();
      expect(statSync(path).isSocket()).toBe(true);
    });

    it('are told of where the path is too long for a socket', async () => {
      const path = `/${'x'.repeat(107)}`;
      await expect((await open([`unix:${path}`])).open()).rejects.toMatchObject({
        code: 'LISTEN_FAILED',
        message: `expected a socket’s path of at most 107 bytes, found 108: ${path}`,
      });
    });

    it('take the place of what nobody answers at, and of nothing else', async () => {
      const stale = join(folder, 'stale.sock');
      const child = spawn(process.execPath, [
        '-e',
        `require('net').createServer().listen(${JSON.stringify(stale)},()=>process.kill(process.pid,9))`,
      ]);
      await once(child, 'exit');
      expect(statSync(stale).isSocket()).toBe(true);
      await first(await open([`unix:${stale}`]));

      const taken = join(folder, 'taken.sock');
      const server = createServer();
      await once(server.listen(taken), 'listening');
      expect(await refusal((await open([`unix:${taken}`])).open())).toBe('LISTEN_FAILED');
      server.close();

      const file = join(folder, 'file');
      writeFileSync(file, 'mine');
      expect(await refusal((await open([`unix:${file}`])).open())).toBe('LISTEN_FAILED');
      expect(readFileSync(file, 'utf8')).toBe('mine');
    });
  });

  describe('that were inherited', () => {
    it('are taken by their address, keep their name, and are not bound again', async () => {
      const address = `tcp://127.0.0.1:${String(await freePort())}`;
      const before = await first(await open([address]));
      const after = await first(await open([address], [{ fd: before.fd, name: 'http' }]));
      opened.pop();
      expect(after).toEqual({ ...before, name: 'http' });
    });

    it('are taken as they are where none is configured', async () => {
      const before = await first(await open([`unix:${join(folder, 'b.sock')}`]));
      const after = await open([], [{ fd: before.fd, name: null, made: true }]);
      opened.pop();
      expect(await after.open()).toEqual([before]);
    });

    it('are closed and told of when they are not among those configured', async () => {
      const port = await freePort();
      const one = `tcp://127.0.0.1:${String(port)}`;
      const before = await first(await open([one]));
      opened.pop();
      await open([`unix:${join(folder, 'c.sock')}`], [{ fd: before.fd, name: null }]);
      expect(warnings.map(({ code, message }) => [code, message])).toEqual([
        ['LISTEN_FAILED', expect.stringContaining(one)],
      ]);
      await expect(connected({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    });

    it.each(['as they are', 'by their address'])('are taken %s, all that share one', async (how) => {
      const port = await freePort();
      const script = join(folder, 'given.ts');
      const module = (name: string): string => JSON.stringify(join(import.meta.dirname, '../../src', name));
      const specs = how === 'as they are' ? [] : [`tcp://127.0.0.1:${String(port)}`];
      // Two queues at one address: with one of them lost, half of the clients would wait for ever.
      writeFileSync(
        script,
        `import { openListenSockets } from ${module('adapters/listen-sockets.ts')};
         import { createServer } from 'node:net';
         const fds = [];
         for (let i = 0; i < 2; i += 1) {
           const server = createServer().listen({ port: ${String(port)}, host: '127.0.0.1', reusePort: true });
           await new Promise((resolve) => server.once('listening', resolve));
           fds.push(server._handle.fd);
         }
         const sockets = await openListenSockets({ specs: ${JSON.stringify(specs)}, inherited: fds.map((fd) => ({ fd, name: null })), warn: console.error });
         const taken = (await sockets.open()).map(({ fd }) => fd);
         console.log(JSON.stringify(taken) === JSON.stringify(fds), taken.length);
         process.exit();`,
      );
      const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
      expect(await text(child.stdout)).toBe('true 2\n');
    });

    it('are left alone, and told of, when they are no listening sockets', async () => {
      const sockets = await open(
        [],
        [
          { fd: 0, name: null },
          { fd: 9_999, name: 'x' },
        ],
      );
      expect(await sockets.open()).toEqual([]);
      expect(sockets.carry()).toEqual({});
      expect(warnings.map(({ message }) => /descriptor \d+ \(\w+\)/.exec(message)?.[0])).toEqual([
        'descriptor 0 (unnamed)',
        'descriptor 9999 (x)',
      ]);
    });

    it('come through an execve, with who waits in their queue', async () => {
      const port = await freePort();
      const script = join(folder, 'daemon.ts');
      const module = (name: string): string => JSON.stringify(join(import.meta.dirname, '../../src', name));
      writeFileSync(
        script,
        `import { takeInheritedSockets } from ${module('sockets/inherited-sockets.ts')};
         import { openListenSockets } from ${module('adapters/listen-sockets.ts')};
         import { createServer, connect } from 'node:net';
         const inherited = takeInheritedSockets(process.env, process.pid);
         const sockets = await openListenSockets({ specs: ['tcp://127.0.0.1:${String(port)}'], inherited, warn: console.error });
         const [{ fd }] = await sockets.open();
         if (inherited.length === 0) {
           connect(${String(port)}, '127.0.0.1', () => {
             process.execve(process.execPath, [process.execPath, process.argv[1]], { ...process.env, ...sockets.carry() });
           });
         } else {
           createServer((socket) => process.stdout.write('the one that waited', () => process.exit())).listen({ fd });
           console.log(Object.keys(process.env).some((name) => name.includes('HELD')), inherited.length);
         }`,
      );
      const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
      const chunks: Buffer[] = [];
      child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
      await once(child, 'close');
      expect(Buffer.concat(chunks).toString()).toBe('false 1\nthe one that waited');
    });
  });

  it('outlast an exec only once they are carried', async () => {
    const sockets = await open([`tcp://127.0.0.1:${String(await freePort())}`]);
    const { fd, name } = await first(sockets);
    expect(flagsOf(fd) & O_CLOEXEC).toBe(O_CLOEXEC);
    expect(sockets.carry()).toEqual({ CORESDK_HELD_SOCKETS: `${String(process.pid)}:${String(fd)}=${name}` });
    expect(flagsOf(fd) & O_CLOEXEC).toBe(0);
  });
});

describe('the descriptors that a process was started with', () => {
  const env = { LISTEN_PID: '7', LISTEN_FDS: '2', LISTEN_FDNAMES: 'http:unknown', OTHER: 'x' };

  it('are those of systemd, by their names, and no child is told of them', () => {
    const own: NodeJS.ProcessEnv = { ...env };
    expect(takeInheritedSockets(own, 7)).toEqual([
      { fd: 3, name: 'http' },
      { fd: 4, name: null },
    ]);
    expect(own).toEqual({ OTHER: 'x' });
  });

  it('are none when they are for another process', () => {
    expect(takeInheritedSockets({ ...env }, 8)).toEqual([]);
    expect(takeInheritedSockets({ CORESDK_HELD_SOCKETS: '7:21=a' }, 8)).toEqual([]);
  });

  it('are those of the daemon before, rather than what systemd once gave it', () => {
    const held = heldSocketsText(7, [
      { fd: 21, name: 'a', made: true },
      { fd: 22, name: null },
    ]);
    // The first daemons know no more than this form.
    expect(held).toBe('7:21=a:22=:21!');
    expect(takeInheritedSockets({ ...env, CORESDK_HELD_SOCKETS: held }, 7)).toEqual([
      { fd: 21, name: 'a', made: true },
      { fd: 22, name: null },
    ]);
  });
});
