import { BY_ITSELF, type Causes } from './cause.ts';
import { breaks, fails, noIntent } from './common.ts';
import { feedFails } from './feed.ts';
import { hasAccepted, headFails, shows } from './head.ts';

/** What `check` finds. */
export const CHECKED: Causes = {
  releaseFound: BY_ITSELF,
  delta: { past: 'committed', offer: { asDelta: true } },
  nothing: shows(({ host }) => ({ version: host.baselineVersion })),
  objected: {
    arrange: (world) => world.quarantine(world.offer.digest, world.offer.version),
  },
};

/** Why it does not. */
export const CHECK_FAILS: Causes = {
  ...feedFails('check', 'Feed.head'),
  ...headFails('check'),
  JOURNAL_WRITE_FAILED: noIntent('check'),
  STATE_DIR_UNUSABLE: fails('check', 'HeadStore.read', 'EIO'),
  DISK_FULL: fails('check', 'HeadStore.write', 'ENOSPC'),
  FEED_NOT_CONFIGURED: { settings: { feed: false } },
  MANUAL_CHANNEL: { settings: { channel: 'manual' } },
  HEAD_STALE: { arrange: hasAccepted(({ heads }) => heads.make({ seq: heads.seq() + 100 })) },
  INTERNAL: breaks('check', 'VersionStore.current'),
};
