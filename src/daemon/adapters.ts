/** Opens the adapters of a daemon. Nothing else makes them. */
import { systemClock } from '../adapters/clock.ts';
import { openApprovals } from '../adapters/approvals.ts';
import { removeLeftovers } from '../adapters/atomic-file.ts';
import { nodeDisk, type Disk } from '../adapters/disk.ts';
import { openDownloads } from '../adapters/downloads.ts';
import { createFeed } from '../adapters/feed.ts';
import { createGate } from '../adapters/gate.ts';
import { openHeadStore } from '../adapters/head-store.ts';
import { createHooks } from '../adapters/hooks.ts';
import { createHttpClient } from '../adapters/http-client.ts';
import { createIds } from '../adapters/ids.ts';
import { openJournal } from '../adapters/journal.ts';
import { readMachineId } from '../adapters/machine-id.ts';
import { openPauses } from '../adapters/pauses.ts';
import { createProbe } from '../adapters/probe.ts';
import { createProcesses } from '../adapters/processes.ts';
import { openQuarantine } from '../adapters/quarantine.ts';
import { openStateDir, wasUsed } from '../adapters/state-dir.ts';
import { openTlsFiles } from '../adapters/tls-files.ts';
import { openVersionStore } from '../adapters/version-store.ts';
import type { Config } from '../config/index.ts';
import { windowAt } from '../config/windows.ts';
import type { Embedded } from '../embedded.ts';
import type { ErrorRecord } from '../errors.ts';
import type { Ports, Reporter } from '../services/ports.ts';
import { createSupervisor, type Supervisor } from '../supervisor.ts';
import { describeHost } from './host.ts';

/** What a program that is not ours is held to be before its first update: lower than every release. */
const UNKNOWN_VERSION = '0.0.0-0';

/** What the adapters are made from. */
export interface AdapterOptions {
  readonly config: Config;
  readonly embedded: Embedded;
  /** Absolute path of the daemon's own program. */
  readonly program: string;
  /** The disk that the adapters write to; the real one unless told. */
  readonly disk?: Disk;
}

/** The adapters, open. */
export interface OpenAdapters {
  readonly ports: Ports;
  readonly supervisor: Supervisor;
  /** What the journal lost, when it was damaged; reported already. */
  readonly damage: ErrorRecord | null;
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

/** The feed, and the one client by which everything is asked of it. It sends nothing yet. */
export async function openFeed(
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

/** The feed's address: the operator's, else the one that the program was built with. */
export function feedUrlOf({ config, embedded }: Pick<AdapterOptions, 'config' | 'embedded'>): string | null {
  return config.update.feedUrl ?? embedded.feedUrl;
}

/**
 * Opens everything that the services need: takes the lock of the state directory, and starts nothing.
 *
 * @param reporter - hears of what the services report
 * @throws UpdateError `STATE_DIR_UNUSABLE`, `ALREADY_RUNNING`, `CONFIG_INVALID`, `TRUST_SET_INVALID`
 */
export async function openAdapters(options: AdapterOptions, reporter: Reporter): Promise<OpenAdapters> {
  const { config, embedded, disk = nodeDisk } = options;
  const facts = describeHost(embedded);
  const feedUrl = feedUrlOf(options);
  const feed = feedUrl === null ? null : await openFeed(feedUrl, config);
  const probe = await createProbe(config.probe);
  const paths = await openStateDir(config.stateDir, disk);
  const expected = await wasUsed(paths, disk);
  const { journal, damage } = openJournal({ path: paths.stateDb, clock: systemClock, expected });
  // Only now: the lock says that nobody else is writing.
  await removeLeftovers(disk, paths.root);
  if (damage !== null) reporter.report({ kind: 'warning', error: damage });
  const supervisor = openSupervisor(options, paths.workloadRecord);
  const approvals = openApprovals(disk, paths.approvals);
  const { windows, approval } = config.update;
  return {
    supervisor,
    damage,
    ports: {
      clock: systemClock,
      ids: createIds(systemClock),
      feed,
      heads: await openHeadStore(disk, paths.heads),
      downloads: openDownloads(disk, paths.downloads),
      store: openVersionStore({ disk, paths, baseline: baselineOf(options) }),
      quarantine: await openQuarantine(disk, paths.quarantine),
      journal,
      workload: supervisor,
      probe,
      gate: createGate({
        windowAt: windows.length === 0 ? null : (now) => windowAt(windows, now),
        approval,
        approvals,
        clock: systemClock,
        reporter,
      }),
      approvals,
      pauses: openPauses(disk, paths.paused),
      hooks: createHooks(config.hooks),
      reporter,
      host: { ...facts, machineId: await readMachineId(disk, paths.machineId) },
    },
    close: async () => {
      await feed?.close();
      journal.end();
    },
  };
}
