/**
 * The composition root of the daemon: config → adapters → services → machines → control API. Nothing else makes adapters.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { createActor, type InspectionEvent } from 'xstate';
import { removeLeftovers } from './adapters/atomic-file.ts';
import { systemClock } from './adapters/clock.ts';
import { nodeDisk, type Disk } from './adapters/disk.ts';
import { openDownloads } from './adapters/downloads.ts';
import { createFeed } from './adapters/feed.ts';
import { createHttpClient } from './adapters/http-client.ts';
import { openHeadStore } from './adapters/head-store.ts';
import { createHttpProbe } from './adapters/http-probe.ts';
import { createIds } from './adapters/ids.ts';
import { immediateGate } from './adapters/immediate-gate.ts';
import { openJournal } from './adapters/journal.ts';
import { createProcesses } from './adapters/processes.ts';
import { readMachineId } from './adapters/machine-id.ts';
import { openQuarantine } from './adapters/quarantine.ts';
import { openStateDir, statePaths, wasUsed } from './adapters/state-dir.ts';
import { openTlsFiles } from './adapters/tls-files.ts';
import { openVersionStore } from './adapters/version-store.ts';
import type { Config } from './config/index.ts';
import type { ControlApi } from './control/api.ts';
import { startControlServer } from './control/server.ts';
import { createBoard } from './daemon/board.ts';
import { createCommands } from './daemon/commands.ts';
import { createHealthLook } from './daemon/health-look.ts';
import { describeHost } from './daemon/host.ts';
import { createDaemonLog } from './daemon/log.ts';
import { buildStatus } from './daemon/status.ts';
import type { Embedded } from './embedded.ts';
import { updateMachine } from './machines/update.machine.ts';
import { services, type StepObserver } from './services/index.ts';
import type { Ports } from './services/ports.ts';
import type { Settings } from './services/settings.ts';
import { createSupervisor, type Supervisor } from './supervisor.ts';
import type { StateName } from './types.ts';

/** What a program that is not ours is held to be before its first update: lower than every release. */
const UNKNOWN_VERSION = '0.0.0-0';

/** After a stop the kernel frees the port at once, unless somebody else holds it. */
const ADDRESS_FREE_MS = 3_000;

/** What {@link startDaemon} needs. */
export interface DaemonOptions {
  readonly config: Config;
  /** What the program was built with: keys, version, default feed. */
  readonly embedded: Embedded;
  /** Absolute path of the daemon's own program, which is the workload before any update unless `workload.binary` is set. */
  readonly program: string;
  readonly logger: Logger;
  /** Called when the daemon cannot go on (a fault of the program); the caller ends the process. */
  readonly onFatal: (error: unknown) => void;
  /** Hears of every step, for metrics and traces; called before the step does anything, once its intent is durable. */
  readonly observe?: StepObserver;
  /** Hears of every event and transition of the update machine, as XState tells of them; for tests and tools. */
  readonly inspect?: (event: InspectionEvent) => void;
  /** What is put around the adapters, or in their place; they are as they are unless told. */
  readonly adapt?: (ports: Ports) => Ports;
  /** The disk that the adapters write to; the real one unless told. */
  readonly disk?: Disk;
}

/** A running daemon. */
export interface Daemon {
  /** null where there is no update logic (Kubernetes without a state directory). */
  readonly api: ControlApi | null;
  /** Stops it in good order: the update first, then the control API, then the workload. */
  stop(): Promise<void>;
}

function baselineOf({ config, embedded, program }: DaemonOptions): { version: string; entry: string } {
  const { binary } = config.workload;
  return binary === null
    ? { version: embedded.version, entry: program }
    : { version: UNKNOWN_VERSION, entry: binary };
}

function whyDisabled({ update, runtime }: Config): string | null {
  if (runtime.kind === 'k8s')
    return `this host is Kubernetes (${runtime.reason}); change the image tag instead`;
  return update.disabled ? 'CORESDK_UPDATE_DISABLED is set' : null;
}

function startSupervisor({ config, disk = nodeDisk }: DaemonOptions, recordPath: string): Supervisor {
  const { workload } = config;
  const processes = createProcesses({
    command: workload.command,
    env: workload.env,
    recordPath,
    disk,
    output: workload.output === 'inherit' ? 'inherit' : { file: workload.output },
    clock: systemClock,
  });
  return createSupervisor({ processes, clock: systemClock }, workload);
}

/**
 * Where the record of the workload lies when there is no state directory: the same place at each start, so that a workload which a
 * killed daemon left is found. It is checked and locked like a state directory.
 */
function recordFolder({ config }: DaemonOptions): string {
  const key = createHash('sha256').update(config.stateDir).digest('hex').slice(0, 16);
  return join(tmpdir(), `coresdk-${String(process.geteuid?.() ?? 0)}-${key}`);
}

/** Kubernetes without a state directory: the workload is supervised, and nothing else happens. */
async function superviseOnly(options: DaemonOptions): Promise<Daemon> {
  const paths = await openStateDir(recordFolder(options), options.disk);
  const { journal: lock } = openJournal({ path: paths.stateDb, clock: systemClock });
  const supervisor = startSupervisor(options, paths.workloadRecord);
  supervisor.subscribe(createDaemonLog(options.logger).workload);
  const { version, entry } = baselineOf(options);
  const { signal } = new AbortController();
  options.logger.info(`no update logic: ${whyDisabled(options.config) ?? ''}`);
  await supervisor.endSurvivor();
  await supervisor.start({ ref: { origin: 'baseline', version }, entry }, signal);
  return {
    api: null,
    stop: async () => {
      await supervisor.stop(signal);
      await rm(paths.root, { recursive: true });
      lock.end();
    },
  };
}

function settingsOf({ update, probe }: Config, disabled: string | null): Settings {
  return {
    channel: update.channel,
    disabled,
    checkIntervalMs: update.checkIntervalMs,
    jitter: update.jitter,
    minAgeMs: update.minAgeMs,
    allowSecurityOverride: update.allowSecurityOverride,
    rollbackTimeoutMs: update.rollbackTimeoutMs,
    probeIntervalMs: probe.intervalMs,
    probeSuccessThreshold: probe.successThreshold,
    watchMs: probe.watchMs,
    addressFreeMs: ADDRESS_FREE_MS,
  };
}

/** The feed, and the one client by which everything is asked of it. It sends nothing yet. */
async function openFeed(url: string, { update, http }: Config): Promise<ReturnType<typeof createFeed>> {
  const tls = await openTlsFiles(http);
  return createFeed(url, {
    client: url.startsWith('file:') ? undefined : createHttpClient({ proxies: http.proxies, tls }),
    clock: systemClock,
    stallMs: update.stallTimeoutMs,
    retries: update.retries,
    maxBytesPerSecond: update.maxBytesPerSecond,
  });
}

/**
 * Starts the daemon: opens the state directory and takes its lock, recovers what was interrupted, starts the workload,
 * and listens on the control socket.
 *
 * @throws UpdateError `STATE_DIR_UNUSABLE`, `ALREADY_RUNNING`, `CONFIG_INVALID`, `TRUST_SET_INVALID`
 * @example
 * const daemon = await startDaemon({ config, embedded, program: process.argv[1], logger, onFatal });
 * process.once('SIGTERM', () => void daemon.stop());
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { config, embedded, logger, disk = nodeDisk, adapt = (ports: Ports) => ports } = options;
  const disabled = whyDisabled(config);
  if (config.runtime.kind === 'k8s' && !existsSync(statePaths(config.stateDir).stateDb))
    return superviseOnly(options);

  const facts = describeHost(embedded);
  const feedUrl = config.update.feedUrl ?? embedded.feedUrl;
  const feed = feedUrl === null ? null : await openFeed(feedUrl, config);
  const paths = await openStateDir(config.stateDir, disk);
  const expected = await wasUsed(paths, disk);
  const { journal, damage } = openJournal({ path: paths.stateDb, clock: systemClock, expected });
  // Only now: the lock says that nobody else is writing.
  await removeLeftovers(disk, paths.root);
  const log = createDaemonLog(logger);
  const board = createBoard(systemClock, log.progress);
  const supervisor = startSupervisor(options, paths.workloadRecord);
  supervisor.subscribe(log.workload);
  const ports = adapt({
    clock: systemClock,
    ids: createIds(systemClock),
    feed,
    heads: await openHeadStore(disk, paths.heads),
    downloads: openDownloads(disk, paths.downloads),
    store: openVersionStore({ disk, paths, baseline: baselineOf(options) }),
    quarantine: await openQuarantine(disk, paths.quarantine),
    journal,
    workload: supervisor,
    probe: createHttpProbe({ url: config.probe.url, timeoutMs: config.probe.timeoutMs }),
    gate: immediateGate,
    reporter: board.reporter,
    host: { ...facts, machineId: await readMachineId(disk, paths.machineId) },
  });
  const observe: StepObserver = (event) => {
    log.step(event);
    options.observe?.(event);
  };
  if (damage !== null) board.reporter.report({ kind: 'warning', error: damage });

  const { actors, settled } = services(ports, settingsOf(config, disabled), observe);
  const { inspect } = options;
  const actor = createActor(updateMachine.provide({ actors }), inspect === undefined ? {} : { inspect });
  let state: StateName | null = null;
  let endedId: string | null = null;
  actor.subscribe({
    next: ({ value, context }) => {
      if (value !== state) board.entered(value);
      state = value;
      const key = context.ended === null ? null : `${context.ended.attempt.id} ${context.ended.outcome}`;
      if (context.ended !== null && key !== endedId) {
        board.ended(context.ended);
        log.ended(context.ended);
      }
      endedId = key;
    },
    error: options.onFatal,
  });

  const lookAtHealth = createHealthLook(ports.probe, systemClock);
  const api = createCommands({
    ports,
    actor,
    board,
    channel: config.update.channel,
    bundlePath: config.update.bundlePath,
    disabled,
    status: () => {
      const { value, context } = actor.getSnapshot();
      return buildStatus({
        ports,
        config,
        embedded,
        disabled,
        feedUrl,
        board,
        lookAtHealth,
        state: value,
        context,
      });
    },
  });
  const control = await startControlServer({
    api,
    socket: config.control.socket,
    version: embedded.version,
    onFault: (error) => {
      logger.error({ err: error }, 'a request to the control API failed by a bug');
    },
  });
  actor.start();

  return {
    api,
    stop: async () => {
      const probing = actor.getSnapshot().matches('probing');
      actor.stop();
      await settled();
      if (probing) await ports.journal.suspend();
      await control.close();
      await supervisor.stop(new AbortController().signal);
      await feed?.close();
      journal.end();
    },
  };
}
