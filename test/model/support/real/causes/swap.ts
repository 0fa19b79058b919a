import { createServer } from 'node:net';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { followed, hurrying, preceded } from '../../../../faults/fault.ts';
import type { World } from '../world.ts';
import { BY_ITSELF, type Cause, type Causes } from './cause.ts';
import { breaks, fails, noIntent } from './common.ts';

/** `swap` starts the new version. */
export const SWAPPED: Causes = { started: BY_ITSELF };

/** Somebody else listens at the workload's port, until the step is over. */
async function listenThere({ host, later }: World): Promise<void> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(host.port, '127.0.0.1', resolve);
  });
  later(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      }),
  );
}

/** Right before the new version is started. */
const beforeStart = (effect: (world: World) => void | Promise<void>): Cause => ({
  arrange: (world) => {
    world.arm(preceded('Workload.start', () => effect(world), { in: 'swap' }));
  },
});

/** Why it does not. */
export const SWAP_FAILS: Causes = {
  JOURNAL_WRITE_FAILED: noIntent('swap'),
  STATE_DIR_UNUSABLE: fails('swap', 'VersionStore.entry', 'EIO'),
  DISK_FULL: fails('swap', 'VersionStore.activate', 'ENOSPC'),
  // A process that hangs in the kernel cannot be made here.
  WORKLOAD_STOP_FAILED: fails('swap', 'Workload.stop', 'WORKLOAD_STOP_FAILED'),
  PROBE_ADDRESS_TAKEN: {
    arrange: (world) => {
      world.arm(
        followed('Workload.stop', () => listenThere(world), { in: 'swap' }),
        hurrying({ in: 'swap', times: Infinity }),
      );
    },
  },
  STAGE_FAILED: fails('swap', 'VersionStore.activate', 'EIO'),
  VERSION_DAMAGED: {
    arrange: (world) => {
      world.arm(
        preceded('VersionStore.check', () => world.damage(world.programOf(world.offer.version)), {
          in: 'swap',
        }),
      );
    },
  },
  VERSION_NOT_FOUND: {
    arrange: (world) => {
      world.arm(
        preceded('VersionStore.activate', () => world.takeAway(world.versionFolder(world.offer.version)), {
          in: 'swap',
        }),
      );
    },
  },
  LISTEN_FAILED: fails('swap', 'Workload.start', 'LISTEN_FAILED'),
  WORKLOAD_START_FAILED: beforeStart((world) => world.takeAway(world.programOf(world.offer.version))),
  // Nobody can append to a folder.
  WORKLOAD_SPAWN_FAILED: beforeStart(async (world) => {
    const output = join(world.host.root, 'workload.log');
    await world.takeAway(output);
    await mkdir(output);
    world.later(() => rm(output, { recursive: true, force: true }));
  }),
  INTERNAL: breaks('swap', 'VersionStore.entry'),
};
