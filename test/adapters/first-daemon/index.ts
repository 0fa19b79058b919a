/** The first daemons' adapters, with the types that they had: those of today, but for what came since. */
import type { openApprovals } from '../../../src/adapters/approvals.ts';
import type { Disk } from '../../../src/adapters/disk.ts';
import type { openHeadStore } from '../../../src/adapters/head-store.ts';
import type { openJournal } from '../../../src/adapters/journal.ts';
import type { openPauses } from '../../../src/adapters/pauses.ts';
import type { processRecordFile } from '../../../src/adapters/process-record.ts';
import type { openQuarantine } from '../../../src/adapters/quarantine.ts';
import type { openStateDir } from '../../../src/adapters/state-dir.ts';
import type { openVersionStore } from '../../../src/adapters/version-store.ts';

/** What opens a state directory. */
export interface DaemonAdapters {
  readonly openJournal: typeof openJournal;
  readonly openQuarantine: typeof openQuarantine;
  readonly openVersionStore: typeof openVersionStore;
  readonly openApprovals: typeof openApprovals;
  readonly openPauses: typeof openPauses;
  readonly openHeadStore: typeof openHeadStore;
  readonly processRecordFile: typeof processRecordFile;
  readonly openStateDir: typeof openStateDir;
  readonly nodeDisk: Disk;
}

/** Those of the first daemons. */
export const firstDaemon = (await import(new URL('adapters.mjs', import.meta.url).href)) as DaemonAdapters;
