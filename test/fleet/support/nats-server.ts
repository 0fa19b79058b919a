/**
 * A real nats-server with JetStream for a test: on loopback, on a free port, with a store of its own, gone afterwards.
 * Where none is on PATH, tests are skipped with a line that says so; where CI is set, they fail instead.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../demo/free-port.ts';

/** Whether there is a nats-server. */
export const hasNats = spawnSync('nats-server', ['--version']).status === 0;
if (!hasNats) {
  if ((process.env['CI'] ?? '') !== '')
    throw new Error('expected nats-server on PATH (apt-get install nats-server)');
  console.log('SKIPPED: tests of the fleet need nats-server on PATH (apt-get install nats-server)');
}

export interface NatsServer {
  /** `nats://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  readonly pid: () => number;
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
  /** Starts it again on the same port with the same store. */
  start(): Promise<void>;
  /** It stops answering, and its connections stay open: SIGSTOP; `resume` is SIGCONT. */
  pause(): Promise<void>;
  resume(): void;
  /** Ends it and removes its store. */
  close(): Promise<void>;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    // The server speaks first.
    await once(socket, 'data', { signal: AbortSignal.timeout(1_000) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/**
 * Starts a server.
 *
 * @param more - lines of its configuration file, besides address, port and store
 */
export async function startNats(more = ''): Promise<NatsServer> {
  const folder = await mkdtemp(join(tmpdir(), 'nats-test-'));
  const port = await freePort();
  const path = join(folder, 'nats.conf');
  await writeFile(
    path,
    `listen: "127.0.0.1:${String(port)}"\njetstream { store_dir: "${folder}", max_mem: 16M, max_file: 2G }\n${more}\n`,
  );
  let child: ChildProcess | null = null;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const running = child;
    child = null;
    if (running?.exitCode !== null || running.signalCode !== null) return;
    const exited = once(running, 'exit');
    running.kill(signal);
    await exited;
  };
  const start = async (): Promise<void> => {
    const started = spawn('nats-server', ['-c', path], { stdio: ['ignore', 'ignore', 'pipe'] });
    child = started;
    let log = '';
    started.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString('utf8');
    });
    while (!(await answers(port))) {
      if (started.exitCode !== null) throw new Error(`nats-server did not start:\n${log}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  // Where a test fails before its end, nothing stays behind.
  const orphan = (): void => void child?.kill('SIGKILL');
  process.once('exit', orphan);
  const close = async (): Promise<void> => {
    process.off('exit', orphan);
    child?.kill('SIGCONT');
    await end('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    url: `nats://127.0.0.1:${String(port)}`,
    port,
    pid: () => child?.pid ?? -1,
    kill: () => end('SIGKILL'),
    start,
    pause: async () => {
      const pid = child?.pid;
      if (pid === undefined) return;
      process.kill(pid, 'SIGSTOP');
      // The signal takes a moment: until then it still answers (proc(5), "stat": the state stands behind the name).
      while (!(await readFile(`/proc/${String(pid)}/stat`, 'latin1')).includes(') T ')) await nextTurn();
    },
    resume: () => void child?.kill('SIGCONT'),
    close,
  };
}
