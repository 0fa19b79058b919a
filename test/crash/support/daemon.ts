/**
 * The daemon as `src/daemon.ts` composes it, over simulated ports: state directory, journal, tidying, adapters, services, machines,
 * commands. What it leaves out is what has no place on a simulated host: log, control socket, HTTP.
 */
import { createActor } from 'xstate';
import { removeLeftovers } from '../../../src/adapters/atomic-file.ts';
import type { Disk } from '../../../src/adapters/disk.ts';
import { openApprovals } from '../../../src/adapters/approvals.ts';
import { openDownloads } from '../../../src/adapters/downloads.ts';
import { openHeadStore } from '../../../src/adapters/head-store.ts';
import { createIds } from '../../../src/adapters/ids.ts';
import { immediateGate } from '../../../src/adapters/immediate-gate.ts';
import { readMachineId } from '../../../src/adapters/machine-id.ts';
import { openPauses } from '../../../src/adapters/pauses.ts';
import { openQuarantine } from '../../../src/adapters/quarantine.ts';
import { openStateDir } from '../../../src/adapters/state-dir.ts';
import { openVersionStore } from '../../../src/adapters/version-store.ts';
import type { TrustSet } from '../../../src/bundle/trust.ts';
import type { ControlApi } from '../../../src/control/api.ts';
import { createBoard } from '../../../src/daemon/board.ts';
import { createCommands } from '../../../src/daemon/commands.ts';
import { createEventHub } from '../../../src/daemon/events.ts';
import { UpdateError, type ErrorRecord } from '../../../src/errors.ts';
import { updateMachine } from '../../../src/machines/update.machine.ts';
import type { UpdateContext } from '../../../src/machines/update.types.ts';
import { services } from '../../../src/services/index.ts';
import type { Feed, Journal, Ports, WorkloadStatus } from '../../../src/services/ports.ts';
import type { Settings } from '../../../src/services/settings.ts';
import { createSupervisor } from '../../../src/supervisor.ts';
import type { StateName } from '../../../src/types.ts';
import { recordingHooks } from '../../fakes/hooks.ts';
import { configFrom } from '../../fixtures/config.ts';
import { createMemoryFeed } from '../../fakes/memory-feed.ts';
import { PRODUCT, type FeedFiles } from './material.ts';
import { fixedDaemon } from '../../../src/adapters/fixed-daemon.ts';
import { noDrain } from '../../../src/adapters/no-drain.ts';
import { noNudges, noOrders } from '../../../src/adapters/no-fleet.ts';
import type { SimClock } from './sim-clock.ts';
import { createSimProbe } from './sim-probe.ts';
import type { SimProcesses } from './sim-processes.ts';

export const STATE_DIR = '/var/lib/coresdk';

/** Where the program lies that was there before any update. */
export const BASELINE_ENTRY = '/opt/sidecar';

/** What the operator configured on every simulated host; short times, so that a run is short. */
export const SETTINGS: Settings = {
  channel: 'edge',
  disabled: null,
  checkIntervalMs: 3_600_000,
  jitter: 0,
  minAgeMs: 0,
  allowSecurityOverride: false,
  rollbackTimeoutMs: 10_000,
  probeIntervalMs: 1_000,
  probeSuccessThreshold: 1,
  soakMs: 0,
  failureThreshold: 3,
  flapThreshold: 3,
  watchMs: 20_000,
  swap: 'stop-start',
  addressFreeMs: 3_000,
};

const POLICY = {
  stopTimeoutMs: 10_000,
  backoffInitialMs: 1_000,
  backoffMaxMs: 60_000,
  stableAfterMs: 60_000,
  crashLoop: 3,
};

/** What {@link startSimDaemon} needs. */
export interface SimDaemonOptions {
  readonly disk: Disk;
  /** The version of the program that was there before any update. */
  readonly baseline: string;
  readonly clock: SimClock;
  readonly journal: Journal;
  readonly processes: SimProcesses;
  readonly feed: () => FeedFiles;
  readonly trust: TrustSet;
  readonly warn: (error: ErrorRecord) => void;
  readonly journalLost: boolean;
  readonly adapt?: (ports: Ports) => Ports;
  /** How an update is swapped in; `stop-start` unless told. */
  readonly swap?: Settings['swap'] | undefined;
}

/** A daemon that runs. */
export interface SimDaemon {
  readonly ports: Ports;
  /** What an operator may ask of it. */
  readonly api: ControlApi;
  state(): StateName;
  /** How many states it has entered. */
  entered(): number;
  context(): UpdateContext;
  workload(): WorkloadStatus['state'];
  /** Throws what the machine could not go on with, if anything. */
  throwIfFatal(): void;
  /** Stops it in good order, as `Daemon.stop` does. */
  stop(): Promise<void>;
}

/** What the feed says now. */
function changingFeed(files: () => FeedFiles): Feed {
  const now = (): Feed => createMemoryFeed(files());
  return {
    head: (...args) => now().head(...args),
    bundle: (...args) => now().bundle(...args),
  };
}

/** Starts the daemon; rejects with `STATE_DIR_UNUSABLE` and the like, as it does. */
export async function startSimDaemon(options: SimDaemonOptions): Promise<SimDaemon> {
  const { disk, clock, journal, processes, warn, adapt = (ports: Ports) => ports } = options;
  const paths = await openStateDir(STATE_DIR, disk);
  await removeLeftovers(disk, paths.root);
  const hub = createEventHub(clock);
  const board = createBoard({
    clock,
    onProgress: (progress) => {
      if (progress.kind === 'warning') warn(progress.error);
    },
    publish: (event) => {
      hub.publish(event);
    },
  });
  const supervisor = createSupervisor({ processes, clock }, POLICY);
  const ports = adapt({
    clock,
    ids: createIds(clock),
    feed: changingFeed(options.feed),
    heads: await openHeadStore(disk, paths.heads),
    downloads: openDownloads(disk, paths.downloads),
    store: openVersionStore({
      disk,
      paths,
      baseline: { version: options.baseline, entry: BASELINE_ENTRY },
      canExecute: () => Promise.resolve(),
    }),
    quarantine: await openQuarantine(disk, paths.quarantine),
    journal,
    workload: supervisor,
    probe: createSimProbe(processes, clock),
    gate: immediateGate,
    approvals: openApprovals(disk, paths.approvals),
    pauses: openPauses(disk, paths.paused),
    hooks: recordingHooks(),
    probeBeside: createSimProbe(processes, clock, true),
    drain: noDrain,
    succession: fixedDaemon('1.0.0'),
    orders: noOrders,
    nudges: noNudges,
    reporter: board.reporter,
    host: {
      product: PRODUCT,
      platform: { os: 'linux', arch: 'x64', libc: 'glibc' },
      updaterVersion: '1.0.0',
      builtFrom: 0,
      machineId: await readMachineId(disk, paths.machineId),
      trust: options.trust,
    },
  });
  if (options.journalLost)
    board.reporter.report({
      kind: 'warning',
      error: { code: 'JOURNAL_DAMAGED', message: 'expected a readable journal, found none' },
    });

  const { actors, settled } = services(
    ports,
    { ...SETTINGS, swap: options.swap ?? SETTINGS.swap },
    () => undefined,
  );
  const actor = createActor(updateMachine.provide({ actors }));
  const faults: unknown[] = [];
  let entered = 0;
  let state: StateName | null = null;
  actor.subscribe({
    next: ({ value }) => {
      if (value !== state) entered += 1;
      state = value;
    },
    error: (error) => faults.push(error),
  });
  const api = createCommands({
    ports,
    actor,
    board,
    hub,
    config: configFrom({ update: { channel: 'edge' } }),
    settings: [],
    doctor: () => Promise.reject(new UpdateError('INTERNAL', 'a simulated daemon has no doctor')),
    disabled: null,
    status: () => Promise.reject(new UpdateError('INTERNAL', 'a simulated daemon has no status')),
  });
  actor.start();

  return {
    ports,
    api,
    state: () => actor.getSnapshot().value,
    entered: () => entered,
    context: () => actor.getSnapshot().context,
    workload: () => supervisor.status().state,
    throwIfFatal: () => {
      if (faults.length > 0) throw faults[0];
    },
    stop: async () => {
      const probing = actor.getSnapshot().matches('probing');
      actor.stop();
      await settled();
      if (probing) await ports.journal.suspend();
      await supervisor.stop(new AbortController().signal);
      journal.end();
    },
  };
}
