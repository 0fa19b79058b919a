/**
 * The stage that kills are played on: a real daemon under faults, on a host that a path prepared once and that is copied for each
 * kill.
 */
import type { ChildProcess } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Status } from '../../../src/control/api.ts';
import { createControlClient, type ControlClient } from '../../../src/control/client.ts';
import { UpdateError } from '../../../src/errors.ts';
import type { BuiltForTests } from '../../e2e/support/built.ts';
import { createHostOn, eventually, type Host, type HostOptions } from '../../e2e/support/host-on.ts';
import type { FaultOrder } from './fault-order.ts';
import type { Reached } from './fault-points.ts';

/** What every stage is made from. */
export interface KillSetup {
  readonly built: BuiltForTests;
  /** The daemon with fault points: program and first arguments. */
  readonly daemon: readonly string[];
}

/** A host with a daemon that can be told to kill itself. */
export interface KillStage extends AsyncDisposable {
  readonly host: Host;
  readonly client: ControlClient;
  /** While this file is there, a workload that is `healthyUnlessSick` is sick. */
  readonly sickFile: string;
  /** Starts the daemon with faults; without any it is the ordinary one. */
  start(order?: FaultOrder): Promise<void>;
  /** What the daemons on this stage reached, all of them or only the last. */
  reached(which: 'all' | 'last'): Reached[];
  /** Waits until the status is as wanted; rejects when the daemon ends before that. */
  until(what: string, wanted: (status: Status) => boolean): Promise<Status>;
  /** Waits until nothing is under way and nothing is due: no attempt, no watch, the next check far away. */
  settled(): Promise<Status>;
}

/** Most times that a failed rollback is retried, as an operator would: on a host under load the old version may be too slow. */
const RETRIES = 5;

const FAR_MS = 60_000;

/** A look at the status is work for the daemon; many hosts share the machine. */
const POLL_MS = 60;

const PATIENCE_MS = 120_000;

/** Whether nothing is under way and nothing is due. */
function isSettled({ state, attempt, watching, workload, next_check_at, paused, channel }: Status): boolean {
  if (state !== 'idle' || attempt !== null || watching !== null || workload.state !== 'running') return false;
  if (channel === 'manual' || paused !== null) return true;
  return next_check_at !== null && Date.parse(next_check_at) > Date.now() + FAR_MS;
}

/** What may be said about all kills on a path. */
export interface StageOptions {
  readonly config?: HostOptions['config'];
  readonly baseline?: HostOptions['baseline'];
}

/**
 * Makes a stage.
 *
 * @param from - another stage, whose daemon is stopped: its state directory and its feed are copied
 */
export async function createStage(
  setup: KillSetup,
  { config = {}, baseline }: StageOptions,
  from?: KillStage,
): Promise<KillStage> {
  const host = await createHostOn(setup.built, {
    ...(baseline === undefined ? {} : { baseline }),
    detached: true,
    config: {
      ...config,
      update: { check_interval: 3600, jitter: 0, rollback_timeout: 20, ...config['update'] },
      workload: { stop_timeout: 0.5, backoff_initial: 0.05, ...config['workload'] },
      log: { level: 'info' },
    },
  });
  const trace = join(host.root, 'trace');
  const sickFile = join(host.root, 'sick');
  if (from !== undefined) {
    const filter = (path: string): boolean => !path.endsWith('.sock');
    if (existsSync(from.host.stateDir))
      await cp(from.host.stateDir, host.stateDir, { recursive: true, verbatimSymlinks: true, filter });
    await cp(from.host.publisher.feedDir, host.publisher.feedDir, { recursive: true });
    if (existsSync(from.sickFile)) await cp(from.sickFile, sickFile);
  }
  let before = 0;
  let daemon: ChildProcess | null = null;
  const until: KillStage['until'] = (what, wanted) =>
    eventually(
      what,
      async () => {
        if (daemon?.exitCode !== null || daemon.signalCode !== null)
          throw new Error(`the daemon ended before: ${what}`);
        const now = await host.status();
        return now !== null && wanted(now) ? now : null;
      },
      async () => JSON.stringify(await host.status()),
      { pollMs: POLL_MS, patienceMs: PATIENCE_MS },
    );
  const lines = (): Reached[] => {
    if (!existsSync(trace)) return [];
    const text = readFileSync(trace, 'utf8').trim();
    return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as Reached);
  };
  const client = createControlClient({ socket: join(host.stateDir, 'control.sock') });

  return {
    host,
    client,
    sickFile,
    start: async (order = {}) => {
      before = lines().length;
      daemon = await host.start({
        argv: [...setup.daemon, host.configFile],
        env: {
          TRUST_FILE: join(setup.built.keys, 'trust.json'),
          SICK_FILE: sickFile,
          // Every start compiles the same program.
          NODE_COMPILE_CACHE: join(dirname(setup.daemon.at(-1) ?? ''), 'compile-cache'),
          CORESDK_TEST_FAULT: JSON.stringify({ ...order, trace }),
        },
      });
    },
    reached: (which) => (which === 'all' ? lines() : lines().slice(before)),
    until,
    settled: async () => {
      for (let tries = 0; ; tries += 1) {
        const status = await until('nothing is under way', (now) => isSettled(now) || now.state === 'failed');
        if (status.state !== 'failed' || tries === RETRIES) return status;
        appendFileSync(join(host.root, 'retries'), 'retry\n');
        await client.retry().catch((error: unknown) => {
          // It went on by itself meanwhile.
          if (!(error instanceof UpdateError) || error.code !== 'BUSY') throw error;
        });
        await until('the rollback is retried', ({ state }) => state !== 'failed');
      }
    },
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}
