/**
 * The updater's own services on its own adapters, in a state directory, without the daemon around them: what a bench
 * measures.
 */
import type { TrustSet } from '../../src/bundle/trust.ts';
import { systemClock } from '../../src/adapters/clock.ts';
import type { Disk, DiskHandle } from '../../src/adapters/disk.ts';
import { openDownloads } from '../../src/adapters/downloads.ts';
import { fixedDaemon } from '../../src/adapters/fixed-daemon.ts';
import { openHeadStore } from '../../src/adapters/head-store.ts';
import { openJournal } from '../../src/adapters/journal.ts';
import { openQuarantine } from '../../src/adapters/quarantine.ts';
import { openStateDir } from '../../src/adapters/state-dir.ts';
import { openVersionStore } from '../../src/adapters/version-store.ts';
import { hostPlatform } from '../../src/config/host-platform.ts';
import type { Host, Ports } from '../../src/services/ports.ts';

/** The ports that verify and stage need, for real. */
export type Updater = Pick<
  Ports,
  'clock' | 'heads' | 'downloads' | 'store' | 'quarantine' | 'journal' | 'reporter' | 'host' | 'succession'
>;

/**
 * Opens the ports on a state directory.
 *
 * @param disk - `nodeDisk`, or {@link withoutSync} of it
 */
export async function openUpdater(stateDir: string, trust: TrustSet, disk: Disk): Promise<Updater> {
  const paths = await openStateDir(stateDir, disk);
  const { journal } = openJournal({ path: paths.stateDb, clock: systemClock });
  const host: Host = {
    product: trust.product,
    platform: hostPlatform(),
    updaterVersion: '0.0.1',
    builtFrom: 0,
    machineId: 'bench',
    trust,
  };
  return {
    clock: systemClock,
    heads: await openHeadStore(disk, paths.heads),
    downloads: openDownloads(disk, paths.downloads),
    store: openVersionStore({ disk, paths, baseline: { version: '0.0.1', entry: process.execPath } }),
    quarantine: await openQuarantine(disk, paths.quarantine),
    journal,
    reporter: { report: () => undefined },
    succession: fixedDaemon('0.0.1'),
    host,
  };
}

/** A disk whose `fsync` does nothing, for times without it. */
export function withoutSync(disk: Disk): Disk {
  const unsynced = (handle: DiskHandle): DiskHandle => ({ ...handle, sync: () => Promise.resolve() });
  return {
    ...disk,
    createExclusive: async (...args) => unsynced(await disk.createExclusive(...args)),
    openAppend: async (...args) => unsynced(await disk.openAppend(...args)),
    openRead: async (...args) => unsynced(await disk.openRead(...args)),
    fsyncDir: () => Promise.resolve(),
  };
}
