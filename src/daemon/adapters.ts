/** Opens the adapters of a daemon. Nothing else makes them. */
import { createBesideProbe } from '../adapters/beside-probe.ts';
import { systemClock } from '../adapters/clock.ts';
import { openApprovals } from '../adapters/approvals.ts';
import { removeLeftovers } from '../adapters/atomic-file.ts';
import { nodeDisk } from '../adapters/disk.ts';
import { openDownloads } from '../adapters/downloads.ts';
import { createDrain } from '../adapters/drain.ts';
import { openHeadStore } from '../adapters/head-store.ts';
import { probeOfHeld } from '../adapters/held-probe.ts';
import { createHooks } from '../adapters/hooks.ts';
import { createIds } from '../adapters/ids.ts';
import { fixedDaemon } from '../adapters/fixed-daemon.ts';
import type { ListenSockets } from '../adapters/listen-sockets.ts';
import { openJournal } from '../adapters/journal.ts';
import { readMachineId } from '../adapters/machine-id.ts';
import { noDrain } from '../adapters/no-drain.ts';
import { noNudges, noOrders } from '../adapters/no-fleet.ts';
import { openPauses } from '../adapters/pauses.ts';
import { createProbe, probeTarget } from '../adapters/probe.ts';
import { openQuarantine } from '../adapters/quarantine.ts';
import { openStateDir, statePaths, wasUsed } from '../adapters/state-dir.ts';
import type { DaemonSuccession } from '../adapters/succession.ts';
import { openVersionStore } from '../adapters/version-store.ts';
import { UpdateError } from '../errors.ts';
import type { Ports, Reporter, Succession } from '../services/ports.ts';
import { baselineOf, type AdapterOptions } from './adapter-options.ts';
import { openFleet, type Fleet } from './fleet.ts';
import { openGate } from './gate.ts';
import { describeHost } from './host.ts';
import { feedUrlOf, openFeed } from './open-feed.ts';
import { openWorkload } from './open-workload.ts';
import { openOwnSuccession } from './own-succession.ts';

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
