/** A built program, its publisher, a feed and a running daemon, for benches. Everything is below one temporary folder. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { watchFor } from './caller.ts';
import { freePort } from '../../demo/free-port.ts';
import { build } from '../../scripts/build.ts';
import { importTrustSet } from '../../src/bundle/trust-set.ts';
import { hostPlatform } from '../../src/config/index.ts';
import type { Status } from '../../src/control/api.ts';
import { createControlClient, type ControlClient } from '../../src/control/client.ts';
import { createBundle, type BundleFile } from '../../src/publish/bundle-writer.ts';
import { publishToFeed } from '../../src/publish/feed.ts';
import { generateKeys } from '../../src/publish/keys.ts';
import { loadSignerFor } from '../../src/publish/signer.ts';

const PRODUCT = 'coresdk-sidecar';

/** See the head of this file. */
export interface DaemonRig extends AsyncDisposable {
  readonly root: string;
  readonly program: string;
  /** The daemon's configuration file. */
  readonly config: string;
  readonly port: number;
  /** Starts the daemon and resolves once it is idle. */
  start(): Promise<ChildProcess>;
  /** How long the last start took until the control API said `idle`, ms. */
  idleAfterMs(): number;
  /** SIGTERM, and waits for the end. */
  stop(): Promise<void>;
  /** Starts the workload's program by itself; how long it took to its first 200, ms. */
  coldStart(version: string): Promise<number>;
  /** Publishes a release on edge. */
  publish(version: string, files: readonly BundleFile[]): Promise<void>;
  /** Has the daemon install the newest release, and resolves once it is committed. */
  update(): Promise<void>;
  /** The control API of the daemon. */
  readonly client: ControlClient;
}

/** A workload for benches: HTTP on `$PORT`, with its version as every answer. */
export function benchWorkload(version: string): string {
  return `#!/usr/bin/env node
'use strict';
require('node:http').createServer((request, response) => {
  response.setHeader('connection', 'close');
  response.end(${JSON.stringify(version)});
}).listen(Number(process.env.PORT), '127.0.0.1');
`;
}

/** Ends a process, if it has not ended by itself, and waits for it. */
async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await exited;
}

/** What a rig may be told. */
export interface DaemonRigOptions {
  /** The program before any update; one of {@link benchWorkload} unless told. */
  readonly baseline?: string;
  /** Sections of the configuration, put over those of the rig. */
  readonly sections?: (port: number) => Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Makes a rig. Dispose of it: that ends its daemon and deletes its folder. */
export async function createDaemonRig(options: DaemonRigOptions = {}): Promise<DaemonRig> {
  const root = await mkdtemp(join(tmpdir(), 'coresdk-bench-'));
  const feedDir = join(root, 'feed');
  await mkdir(feedDir);
  const { trust, trustFile } = await generateKeys({
    product: PRODUCT,
    dir: join(root, 'keys'),
    development: true,
  });
  const { program } = await build({ out: join(root, 'dist'), trust: trustFile, version: '1.0.0' });
  const baseline = join(root, 'baseline');
  await writeFile(baseline, options.baseline ?? benchWorkload('baseline'), { mode: 0o755 });
  const port = await freePort();
  const config = join(root, 'sidecar.yaml');
  const stateDir = join(root, 'state');
  const sections = options.sections?.(port) ?? {};
  await writeFile(
    config,
    stringify({
      update: {
        channel: 'edge',
        feed_url: `file://${feedDir}`,
        check_interval: 3600,
        ...sections['update'],
      },
      workload: {
        binary: baseline,
        command: ['{binary}'],
        env: { PORT: String(port) },
        output: join(root, 'workload.log'),
        ...sections['workload'],
      },
      probe: { url: `http://127.0.0.1:${String(port)}/healthz`, watch: 0, ...sections['probe'] },
      state_dir: stateDir,
    }),
  );
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}` };
  const client = createControlClient({ socket: join(stateDir, 'control.sock') });
  let daemon: ChildProcess | null = null;
  let idleAfter = 0;
  const stop = async (): Promise<void> => {
    if (daemon !== null) await ended(daemon, 'SIGTERM');
    daemon = null;
  };

  const untilIdle = async (): Promise<void> => {
    const deadline = performance.now() + 30_000;
    let status: Status | null = null;
    while (performance.now() < deadline) {
      // Nobody listens yet: the daemon is about to start.
      status = await client.status().catch(() => null);
      if (status?.state === 'idle') return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`expected the daemon to become idle in 30 s, found ${status?.state ?? 'no answer'}`);
  };

  return {
    root,
    program,
    port,
    config,
    client,
    start: async () => {
      const log = await open(join(root, 'daemon.log'), 'a');
      const began = performance.now();
      daemon = spawn(program, ['--config', config], { env, stdio: ['ignore', log.fd, log.fd] });
      await log.close();
      await untilIdle();
      idleAfter = performance.now() - began;
      return daemon;
    },
    idleAfterMs: () => idleAfter,
    stop,
    coldStart: async (version) => {
      const file = join(root, 'cold');
      await writeFile(file, benchWorkload(version), { mode: 0o755 });
      const began = performance.now();
      const child = spawn(file, [], { env: { ...env, PORT: String(port) }, stdio: 'ignore' });
      const { first } = await watchFor(port, version);
      await ended(child, 'SIGKILL');
      return first.at - began;
    },
    publish: async (version, files) => {
      const out = join(root, `${version}.jws`);
      await createBundle({
        product: PRODUCT,
        version,
        audience: 'feed',
        platform: hostPlatform(),
        entrypoint: 'workload',
        files,
        signer: await loadSignerFor(join(root, 'keys'), 'bundle'),
        out,
        level: 1,
      });
      const signer = await loadSignerFor(join(root, 'keys'), 'head-edge');
      await publishToFeed({ feedDir, channel: 'edge', bundles: [out], trust: importTrustSet(trust), signer });
      await rm(out);
    },
    update: async () => {
      const core = join(dirname(program), 'core');
      await promisify(execFile)(core, ['sidecar', 'update', '--config', config], { env });
    },
    [Symbol.asyncDispose]: async () => {
      await stop();
      await rm(root, { recursive: true, force: true });
    },
  };
}
