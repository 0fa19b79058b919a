/**
 * A host with a real daemon in this process: its services, adapters, statechart and control API, a state directory on disk, a
 * feed over HTTP, and a workload that is a real child process. Around the adapters lie faults; services run one at a time.
 */
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { freePort } from '../../../../demo/free-port.ts';
import { statePaths, type StatePaths } from '../../../../src/adapters/state-dir.ts';
import type { Config } from '../../../../src/config/index.ts';
import type { ControlApi } from '../../../../src/control/api.ts';
import { startDaemon, type Daemon } from '../../../../src/daemon.ts';
import { nodeDisk } from '../../../../src/adapters/disk.ts';
import type { Ports } from '../../../../src/services/ports.ts';
import type { StepName } from '../../../../src/steps.ts';
import type { Channel } from '../../../../src/types.ts';
import { serveFeed, type FeedServer } from '../../../e2e/support/feed-server.ts';
import { configFrom } from '../../../fixtures/config.ts';
import { workloadProgram } from '../../../e2e/support/workload-program.ts';
import { createFaults, type Faults } from '../../../faults/faults.ts';
import { createServiceRuns } from '../../../faults/service-runs.ts';
import { createPacing, type Pacing } from './pacing.ts';
import type { Shelf } from './shelf.ts';
import { createSightings, type Sightings } from './transitions-seen.ts';

/** What differs from host to host. */
export interface HostSettings {
  readonly channel: Channel;
  /** False: no feed is configured. */
  readonly feed: boolean;
  readonly bundlePath: string | null;
  /** The version of the updater. */
  readonly updater: string;
  /** Time of the commit that the updater was built from, ms since 1970. */
  readonly builtFrom: number;
  readonly minAgeMs: number;
  /** How long a version has to stay healthy. */
  readonly soakMs: number;
  /** Whether two versions run at once while it swaps. */
  readonly overlap: boolean;
}

/** A daemon on edge with a feed. */
export const ORDINARY: HostSettings = {
  channel: 'edge',
  feed: true,
  bundlePath: null,
  updater: '1.0.0',
  builtFrom: 0,
  minAgeMs: 0,
  soakMs: 0,
  overlap: false,
};

/** One life of a daemon. */
export interface Life {
  readonly api: ControlApi;
  /** The adapters, without what is put around them. */
  readonly ports: Ports;
  readonly faults: Faults;
  readonly pacing: Pacing;
  readonly sightings: Sightings;
  /** Everything that the daemon wrote to its log. */
  readonly log: () => string;
  /** What went wrong that only the daemon's caller hears of. */
  readonly fatal: readonly unknown[];
  /** Resolves once a run of the service is held. */
  readonly reached: (step: StepName) => Promise<void>;
  /** Runs what a person asks of the daemon, for no service. */
  readonly outside: <T>(work: () => T) => T;
  /** Stops it in good order. Nothing is held any more. */
  readonly stop: () => Promise<void>;
}

/** A host, through all lives of its daemons. */
export interface RealHost extends AsyncDisposable {
  readonly root: string;
  readonly paths: StatePaths;
  readonly feedDir: string;
  readonly feed: FeedServer;
  readonly port: number;
  /** The program that was there before any update. */
  readonly baseline: string;
  readonly baselineVersion: string;
  readonly childPidFile: string;
  /** Starts a daemon; its first service, `recover`, is held. `prepare` is called before that. */
  readonly start: (settings: HostSettings, prepare?: (faults: Faults) => void) => Promise<Life>;
  /** What `/version` of whoever listens says; null when nobody does. */
  readonly answer: () => Promise<string | null>;
  /** Pids of all processes that run out of this host's folder. */
  readonly processes: () => Promise<number[]>;
}

/** What a program that is not ours is held to be before its first update. */
const BASELINE_VERSION = '0.0.0-0';

function configOf(
  host: Pick<RealHost, 'root' | 'paths' | 'feed' | 'port' | 'baseline' | 'childPidFile'>,
  settings: HostSettings,
): Config {
  return configFrom({
    update: {
      channel: settings.channel,
      // No check but those that a plan asks for.
      check_interval: 3600,
      // Never ends by itself: a plan that wants it to end says so at the clock.
      rollback_timeout: 600,
      jitter: 0,
      min_age: settings.minAgeMs / 1000,
      retries: 0,
      ...(settings.bundlePath === null ? {} : { bundle_path: settings.bundlePath }),
      ...(settings.feed ? { feed_url: host.feed.url } : {}),
    },
    workload: {
      command: ['{binary}'],
      binary: host.baseline,
      env: { PORT: String(host.port), CHILD_PID_FILE: host.childPidFile },
      stop_timeout: 5,
      output: join(host.root, 'workload.log'),
      backoff_initial: 0.01,
      backoff_max: 0.02,
      crash_loop: 2,
      stable_after: 600,
      // The program binds its port by itself, as soon as it may.
      ...(settings.overlap ? { swap: 'overlap', listen: [`unix:${join(host.root, 'listen.sock')}`] } : {}),
    },
    probe: {
      url: `http://127.0.0.1:${String(host.port)}/healthz`,
      interval: 0.01,
      timeout: 10,
      watch: 60,
      soak: settings.soakMs / 1000,
      failure_threshold: 1,
    },
    control: { socket: host.paths.controlSocket },
    log: { level: 'debug' },
    state_dir: host.paths.root,
  });
}

async function startLife(
  host: Parameters<typeof configOf>[0],
  shelf: Shelf,
  settings: HostSettings,
  prepare: (faults: Faults) => void,
): Promise<Life> {
  const pacing = createPacing();
  const runs = createServiceRuns(pacing.noteRun);
  const faults = createFaults(runs, pacing.around(runs.current), nodeDisk);
  const sightings = createSightings();
  const lines: string[] = [];
  const fatal: unknown[] = [];
  const inner: Ports[] = [];
  let stopping: Promise<void> | null = null;
  prepare(faults);
  const daemon: Daemon = await runs.outside(() =>
    startDaemon({
      config: configOf(host, settings),
      embedded: {
        version: settings.updater,
        commit: 'test',
        builtFrom: settings.builtFrom,
        trust: shelf.trust,
        feedUrl: null,
      },
      program: process.execPath,
      logger: pino({ level: 'debug', base: null }, { write: (line: string) => void lines.push(line) }),
      onFatal: (error) => {
        fatal.push(error);
      },
      observe: runs.observe,
      inspect: sightings.inspect,
      adapt: (ports) => {
        inner.push(ports);
        return faults.adapt(ports);
      },
      disk: faults.disk,
    }),
  );
  const { api } = daemon;
  const [ports] = inner;
  if (ports === undefined) throw new Error('expected a daemon with update logic');
  return {
    api,
    ports,
    faults,
    pacing,
    sightings,
    reached: pacing.reached,
    log: () => lines.join(''),
    fatal,
    outside: runs.outside,
    stop: () => {
      stopping ??= runs.outside(() => daemon.stop());
      pacing.free();
      return stopping;
    },
  };
}

/** Every process whose command line names `root`. */
async function processesOf(root: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const line = await readFile(`/proc/${name}/cmdline`, 'utf8');
      if (line.includes(`${root}/`)) found.push(Number(name));
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** A port that no other host of the shelf has drawn. */
async function drawPort({ ports }: Shelf): Promise<number> {
  for (;;) {
    const port = await freePort();
    if (ports.has(port)) continue;
    ports.add(port);
    return port;
  }
}

/** Makes a host. Dispose of it: that stops what runs on it. */
export async function createRealHost(shelf: Shelf): Promise<RealHost> {
  const root = await mkdtemp(join(tmpdir(), 'coresdk-model-'));
  const feedDir = join(root, 'feed');
  await mkdir(join(feedDir, 'bundles'), { recursive: true });
  const baseline = join(root, 'baseline');
  await writeFile(baseline, workloadProgram('baseline', 'healthy'));
  await chmod(baseline, 0o755);
  const feed = await serveFeed(feedDir);
  const port = await drawPort(shelf);
  const paths = statePaths(join(root, 'state'));
  const childPidFile = join(root, 'child.pid');
  const lives: Life[] = [];
  const facts = { root, paths, feed, feedDir, port, baseline, childPidFile };
  return {
    ...facts,
    baselineVersion: BASELINE_VERSION,
    start: async (settings, prepare = () => {}) => {
      const life = await startLife(facts, shelf, settings, prepare);
      lives.push(life);
      return life;
    },
    answer: async () => {
      try {
        const response = await fetch(`http://127.0.0.1:${String(port)}/version`, {
          headers: { connection: 'close' },
        });
        return await response.text();
      } catch {
        return null;
      }
    },
    processes: () => processesOf(root),
    [Symbol.asyncDispose]: async () => {
      try {
        for (const life of lives) {
          life.faults.clear();
          await life.stop();
        }
      } finally {
        for (const pid of await processesOf(root)) endProcess(pid);
        shelf.ports.delete(port);
        await feed.close();
        await rm(root, { recursive: true, force: true });
      }
    },
  };
}
