import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BY_ITSELF, type Causes } from './cause.ts';
import { breaks, fails, noIntent } from './common.ts';

/** `stage` makes the version. */
export const STAGED: Causes = { staged: BY_ITSELF };

/** Why it does not. */
export const STAGE_FAILS: Causes = {
  JOURNAL_WRITE_FAILED: noIntent('stage'),
  STATE_DIR_UNUSABLE: fails('stage', 'Downloads.tidy', 'EIO'),
  DISK_FULL: fails('stage', 'VersionStore.stage', 'ENOSPC'),
  STAGE_FAILED: fails('stage', 'VersionStore.stage', 'EIO'),
  STAGE_NOT_EXECUTABLE: { offer: { behaviour: 'unstartable' } },
  BUNDLE_CHANGED: {
    arrange: ({ host }) =>
      writeFile(join(host.paths.downloads, 'unpacked', 'files', 'coresdk-sidecar'), '#!/bin/sh\n'),
  },
  INTERNAL: breaks('stage', 'Downloads.tidy'),
};
