import { hurrying, preceded } from '../../../../faults/fault.ts';
import type { World } from '../world.ts';
import { BY_ITSELF, type Cause, type Causes } from './cause.ts';
import { breaks, fails } from './common.ts';

/** What `schedule` comes to. */
export const SCHEDULED: Causes = {
  due: {
    arrange: ({ arm }) => {
      arm(hurrying({ in: 'schedule' }));
    },
  },
};

/** Why it cannot. */
export const SCHEDULE_FAILS: Causes = { INTERNAL: breaks('schedule', 'Clock.sleep') };

/** The workload's process is killed again and again, each time that it runs. */
async function crashAgainAndAgain({ life }: World): Promise<void> {
  const { workload } = life().ports;
  const killed = new Set<number>();
  const over = new AbortController();
  const looped = { yet: false };
  void workload.crashLoop(over.signal).then(() => {
    looped.yet = true;
  });
  while (!looped.yet) {
    const { pid, state } = workload.status();
    if (state === 'running' && pid !== null && !killed.has(pid)) {
      killed.add(pid);
      process.kill(pid, 'SIGKILL');
      await workload.exit(pid, over.signal);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The whole watch passes. */
const passes = (world: World): void => {
  world.arm(hurrying({ in: 'watch', times: Infinity }));
};

/** What `watch` sees. */
export const WATCHED: Causes = {
  nothing: BY_ITSELF,
  calm: { arrange: passes },
  crashLoops: { during: crashAgainAndAgain },
};

/** At the end of the watch. */
const atItsEnd = ({ arrange }: Cause): Cause => ({
  arrange: async (world) => {
    passes(world);
    await arrange?.(world);
  },
});

/** Why it cannot say. */
export const WATCH_FAILS: Causes = {
  STATE_DIR_UNUSABLE: atItsEnd(fails('watch', 'VersionStore.list', 'EIO')),
  DISK_FULL: atItsEnd(fails('watch', 'VersionStore.mark', 'ENOSPC')),
  COMMIT_FAILED: atItsEnd(fails('watch', 'VersionStore.mark', 'EIO')),
  VERSION_NOT_FOUND: atItsEnd({
    arrange: (world) => {
      world.arm(
        preceded('VersionStore.mark', ({ version }) => world.takeAway(world.versionFolder(version)), {
          in: 'watch',
        }),
      );
    },
  }),
  INTERNAL: atItsEnd(breaks('watch', 'VersionStore.list')),
};
