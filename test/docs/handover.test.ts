/** The programs that docs/handover.md shows are given sockets, serve, and end in good order. */
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { request } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../demo/free-port.ts';
import { systemClock } from '../../src/adapters/clock.ts';
import { openListenSockets, type ListenSockets } from '../../src/adapters/listen-sockets.ts';
import { createProcesses } from '../../src/adapters/processes.ts';
import { readNetSockets, socketsOf } from '../../src/sockets/net-sockets.ts';
import { installed } from '../deploy/support/tool.ts';
import { eventually } from '../e2e/support/host-on.ts';

const python = installed('python3', 'the Python program of docs/handover.md');

async function program(language: string): Promise<string> {
  const page = await readFile('docs/handover.md', 'utf8');
  const [, code] = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'ms').exec(page) ?? [];
  if (code === undefined) throw new Error(`expected a program in ${language}`);
  return code;
}

/** How many sockets of this state the process has at the port. */
async function socketsAt(pid: number, port: number, state: 'listening' | 'connected'): Promise<number> {
  const own = socketsOf(pid);
  return (await readNetSockets()).filter(
    (socket) => own?.has(socket.inode) && socket.state === state && socket.local.endsWith(`:${String(port)}`),
  ).length;
}

describe('a program of docs/handover.md', () => {
  let folder: string;
  let port: number;
  let sockets: ListenSockets;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'handover-doc-'));
    port = await freePort();
    sockets = await openListenSockets({
      specs: [`tcp://127.0.0.1:${String(port)}`],
      inherited: [],
      warn: () => undefined,
    });
  });
  afterEach(async () => {
    sockets.close();
    await rm(folder, { recursive: true });
  });

  it.each([
    { language: 'js', name: 'Node', command: process.execPath, there: true },
    { language: 'python', name: 'Python', command: 'python3', there: python },
  ])('in $name serves two versions in turn', async ({ language, name, command, there }) => {
    if (!there) return;
    const entry = join(folder, `program.${language === 'js' ? 'cjs' : 'py'}`);
    await writeFile(entry, await program(language));
    await chmod(entry, 0o755);
    const processes = createProcesses({
      command: [command, '{binary}'],
      env: {},
      recordPath: join(folder, 'workload.json'),
      output: { file: join(folder, 'output') },
      clock: systemClock,
      sockets,
    });
    const target = { ref: { origin: 'baseline', version: '1.0.0' }, entry } as const;
    const hello = async (): Promise<string> =>
      (await request(`http://127.0.0.1:${String(port)}/`)).body.text();
    try {
      const first = await processes.launch(target, new AbortController().signal);
      expect(await hello()).toBe(`hello from ${name}\n`);
      // Has connected and been accepted, and asks only while the program stops.
      const client = connect(port, '127.0.0.1');
      await once(client, 'connect');
      await eventually('the connection to be accepted', async () =>
        (await socketsAt(first.pid, port, 'connected')) === 1 ? true : null,
      );
      const stopping = processes.terminate(first, 20_000);
      await eventually('the program to stop', async () =>
        (await socketsAt(first.pid, port, 'listening')) === 0 ? true : null,
      );
      client.end('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
      expect(await text(client)).toContain(`hello from ${name}`);
      await stopping;
      expect(await first.exited).toEqual({ code: 0, signal: null });
      const waiting = hello();
      const second = await processes.launch(target, new AbortController().signal);
      expect(await waiting).toBe(`hello from ${name}\n`);
      await processes.terminate(second, 20_000);
    } finally {
      await processes.endSurvivor(0);
    }
  });
});
