import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../demo/free-port.ts';
import { systemClock } from '../../src/adapters/clock.ts';
import { createGrpcProbe } from '../../src/adapters/grpc-probe.ts';
import { openListenSockets, type ListenSockets } from '../../src/adapters/listen-sockets.ts';
import { createProcesses } from '../../src/adapters/processes.ts';
import type { LaunchedProcess, Processes } from '../../src/services/ports.ts';

const never = new AbortController().signal;

describe('the sidecar service on sockets that it is given', () => {
  let folder: string;
  let http: number;
  let grpc: number;
  let sockets: ListenSockets;
  let processes: Processes;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'handover-'));
    [http, grpc] = [await freePort(), await freePort()];
    sockets = await openListenSockets({
      specs: [
        `tcp://127.0.0.1:${String(http)}`,
        `tcp://127.0.0.1:${String(grpc)}`,
        `unix:${folder}/other.sock`,
      ],
      inherited: [],
      warn: () => undefined,
    });
    processes = createProcesses({
      command: [process.execPath, join(import.meta.dirname, 'fixtures/serve.ts')],
      env: { CORESDK_HTTP_ADDR: `127.0.0.1:${String(http)}`, CORESDK_GRPC_ADDR: `127.0.0.1:${String(grpc)}` },
      recordPath: join(folder, 'workload.json'),
      output: { file: join(folder, 'output') },
      clock: systemClock,
      sockets,
    });
  });
  afterEach(async () => {
    await processes.endSurvivor(0);
    sockets.close();
    await rm(folder, { recursive: true });
  });
  const launch = (): Promise<LaunchedProcess> =>
    processes.launch({ ref: { origin: 'baseline', version: '1.2.3' }, entry: process.execPath }, never);
  const url = (): string => `http://127.0.0.1:${String(http)}/version`;

  it('serves both ports, and whoever asks while one version follows the other is answered by the next', async () => {
    const agent = new Agent({ connections: 2 });
    const pidOf = async (): Promise<number> => {
      const { body } = await request(url(), { dispatcher: agent });
      return ((await body.json()) as { pid: number }).pid;
    };
    const first = await launch();
    expect(await Promise.all([pidOf(), pidOf()])).toEqual([first.pid, first.pid]);
    expect(
      await createGrpcProbe({ url: `grpc://127.0.0.1:${String(grpc)}`, timeoutMs: 20_000 }).look(never),
    ).toEqual({
      healthy: true,
      detail: 'SERVING',
    });

    const stopping = processes.terminate(first, 20_000);
    // On connections that are kept, and then on new ones, from before the stop until after the next start.
    const asked: Promise<number>[] = [pidOf(), pidOf()];
    await stopping;
    const fresh = new Agent({ pipelining: 0 });
    for (let index = 0; index < 5; index += 1)
      asked.push(
        request(url(), { dispatcher: fresh }).then(
          async ({ body }) => ((await body.json()) as { pid: number }).pid,
        ),
      );
    const second = await launch();
    const answered = await Promise.all(asked);
    expect(answered.slice(2)).toEqual(Array(5).fill(second.pid));
    for (const pid of answered.slice(0, 2)) expect([first.pid, second.pid]).toContain(pid);
    await Promise.all([agent.close(), fresh.close()]);
    await processes.terminate(second, 20_000);
    expect(await readFile(join(folder, 'output'), 'utf8')).toContain(
      'was given a socket that it has no use for: descriptor 5, unix-',
    );
  });

  it('takes one by its name before it looks at numbers', async () => {
    const script = join(folder, 'given.ts');
    const module = JSON.stringify(join(import.meta.dirname, '../../src/sidecar/given-sockets.ts'));
    await writeFile(
      script,
      `import { portsOf } from ${module};
       process.env['LISTEN_FDNAMES'] = 'grpc:http';
       const own = { http: { host: undefined, port: ${String(http)} }, grpc: { host: undefined, port: ${String(grpc)} } };
       const env = { ...process.env, LISTEN_FDS: '2' };
       console.log(JSON.stringify(await portsOf(env, own, console.error)), Object.keys(env).some((name) => name.startsWith('LISTEN_')));`,
    );
    const named = createProcesses({
      command: [process.execPath, script],
      env: {},
      recordPath: join(folder, 'workload.json'),
      output: { file: join(folder, 'named') },
      clock: systemClock,
      sockets,
    });
    const { exited } = await named.launch(
      { ref: { origin: 'baseline', version: '1.2.3' }, entry: process.execPath },
      never,
    );
    expect(await exited).toEqual({ code: 0, signal: null });
    expect(await readFile(join(folder, 'named'), 'utf8')).toBe(
      '{"http":{"fd":4},"grpc":{"fd":3},"check":null} false\n',
    );
  });
});
