/** Opens the adapters of a daemon. Nothing else makes them. */
import { systemClock } from '../adapters/clock.ts';
import { openApprovals } from '../adapters/approvals.ts';
import { removeLeftovers } from '../adapters/atomic-file.ts';
import { nodeDisk, type Disk } from '../adapters/disk.ts';
import { openDownloads } from '../adapters/downloads.ts';
import { createFeed } from '../adapters/feed.ts';
import { openHeadStore } from '../adapters/head-store.ts';
import { createHooks } from '../adapters/hooks.ts';
import { createHttpClient } from '../adapters/http-client.ts';
import { createIds } from '../adapters/ids.ts';
import { fixedDaemon } from '../adapters/fixed-daemon.ts';
import { openJournal } from '../adapters/journal.ts';
import { readMachineId } from '../adapters/machine-id.ts';
import { noDrain } from '../adapters/no-drain.ts';
import { noNudges, noOrders } from '../adapters/no-fleet.ts';
import { createMirroredFeed, type Mirror } from '../adapters/mirrored-feed.ts';
import { openPauses } from '../adapters/pauses.ts';
import { createProbe } from '../adapters/probe.ts';
import { createProcesses } from '../adapters/processes.ts';
import { openQuarantine } from '../adapters/quarantine.ts';
import { openStateDir, statePaths, wasUsed } from '../adapters/state-dir.ts';
import { openTlsFiles } from '../adapters/tls-files.ts';
import { openVersionStore } from '../adapters/version-store.ts';
import type { Config } from '../config/index.ts';
import type { Embedded } from '../embedded.ts';
import { UNKNOWN_VERSION } from '../services/image.ts';
import type { Ports, Reporter } from '../services/ports.ts';
import { createSupervisor, type Supervisor } from '../supervisor.ts';
import { openGate } from './gate.ts';
import { describeHost } from './host.ts';

/** What the adapters are made from. */
export interface AdapterOptions {
  readonly config: Config;
  readonly embedded: Embedded;
  /** Absolute path of the daemon's own program. */
  readonly program: string;
  /** The disk that the adapters write to; the real one unless told. */
  readonly disk?: Disk;
  /** Adapters in place of the real ones, which are not even opened then. What is reported is always heard by the updater itself. */
  readonly adapters?: Partial<Omit<Ports, 'reporter'>>;
}

/** The adapters, open. */
export interface OpenAdapters {
  readonly ports: Ports;
  /** Closes the feed and the journal, which frees the one-daemon lock. */
  close(): Promise<void>;
}

/** The program that is there before any update. */
export function baselineOf({ config, embedded, program }: AdapterOptions): {
  version: string;
  entry: string;
} {
  const { binary } = config.workload;
  return binary === null
    ? { version: embedded.version, entry: program }
    : { version: UNKNOWN_VERSION, entry: binary };
}

/**
 * Starts the supervisor of the workload; it runs nothing yet.
 *
 * @param recordPath - where the identity of the running workload is written
 */
export function openSupervisor({ config, disk = nodeDisk }: AdapterOptions, recordPath: string): Supervisor {
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
    return { ports: await openPorts(options, reporter, closers), close };
  } catch (error) {
    // Whoever embeds the updater may try again in the same process: no lock and no socket may stay behind.
    await close();
    throw error;
  }
}

async function openPorts(
  options: AdapterOptions,
  reporter: Reporter,
  closers: (() => void | Promise<void>)[],
): Promise<Ports> {
  const { config, embedded, adapters: own = {}, disk = nodeDisk } = options;
  const { clock = systemClock } = own;
  // A bad key is told before anything is written.
  if (own.host === undefined) describeHost(embedded);
  const feedUrl = feedUrlOf(options);
  let { feed } = own;
  if (feed === undefined) {
    const opened = feedUrl === null ? null : await openFeed(feedUrl, config);
    if (opened !== null) closers.push(() => opened.close());
    feed = opened;
  }
  const probe = own.probe ?? (await createProbe(config.probe));
  const onDisk = KEPT_ON_DISK.some((name) => own[name] === undefined);
  const paths = onDisk ? await openStateDir(config.stateDir, disk) : statePaths(config.stateDir);
  let { journal } = own;
  if (journal === undefined) {
    const expected = await wasUsed(paths, disk);
    const opened = openJournal({ path: paths.stateDb, clock, expected });
    ({ journal } = opened);
    if (opened.damage !== null) reporter.report({ kind: 'warning', error: opened.damage });
  }
  closers.push(() => {
    journal.end();
  });
  // Only now: the lock says that nobody else is writing.
  if (onDisk) await removeLeftovers(disk, paths.root);
  const approvals = own.approvals ?? openApprovals(disk, paths.approvals);
  const host = own.host ?? {
    ...describeHost(embedded),
    machineId: await readMachineId(disk, paths.machineId),
  };
  let { gate } = own;
  if (gate === undefined) {
    const { machineId } = host;
    const opened = await openGate({
      config,
      clock,
      reporter,
      approvals,
      disk,
      leaseFile: paths.lease,
      machineId,
      natsLease: null,
    });
    closers.unshift(() => opened.close());
    ({ gate } = opened);
  }
  return {
    clock,
    ids: own.ids ?? createIds(clock),
    feed,
    heads: own.heads ?? (await openHeadStore(disk, paths.heads)),
    downloads: own.downloads ?? openDownloads(disk, paths.downloads),
    store: own.store ?? openVersionStore({ disk, paths, baseline: baselineOf(options) }),
    quarantine: own.quarantine ?? (await openQuarantine(disk, paths.quarantine)),
    journal,
    workload: own.workload ?? openSupervisor(options, paths.workloadRecord),
    probe,
    gate,
    approvals,
    pauses: own.pauses ?? openPauses(disk, paths.paused),
    hooks: own.hooks ?? createHooks(config.hooks),
    probeBeside: own.probeBeside ?? probe,
    drain: own.drain ?? noDrain,
    succession: own.succession ?? fixedDaemon(embedded.version),
    orders: own.orders ?? noOrders,
    nudges: own.nudges ?? noNudges,
    reporter,
    host,
  };
}
