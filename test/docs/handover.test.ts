/** The programs that docs/handover.md and docs/overlap.md show are given sockets, serve, and end in good order. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { Agent, request } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../demo/free-port.ts';
import { checkSockets } from '../../src/adapters/check-sockets.ts';
import { systemClock } from '../../src/adapters/clock.ts';
import { openListenSockets, type ListenSockets } from '../../src/adapters/listen-sockets.ts';
import { createProcesses } from '../../src/adapters/processes.ts';
import type { Place } from '../../src/services/ports.ts';
import { readNetSockets, socketsOf } from '../../src/sockets/net-sockets.ts';
import type { LaunchTarget } from '../../src/types.ts';
import { installed } from '../deploy/support/tool.ts';
import { eventually } from '../e2e/support/host-on.ts';

const python = installed('python3', 'the Python programs of docs/handover.md and docs/overlap.md');
// Its package has 300 MB, so CI does not install it.
const go = installed('go', 'the Go programs of docs/handover.md and docs/overlap.md', false);

/** A language in which programs are shown. */
interface Language {
  readonly fence: string;
  readonly name: string;
  readonly there: boolean;
  /** How a program is started; `{binary}` is its file. */
  readonly command: readonly string[];
}

const LANGUAGES: readonly Language[] = [
  { fence: 'js', name: 'Node', command: [process.execPath, '{binary}'], there: true },
  { fence: 'python', name: 'Python', command: ['python3', '{binary}'], there: python },
  { fence: 'go', name: 'Go', command: ['{binary}'], there: go },
];

/** Puts the first program of a page that is in this language into a folder, ready to be started. */
async function program(page: string, { fence }: Language, folder: string): Promise<string> {
  const [, code] =
    new RegExp(`^\`\`\`${fence}\\n(.*?)^\`\`\`$`, 'ms').exec(await readFile(page, 'utf8')) ?? [];
  if (code === undefined) throw new Error(`expected a program in ${fence} on ${page}`);
  const source = join(folder, `program.${fence === 'js' ? 'cjs' : fence}`);
  await writeFile(source, code, { mode: 0o755 });
  if (fence !== 'go') return source;
  const binary = join(folder, 'program');
  await promisify(execFile)('go', ['build', '-o', binary, source]);
  return binary;
}

/** How many sockets of this state the process has at the port. */
async function socketsAt(pid: number, port: number, state: 'listening' | 'connected'): Promise<number> {
  const own = socketsOf(pid);
  return (await readNetSockets()).filter(
    (socket) => own?.has(socket.inode) && socket.state === state && socket.local.endsWith(`:${String(port)}`),
  ).length;
}

/** Whether no thread of the process runs any more; null while one does. */
async function standsStill(pid: number): Promise<true | null> {
  const tasks = await readdir(`/proc/${String(pid)}/task`);
  const stats = await Promise.all(
    tasks.map((task) => readFile(`/proc/${String(pid)}/task/${task}/stat`, 'utf8')),
  );
  return stats.every((stat) => stat.slice(stat.lastIndexOf(')') + 2).startsWith('T')) ? true : null;
}

describe('a program of the documentation', () => {
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

  it.each(LANGUAGES)('in $name serves two versions in turn', async (language) => {
    const { name, command, there } = language;
    if (!there) return;
    const entry = await program('docs/handover.md', language, folder);
    const processes = createProcesses({
      command,
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

  it.each(LANGUAGES)('in $name serves two versions beside each other', async (language) => {
    const { name, command, there } = language;
    if (!there) return;
    const entry = await program('docs/overlap.md', language, folder);
    const check = checkSockets(folder);
    const processes = createProcesses({
      command,
      env: {},
      recordPath: join(folder, 'workload.json'),
      output: { file: join(folder, 'output') },
      clock: systemClock,
      sockets,
      check,
    });
    const target = (version: string): LaunchTarget => ({ ref: { origin: 'baseline', version }, entry });
    const never = new AbortController().signal;
    const hello = async (dispatcher: Agent = new Agent()): Promise<string> => {
      const url = `http://127.0.0.1:${String(port)}/`;
      return (await request(url, { reset: true, dispatcher })).body.text();
    };
    const atCheck = (place: Place): Promise<string> =>
      hello(new Agent({ connect: { socketPath: check.pathOf(place) ?? '' } }));
    try {
      const first = await processes.launch(target('1.0.0'), never);
      expect([await hello(), await atCheck('main')]).toEqual(Array(2).fill(`hello from ${name}\n`));
      const second = await processes.launch(target('1.1.0'), never, 'beside');
      expect(await atCheck('beside')).toBe(`hello from ${name}\n`);
      // The first does not take clients any more, and the second takes none yet.
      process.kill(first.pid, 'SIGSTOP');
      await eventually('every thread of the first to stand still', () => standsStill(first.pid));
      const asked = { yet: false };
      const waiting = hello().finally(() => (asked.yet = true));
      expect([await atCheck('beside'), asked.yet]).toEqual([`hello from ${name}\n`, false]);
      await processes.promote(second);
      expect(await waiting).toBe(`hello from ${name}\n`);
      process.kill(first.pid, 'SIGCONT');
      await processes.terminate(first, 20_000);
      expect(await first.exited).toEqual({ code: 0, signal: null });
      await processes.relieve();
      expect(await hello()).toBe(`hello from ${name}\n`);
      await processes.terminate(second, 20_000);
      expect(await second.exited).toEqual({ code: 0, signal: null });
    } finally {
      await processes.endSurvivor(0);
    }
  });
});
