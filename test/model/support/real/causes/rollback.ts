import { BY_ITSELF, type Causes } from './cause.ts';
import { fails } from './common.ts';

/** `rollback` gets the version before to run. */
export const ROLLED_BACK: Causes = { healthyAgain: BY_ITSELF };

/** Why it does not. */
export const ROLLBACK_FAILS: Causes = {
  ROLLBACK_FAILED: fails('rollback', 'VersionStore.activate', 'EIO'),
};

/** What `quarantine` does. */
export const QUARANTINED: Causes = { recorded: BY_ITSELF, spared: BY_ITSELF };

/** Why it cannot. */
export const QUARANTINE_FAILS: Causes = {
  QUARANTINE_FAILED: fails('quarantine', 'Quarantine.add', 'ENOSPC'),
};
