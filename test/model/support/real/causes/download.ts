import { rm, truncate } from 'node:fs/promises';
import { answering, followed } from '../../../../faults/fault.ts';
import { BY_ITSELF, type Causes } from './cause.ts';
import { breaks, fails, noIntent } from './common.ts';
import { answers, feedFails } from './feed.ts';

/** `download` brings the bundle. */
export const DOWNLOADED: Causes = { whole: BY_ITSELF };

/** Why it does not. */
export const DOWNLOAD_FAILS: Causes = {
  ...feedFails('download', 'Feed.bundle'),
  JOURNAL_WRITE_FAILED: noIntent('download'),
  STATE_DIR_UNUSABLE: fails('download', 'Downloads.append', 'EIO'),
  DISK_FULL: {
    arrange: ({ arm }) => {
      arm(answering('Downloads.freeBytes', 0, { in: 'download' }));
    },
  },
  // A head with such a path is refused before.
  FEED_PATH_INVALID: fails('download', 'Feed.bundle', 'FEED_PATH_INVALID'),
  DOWNLOAD_TOO_LARGE: answers((response) => response.writeHead(200).end(Buffer.alloc(8 * 1024 * 1024))),
  BUNDLE_NOT_FOUND: { arrange: ({ bundleFile }) => rm(bundleFile) },
  BUNDLE_CHANGED: {
    arrange: ({ arm, bundleFile }) => {
      arm(followed('Downloads.openLocal', () => truncate(bundleFile, 10), { in: 'download' }));
    },
  },
  INTERNAL: breaks('download', 'Downloads.tidy'),
};
