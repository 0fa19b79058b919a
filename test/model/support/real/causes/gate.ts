import { BY_ITSELF, type Causes } from './cause.ts';
import { breaks, fails, noIntent } from './common.ts';
import { findsDaemon } from './hand-over.ts';
import { headFails, shows } from './head.ts';

/** What `gate` says. */
export const PASSED: Causes = {
  maySwap: BY_ITSELF,
  withDaemon: findsDaemon(true),
  mayOverlap: { settings: { overlap: true } },
  mayHandOver: findsDaemon(false),
  superseded: shows({ version: '98.0.0' }),
};

/** Why it cannot say. */
export const GATE_FAILS: Causes = {
  ...headFails('gate'),
  JOURNAL_WRITE_FAILED: noIntent('gate'),
  STATE_DIR_UNUSABLE: fails('gate', 'VersionStore.current', 'EIO'),
  // A newer head that names the same release has to be written down.
  DISK_FULL: {
    arrange: async (world) => {
      await world.heads.publish();
      await fails('gate', 'HeadStore.write', 'ENOSPC').arrange?.(world);
    },
  },
  // The gate of this program is always open.
  LEASE_HELD: fails('gate', 'Gate.pass', 'LEASE_HELD'),
  FLEET_UNREACHABLE: fails('gate', 'Gate.pass', 'FLEET_UNREACHABLE'),
  GATE_CLOSED: fails('gate', 'Gate.pass', 'GATE_CLOSED'),
  VERSION_DAMAGED: { arrange: (world) => world.damage(world.programOf(world.offer.version)) },
  VERSION_NOT_FOUND: { arrange: (world) => world.takeAway(world.versionFolder(world.offer.version)) },
  HOOK_DEFERRED: fails('gate', 'Hooks.run', 'HOOK_DEFERRED'),
  HOOK_FAILED: fails('gate', 'Hooks.run', 'HOOK_FAILED'),
  INTERNAL: breaks('gate', 'Gate.pass'),
};
