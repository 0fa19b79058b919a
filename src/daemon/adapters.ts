/** Opens the adapters of a daemon. Nothing else makes them. */
import { dirname } from 'node:path';
import { createBesideProbe } from '../adapters/beside-probe.ts';
import { checkSockets, type CheckSockets } from '../adapters/check-sockets.ts';
import { systemClock } from '../adapters/clock.ts';
import { openApprovals } from '../adapters/approvals.ts';
import { removeLeftovers } from '../adapters/atomic-file.ts';
import { nodeDisk, type Disk } from '../adapters/disk.ts';
import { openDownloads } from '../adapters/downloads.ts';
import { createDrain } from '../adapters/drain.ts';
import { createFeed } from '../adapters/feed.ts';
import { openHeadStore } from '../adapters/head-store.ts';
import { probeOfHeld } from '../adapters/held-probe.ts';
import { createHooks } from '../adapters/hooks.ts';
import { createHttpClient } from '../adapters/http-client.ts';
import type { InheritedSocket } from '../sockets/inherited-sockets.ts';
import { createIds } from '../adapters/ids.ts';
import { fixedDaemon } from '../adapters/fixed-daemon.ts';
import { openListenSockets, type ListenSockets } from '../adapters/listen-sockets.ts';
import { openJournal } from '../adapters/journal.ts';
import { readMachineId } from '../adapters/machine-id.ts';
import { noDrain } from '../adapters/no-drain.ts';
import { noNudges, noOrders } from '../adapters/no-fleet.ts';
import { createMirroredFeed, type Mirror } from '../adapters/mirrored-feed.ts';
import { openPauses } from '../adapters/pauses.ts';
import { createProbe, probeTarget } from '../adapters/probe.ts';
import { createProcesses } from '../adapters/processes.ts';
import { openQuarantine } from '../adapters/quarantine.ts';
import { openStateDir, statePaths, wasUsed, type StatePaths } from '../adapters/state-dir.ts';
import { openSuccession, type DaemonSuccession, type SuccessionOptions } from '../adapters/succession.ts';
import { openTlsFiles } from '../adapters/tls-files.ts';
import { openVersionStore } from '../adapters/version-store.ts';
import type { Config } from '../config/index.ts';
import type { Embedded } from '../embedded.ts';
import { UpdateError } from '../errors.ts';
import { UNKNOWN_VERSION } from '../services/image.ts';
import type { Ports, Reporter, Succession, Workload } from '../services/ports.ts';
import { createSupervisor, type Supervisor } from '../supervisor.ts';
import { openFleet, type Fleet } from './fleet.ts';
import { openGate } from './gate.ts';
import { startGuard } from './guard-role.ts';
import { describeHost } from './host.ts';
import { launcherEnv, type Installed } from './launch.ts';

/** How the daemon gives way to its next version. */
export type HandOver = Pick<SuccessionOptions, 'args' | 'env' | 'times' | 'leave'>;

/** What the adapters are made from. */
export interface AdapterOptions {
  readonly config: Config;
  readonly embedded: Embedded;
  /** Absolute path of the daemon's own program. */
  readonly program: string;
  /** The program that is installed, where an update brought the one that runs; `program` unless told. */
  readonly installed?: Installed | undefined;
  /** How this program gives way to a newer one; where it is not given, it cannot. */
  readonly handOver?: HandOver | undefined;
  /** Sockets that this process was started with (`takeInheritedSockets`); none unless given. */
  readonly inheritedSockets?: readonly InheritedSocket[];
  /** The disk that the adapters write to; the real one unless told. */
  readonly disk?: Disk;
  /** Adapters in place of the real ones, which are not even opened then. What is reported is always heard by the updater itself. */
  readonly adapters?: Partial<Omit<Ports, 'reporter'>>;
}

/** The adapters, open. */
export interface OpenAdapters {
  readonly ports: Ports;
  /** The workload's listening sockets; none where the workload itself was given from outside. */
  readonly sockets: ListenSockets | null;
  /** This host's part in a fleet; null where none is configured. */
  readonly fleet: Fleet | null;
  /** Writes that the daemon stops because it was asked to; before `close`, and not by one that could not start or has a fault. Never rejects. */
  atRest(): Promise<void>;
  /** Closes the feed and the journal, which frees the one-daemon lock. */
  close(): Promise<void>;
}

/** The program that is there before any update: the installed one, whichever daemon runs. */
export function baselineOf({
  config,
  embedded,
  program,
  installed = { path: program, version: embedded.version },
}: Pick<AdapterOptions, 'config' | 'embedded' | 'program' | 'installed'>): {
  version: string;
  entry: string;
} {
  const { binary } = config.workload;
  return binary === null
    ? { version: installed.version, entry: installed.path }
    : { version: UNKNOWN_VERSION, entry: binary };
}

/**
 * The workload's listening sockets: those that this process was given, and, with the first start of the workload, the others.
 *
 * @throws UpdateError `CONFIG_INVALID`, `LISTEN_FAILED`
 */
export async function openSockets(
  { config, inheritedSockets = [] }: AdapterOptions,
  warn: (error: UpdateError) => void,
): Promise<ListenSockets> {
  const { listen, swap } = config.workload;
  const sockets = await openListenSockets({ specs: listen, inherited: inheritedSockets, warn });
  if (swap === 'overlap' && listen.length === 0 && sockets.held().length === 0)
    throw new UpdateError(
      'CONFIG_INVALID',
      'expected workload.listen beside workload.swap: overlap, or sockets from systemd, found neither: two versions cannot bind one address',
    );
  return sockets;
}

/**
 * Starts the supervisor of the workload; it runs nothing yet.
 *
 * @param recordPath - where the identity of the running workload is written
 * @param sockets - passed on to whatever runs
 * @param check - the check addresses, where two versions may run at once
 */
export function openSupervisor(
  { config, disk = nodeDisk }: AdapterOptions,
  recordPath: string,
  sockets: ListenSockets,
  check: CheckSockets | null = null,
): Supervisor {
  const { workload } = config;
  const processes = createProcesses({
    command: workload.command,
    env: workload.env,
    recordPath,
    sockets,
    check,
    disk,
    output: workload.output === 'inherit' ? 'inherit' : { file: workload.output },
    clock: systemClock,
  });
  return createSupervisor({ processes, clock: systemClock }, workload);
}

/** The feed, and the clients by which everything is asked of it and of its mirrors. It sends nothing yet. */
export async function openFeed(
  url: string,
  config: Pick<Config, 'update' | 'http'>,
): Promise<ReturnType<typeof createFeed>> {
  const mirrors = config.update.mirrors.filter((it) => it !== url);
  if (mirrors.length === 0) return openMirror(url, config);
  const opened: Mirror[] = [];
  for (const it of [url, ...mirrors]) opened.push({ url: it, feed: await openMirror(it, config) });
  return createMirroredFeed(opened, systemClock);
}

async function openMirror(
  url: string,
  { update, http }: Pick<Config, 'update' | 'http'>,
): Promise<ReturnType<typeof createFeed>> {
  const tls = await openTlsFiles(http);
  return createFeed(url, {
    client: url.startsWith('file:') ? undefined : createHttpClient({ proxies: http.proxies, tls }),
    clock: systemClock,
    stallMs: update.stallTimeoutMs,
    retries: update.retries,
    maxBytesPerSecond: update.maxBytesPerSecond,
  });
}

/** The feed's address: the operator's, else the one that the program was built with, else the first mirror. */
export function feedUrlOf({ config, embedded }: Pick<AdapterOptions, 'config' | 'embedded'>): string | null {
  return config.update.feedUrl ?? embedded.feedUrl ?? config.update.mirrors[0] ?? null;
}

/** The ports that keep something in the state directory. */
const KEPT_ON_DISK = [
  'journal',
  'heads',
  'downloads',
  'store',
  'quarantine',
  'approvals',
  'pauses',
  'workload',
  'host',
] as const satisfies readonly (keyof Ports)[];

/**
 * Opens everything that the services need and that `options.adapters` does not give: takes the lock of the state directory, and
 * starts nothing. A state directory is made only where something is kept in it.
 *
 * @param reporter - hears of what the services report, unless `options.adapters` names another
 * @throws UpdateError `STATE_DIR_UNUSABLE`, `ALREADY_RUNNING`, `CONFIG_INVALID`, `TRUST_SET_INVALID`
 */
export async function openAdapters(options: AdapterOptions, reporter: Reporter): Promise<OpenAdapters> {
  const closers: (() => void | Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const end of closers.splice(0)) await end();
  };
  try {
    return { ...(await openPorts(options, reporter, closers)), close };
  } catch (error) {
    // Whoever embeds the updater may try again in the same process: no lock and no socket may stay behind.
    await close();
    throw error;
  }
}

/** The succession of a built daemon, which is started by its installed program. */
function openOwnSuccession(
  { config, embedded, program, installed = { path: program, version: embedded.version } }: AdapterOptions,
  { args, env, times, leave }: HandOver,
  {
    paths,
    journal,
    reporter,
    carry,
    ...needs
  }: Pick<Ports, 'store' | 'clock' | 'journal'> & {
    readonly carry: () => Readonly<Record<string, string>>;
    readonly disk: Disk;
    readonly paths: StatePaths;
    readonly reporter: Reporter;
  },
): DaemonSuccession {
  return openSuccession({
    ...needs,
    paths,
    program,
    version: embedded.version,
    args,
    env: { ...env, ...launcherEnv(installed) },
    times,
    leave: async () => {
      const more = await leave();
      // Frees the lock; the kernel would do so too, since nothing but the standard streams outlasts `execve`.
      journal.end();
      // Last of all: a child that is started after it would keep the sockets too.
      return { ...more, ...carry() };
    },
    guard: (attempt) =>
      startGuard(program, { stateDir: config.stateDir, attempt, installed: installed.path, args }, env),
    warn: (error) => {
      reporter.report({ kind: 'warning', error: error.toRecord() });
    },
  });
}

async function openWorkload(
  options: AdapterOptions,
  recordPath: string,
  warn: (error: UpdateError) => void,
): Promise<{ workload: Workload; sockets: ListenSockets | null; check: CheckSockets | null }> {
  const { workload } = options.adapters ?? {};
  if (workload !== undefined) return { workload, sockets: null, check: null };
  const sockets = await openSockets(options, warn);
  const check = options.config.workload.swap === 'overlap' ? checkSockets(dirname(recordPath)) : null;
  return { workload: openSupervisor(options, recordPath, sockets, check), sockets, check };
}

async function openPorts(
  options: AdapterOptions,
  reporter: Reporter,
  closers: (() => void | Promise<void>)[],
): Promise<Omit<OpenAdapters, 'close'>> {
  const { config, embedded, adapters: own = {}, disk = nodeDisk } = options;
  const { clock = systemClock } = own;
  // A bad key is told before anything is written.
  if (own.host === undefined) describeHost(embedded);
  const feedUrl = feedUrlOf(options);
  let { feed } = own;
  if (feed === undefined) {
    const own = feedUrl === null ? null : await openFeed(feedUrl, config);
    if (own !== null) closers.push(() => own.close());
    feed = own;
  }
  const plainProbe = own.probe ?? (await createProbe(config.probe));
  const onDisk = KEPT_ON_DISK.some((name) => own[name] === undefined);
  const paths = onDisk ? await openStateDir(config.stateDir, disk) : statePaths(config.stateDir);
  let { journal } = own;
  if (journal === undefined) {
    const expected = await wasUsed(paths, disk);
    const outbox = config.fleet.nats !== null;
    const file = openJournal({ path: paths.stateDb, clock, expected, outbox });
    ({ journal } = file);
    if (file.damage !== null) reporter.report({ kind: 'warning', error: file.damage });
  }
  closers.push(() => {
    journal.end();
  });
  // Only now: the lock says that nobody else is writing.
  if (onDisk) await removeLeftovers(disk, paths.root);
  const store =
    own.store ??
    openVersionStore({
      disk,
      paths,
      baseline: baselineOf(options),
      daemons: () => succession.kept?.() ?? Promise.resolve([]),
    });
  const succession: Succession & Partial<DaemonSuccession> =
    own.succession ??
    (options.handOver === undefined
      ? fixedDaemon(embedded.version)
      : openOwnSuccession(options, options.handOver, {
          disk,
          paths,
          store,
          clock,
          journal,
          reporter,
          carry: () => sockets?.carry() ?? {},
        }));
  closers.push(() => succession.close?.());
  const atRest = async (): Promise<void> => {
    try {
      await succession.atRest?.();
    } catch (error) {
      // The daemon stops all the same.
      reporter.report({ kind: 'warning', error: UpdateError.from(error).toRecord() });
    }
  };
  const approvals = own.approvals ?? openApprovals(disk, paths.approvals);
  const { workload, sockets, check } = await openWorkload(options, paths.workloadRecord, (error) => {
    reporter.report({ kind: 'warning', error: error.toRecord() });
  });
  if (sockets !== null)
    // Before the lock is freed: who starts next binds them.
    closers.unshift(() => {
      try {
        sockets.close();
      } catch (error) {
        reporter.report({ kind: 'warning', error: UpdateError.from(error).toRecord() });
      }
    });
  const probe =
    sockets === null || own.probe !== undefined
      ? plainProbe
      : probeOfHeld(plainProbe, probeTarget(config.probe), sockets);
  const host = own.host ?? {
    ...describeHost(embedded),
    machineId: await readMachineId(disk, paths.machineId),
  };
  const heads = own.heads ?? (await openHeadStore(disk, paths.heads));
  const quarantine = own.quarantine ?? (await openQuarantine(disk, paths.quarantine));
  const kept = { clock, reporter, heads, journal, quarantine, store };
  const fleet = await openFleet({ ...kept, config, host, disk, ordersFolder: paths.orders });
  if (fleet !== null) {
    closers.unshift(() => fleet.close());
    if (feed !== null) feed = fleet.before(feed);
  }
  let { gate } = own;
  if (gate === undefined) {
    const { machineId } = host;
    const openedGate = await openGate({
      config,
      clock,
      reporter,
      approvals,
      disk,
      leaseFile: paths.lease,
      machineId,
      natsLease: fleet?.lease ?? null,
    });
    // Before the fleet: it may still have a place to give back.
    closers.unshift(() => openedGate.close());
    ({ gate } = openedGate);
  }
  const ports: Ports = {
    clock,
    ids: own.ids ?? createIds(clock),
    feed,
    heads,
    downloads: own.downloads ?? openDownloads(disk, paths.downloads),
    store,
    quarantine,
    journal: fleet?.around(journal) ?? journal,
    workload,
    probe,
    gate,
    approvals,
    pauses: own.pauses ?? openPauses(disk, paths.paused),
    hooks: own.hooks ?? createHooks(config.hooks),
    probeBeside:
      own.probeBeside ??
      (check === null ? probe : await createBesideProbe(config.probe, () => check.pathOf('beside'))),
    drain:
      own.drain ??
      createDrain({
        hook: config.hooks.drain,
        url: config.workload.drainUrl,
        timeoutMs: config.workload.drainTimeoutMs,
        checkSocket: () => check?.pathOf('main') ?? null,
        clock,
      }) ??
      noDrain,
    succession,
    orders: own.orders ?? fleet?.orders ?? noOrders,
    nudges: own.nudges ?? fleet?.nudges ?? noNudges,
    reporter,
    host,
  };
  return { ports, sockets, fleet, atRest };
}
