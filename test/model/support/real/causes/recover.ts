import { BY_ITSELF, type Causes } from './cause.ts';
import { breaks, fails } from './common.ts';

/** What `recover` finds. */
export const RECOVERED: Causes = {
  nothingLeft: BY_ITSELF,
  interrupted: { past: 'stoppedInDownloading' },
  watched: { past: 'watched' },
  stillHealthy: { past: 'stoppedInProbing' },
  halfDone: { past: 'stoppedInSwapping' },
  handsOver: { past: 'stoppedInHandingOver' },
};

/** Why it cannot. */
export const RECOVER_FAILS: Causes = {
  STATE_DIR_UNUSABLE: fails('recover', 'VersionStore.current', 'EIO'),
  // A process that hangs in the kernel cannot be made here.
  WORKLOAD_STOP_FAILED: fails('recover', 'Workload.endSurvivor', 'WORKLOAD_STOP_FAILED'),
  WORKLOAD_SPAWN_FAILED: fails('recover', 'Workload.endSurvivor', 'WORKLOAD_SPAWN_FAILED'),
  // SQLite’s file is not behind the disk; damage of it at the start is set aside before `recover` runs.
  JOURNAL_DAMAGED: fails('recover', 'Journal.inFlight', 'JOURNAL_DAMAGED'),
  INTERNAL: breaks('recover', 'VersionStore.current'),
};
