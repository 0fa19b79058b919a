import type { OutcomeKind } from '../../src/types.ts';

/** What torture counted. */
export interface Tally {
  rounds: number;
  attempts: number;
  commits: number;
  rollbacks: number;
  refusals: number;
  interruptions: number;
  /** SIGKILL to a daemon or a workload. */
  kills: number;
  faults: number;
  /** Times that the journal's file was damaged. */
  damages: number;
  violations: string[];
  /** Counts an attempt that ended. */
  readonly attempt: (outcome: OutcomeKind) => void;
}

/** A tally of nothing yet. */
export function createTally(): Tally {
  const tally: Tally = {
    rounds: 0,
    attempts: 0,
    commits: 0,
    rollbacks: 0,
    refusals: 0,
    interruptions: 0,
    kills: 0,
    faults: 0,
    damages: 0,
    violations: [],
    attempt: (outcome) => {
      tally.attempts += 1;
      if (outcome === 'committed') tally.commits += 1;
      if (outcome === 'rolledBack') tally.rollbacks += 1;
      if (outcome === 'refused') tally.refusals += 1;
      if (outcome === 'interrupted') tally.interruptions += 1;
    },
  };
  return tally;
}
