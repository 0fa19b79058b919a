/**
 * A simulated host: the real updater (machine, services, verification, version store, journal with its outbox, NATS adapters) in this
 * process, over a state directory in memory (tmpfs). Only the workload and its probe are not real: version 1.1.0 is sick, others are well.
 */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createFeed } from '../../src/adapters/feed.ts';
import { systemClock } from '../../src/adapters/clock.ts';
import { cohort } from '../../src/bundle/rollout.ts';
import { importTrustSet } from '../../src/bundle/trust-set.ts';
import type { TrustFile } from '../../src/bundle/trust.ts';
import { hostPlatform } from '../../src/config/index.ts';
import { createUpdater, type EmbeddedUpdater } from '../../src/create-updater.ts';
import { UpdateError } from '../../src/errors.ts';
import type { Feed, HealthProbe } from '../../src/services/ports.ts';
import { createFakeWorkload } from '../../test/fakes/workload.ts';

/** The version that is sick. */
export const BAD_VERSION = '1.1.0';

/** What all hosts have in common. */
export interface SimSettings {
  readonly root: string;
  readonly feedDir: string;
  readonly trust: TrustFile;
  readonly operatorKeysFile: string;
  readonly checkIntervalS: number;
}

/** How a host is, for the count. */
export interface HostCount {
  readonly host: string;
  readonly version: string;
  readonly state: string;
  /** Whether the sick version was ever started here. */
  readonly touched: boolean;
  /** Attempts that ended and are told to the fleet, by id. */
  readonly told: readonly string[];
  /** Where the host is in the queue for the sick release. */
  readonly place: number;
}

/** A host. */
export interface SimHost {
  count(badDigest: string): Promise<HostCount>;
  /** From now on the feed is out of reach, or is again. */
  cut(isCut: boolean): void;
  stop(): Promise<void>;
}

/** A machine id that no other host has. */
export const machineIdOf = (index: number): string =>
  createHash('sha256')
    .update(`simulated host ${String(index)}`)
    .digest('hex')
    .slice(0, 32);

/** The ends that a fleet is told of, where the attempt came past `checking`: docs/fleet.md. */
const TOLD = new Set(['committed', 'rolledBack', 'failed', 'refused', 'error', 'interrupted']);

/** Starts a host. */
export async function startSimHost(index: number, natsUrl: string, settings: SimSettings): Promise<SimHost> {
  const { root, feedDir, trust, operatorKeysFile, checkIntervalS } = settings;
  const host = `sim-${String(index)}`;
  const machineId = machineIdOf(index);
  const stateDir = join(root, host);
  await mkdir(stateDir, { mode: 0o700 });
  let isCut = false;
  const real = createFeed(pathToFileURL(feedDir).href, {
    clock: systemClock,
    stallMs: 5_000,
    retries: 0,
    maxBytesPerSecond: null,
    client: undefined,
  });
  const reached = (): Feed => {
    if (isCut) throw new UpdateError('FEED_UNREACHABLE', 'the network is cut');
    return real;
  };
  const feed: Feed = {
    head: async (...args) => reached().head(...args),
    bundle: async (...args) => reached().bundle(...args),
  };
  const workload = createFakeWorkload();
  const isSick = (): boolean => workload.running?.target.ref.version === BAD_VERSION;
  const probe: HealthProbe = {
    address: 'http://simulated.invalid/healthz',
    look: () =>
      Promise.resolve(
        isSick() ? { healthy: false, detail: 'HTTP 500' } : { healthy: true, detail: 'HTTP 200' },
      ),
    answered: () => Promise.resolve(false),
  };
  const updater: EmbeddedUpdater = await createUpdater(
    {
      state_dir: stateDir,
      update: { channel: 'edge', check_interval: checkIntervalS, jitter: 1, rollback_timeout: 1 },
      workload: { binary: '/bin/true' },
      probe: { interval: 0.25, watch: 1 },
      fleet: {
        group: index % 4 === 0 ? 'edge' : 'web',
        host,
        nats: { url: natsUrl },
        operator_keys_file: operatorKeysFile,
      },
      log: { level: 'fatal' },
    },
    {
      trust,
      version: '1.0.0',
      env: {},
      adapters: {
        feed,
        workload,
        probe,
        host: {
          product: trust.product,
          platform: hostPlatform(),
          updaterVersion: '1.0.0',
          builtFrom: 0,
          machineId,
          trust: importTrustSet(trust),
        },
      },
    },
  );
  const told: string[] = [];
  updater.on('ended', ({ attempt }) => {
    const { id, ended, state, to } = attempt;
    if (ended !== null && TOLD.has(ended.outcome) && state !== 'checking' && to !== null)
      told.push(`${host}/${id}`);
  });
  await updater.start();
  return {
    count: async (badDigest) => {
      const { current, state } = await updater.status();
      const touched = workload.calls.includes(`start ${BAD_VERSION}`);
      return {
        host,
        version: current.version,
        state,
        touched,
        told,
        place: cohort(machineId, trust.product, badDigest),
      };
    },
    cut: (wanted) => {
      isCut = wanted;
    },
    stop: () => updater.stop(),
  };
}
