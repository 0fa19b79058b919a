import { followed, preceded } from '../../../../faults/fault.ts';
import { BY_ITSELF, type Causes } from './cause.ts';
import { breaks, fails, noIntent } from './common.ts';

/** `overlap` finds it healthy beside the old one. */
export const OVERLAPPED: Causes = { healthyBeside: BY_ITSELF };

/** Why it does not. What runs beside is no method of a port: its faults are told at the check of the files, right before. */
export const OVERLAP_FAILS: Causes = {
  JOURNAL_WRITE_FAILED: noIntent('overlap'),
  STATE_DIR_UNUSABLE: fails('overlap', 'VersionStore.entry', 'EIO'),
  DISK_FULL: fails('overlap', 'VersionStore.check', 'DISK_FULL'),
  PROBE_TIMEOUT: fails('overlap', 'VersionStore.check', 'PROBE_TIMEOUT'),
  PROBE_EXITED: { offer: { behaviour: 'exits' } },
  LISTEN_FAILED: fails('overlap', 'VersionStore.check', 'LISTEN_FAILED'),
  VERSION_DAMAGED: {
    arrange: (world) => {
      world.arm(
        preceded('VersionStore.check', () => world.damage(world.programOf(world.offer.version)), {
          in: 'overlap',
        }),
      );
    },
  },
  VERSION_NOT_FOUND: {
    arrange: (world) => {
      world.arm(
        preceded('VersionStore.entry', () => world.takeAway(world.versionFolder(world.offer.version)), {
          in: 'overlap',
        }),
      );
    },
  },
  WORKLOAD_START_FAILED: {
    arrange: (world) => {
      world.arm(
        followed('VersionStore.check', () => world.takeAway(world.programOf(world.offer.version)), {
          in: 'overlap',
        }),
      );
    },
  },
  WORKLOAD_SPAWN_FAILED: fails('overlap', 'VersionStore.check', 'WORKLOAD_SPAWN_FAILED'),
  INTERNAL: breaks('overlap', 'VersionStore.entry'),
};

/** `drain` has the new version take over. */
export const DRAINED: Causes = { relieved: BY_ITSELF };

/** Why it does not. */
export const DRAIN_FAILS: Causes = {
  JOURNAL_WRITE_FAILED: noIntent('drain'),
  STATE_DIR_UNUSABLE: fails('drain', 'VersionStore.activate', 'STATE_DIR_UNUSABLE'),
  DISK_FULL: fails('drain', 'VersionStore.activate', 'ENOSPC'),
  // A process that hangs in the kernel cannot be made here; the old one is told to go right after it was drained.
  WORKLOAD_STOP_FAILED: fails('drain', 'Drain.run', 'WORKLOAD_STOP_FAILED'),
  PROBE_EXITED: fails('drain', 'Drain.run', 'PROBE_EXITED'),
  STAGE_FAILED: fails('drain', 'VersionStore.activate', 'EIO'),
  INTERNAL: breaks('drain', 'VersionStore.activate'),
};
