/** The daemon, a feed and releases for real, with a page on a TCP listener. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { freePort } from '../../../demo/free-port.ts';
import { serveFeed } from '../../../demo/feed.ts';
import { createPublisher, type DemoPublisher } from '../../../demo/releases.ts';
import { createControlClient, type ControlClient } from '../../../src/control/client.ts';

/** The token of the rig's daemon. */
export const TOKEN = 'e'.repeat(64);

/** What a test of the page works with. */
export interface PageRig {
  readonly publisher: DemoPublisher;
  /** The programs: 1.0.0 runs, 1.1.0 is good, 1.2.0 answers 500. */
  readonly programs: Readonly<Record<'1.0.0' | '1.1.0' | '1.2.0', string>>;
  readonly client: ControlClient;
  readonly config: string;
  readonly socket: string;
  /** Where the page is, with the token. */
  readonly url: string;
  /** Ends the daemon, and starts it again. */
  restart(): Promise<void>;
  stopDaemon(): Promise<void>;
  startDaemon(): Promise<void>;
  log(): Promise<string>;
  close(): Promise<void>;
}

/** Builds, configures and starts everything; nothing checks by itself. */
export async function startRig(): Promise<PageRig> {
  const root = await mkdtemp(join(tmpdir(), 'coresdk-page-'));
  const publisher = await createPublisher(root);
  const programs = {
    '1.0.0': await publisher.build('1.0.0'),
    '1.1.0': await publisher.build('1.1.0'),
    '1.2.0': await publisher.build('1.2.0', true),
  };
  const feed = await serveFeed(publisher.feedDir);
  const [port, pagePort] = [await freePort(), await freePort()];
  const config = join(root, 'sidecar.yaml');
  const tokenFile = join(root, 'token');
  const socket = join(root, 'state', 'control.sock');
  await writeFile(tokenFile, `${TOKEN}\n`, { mode: 0o600 });
  await writeFile(
    config,
    stringify({
      update: {
        channel: 'edge',
        feed_url: feed.url,
        check_interval: 3600,
        rollback_timeout: 4,
        max_bytes_per_second: 1_000_000,
      },
      workload: {
        env: { CORESDK_HTTP_ADDR: `127.0.0.1:${String(port)}` },
        output: join(root, 'workload.log'),
      },
      probe: { url: `http://127.0.0.1:${String(port)}/healthz`, interval: 0.2, watch: 0.5 },
      state_dir: join(root, 'state'),
      control: { http: `127.0.0.1:${String(pagePort)}`, token_file: tokenFile },
    }),
    { mode: 0o600 },
  );
  const client = createControlClient({ socket });
  const logFile = join(root, 'daemon.log');
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}` };
  let daemon: ChildProcess | null = null;

  const startDaemon = async (): Promise<void> => {
    const log = await open(logFile, 'a', 0o600);
    const child = spawn(programs['1.0.0'], ['--config', config], { env, stdio: ['ignore', log.fd, log.fd] });
    await log.close();
    daemon = child;
    const deadline = Date.now() + 60_000;
    while (Date.now() < deadline && child.exitCode === null) {
      const status = await client.status().catch(() => null);
      if (status?.state === 'idle') return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`the daemon did not come up:\n${await readFile(logFile, 'utf8')}`);
  };
  const stopDaemon = async (): Promise<void> => {
    const child = daemon;
    daemon = null;
    if (child?.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  };
  await startDaemon();
  return {
    publisher,
    programs,
    client,
    config,
    socket,
    url: `http://127.0.0.1:${String(pagePort)}/#token=${TOKEN}`,
    startDaemon,
    stopDaemon,
    restart: async () => {
      await stopDaemon();
      await startDaemon();
    },
    log: () => readFile(logFile, 'utf8'),
    close: async () => {
      await stopDaemon();
      await feed.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}
