/**
 * The contract between the update machine and its services: what each step is given and what it gives back. Types only;
 * the machine declares its actors from it, and `src/services/index.ts` provides them.
 */
import type { ErrorRecord } from './errors.ts';
import type {
  Attempt,
  Downloaded,
  Drained,
  Ended,
  LaunchTarget,
  Offer,
  Plan,
  ProbeEvidence,
  Release,
  Successor,
  Verified,
  Watch,
  Way,
} from './types.ts';

/** Why an attempt goes back, and who is to blame for it. */
export interface Verdict {
  readonly error: ErrorRecord;
  /** What was seen, for people. */
  readonly evidence: readonly string[];
  /** How often this release was interrupted here, this time included; 0 when it was not. */
  readonly interruptions: number;
}

/**
 * A release that failed and was gone back from, but is not in quarantine, because that could not be written; it is written with
 * the next one.
 */
export interface Owed {
  readonly attempt: Attempt;
  readonly plan: Plan;
  readonly verdict: Verdict;
  /** The daemon that failed, where it was not the workload. */
  readonly successor?: Successor | undefined;
  readonly afterCommit?: boolean | undefined;
}

/** What `recover` found, and where the machine goes from there. */
export type Recovered =
  | {
      readonly next: 'idle';
      readonly ended: Ended | null;
      readonly watch: Watch | null;
      readonly paused: ErrorRecord | null;
    }
  | {
      readonly next: 'probing';
      readonly attempt: Attempt;
      readonly plan: Plan;
      readonly pid: number;
      /** The daemon in the release, where it is to take this one's place. */
      readonly successor?: Successor;
      readonly watch: Watch | null;
      readonly paused: ErrorRecord | null;
    }
  | {
      /** This daemon was handed over to, or came back from a hand-over that failed. */
      readonly next: 'handingOver';
      readonly attempt: Attempt;
      readonly plan: Plan;
      readonly successor: Successor;
      /** Whether the attempt's workload was committed before; then only the daemon is at stake. */
      readonly afterCommit: boolean;
      readonly watch: Watch | null;
      readonly paused: ErrorRecord | null;
    }
  | {
      readonly next: 'rollingBack';
      readonly attempt: Attempt;
      readonly plan: Plan;
      readonly verdict: Verdict;
      readonly owed?: readonly Owed[];
      readonly watch: Watch | null;
      readonly paused: ErrorRecord | null;
    };

/** What a check found. */
export type Checked =
  | { readonly found: 'release'; readonly offer: Offer; readonly release: Release; readonly note: string }
  | { readonly found: 'nothing'; readonly reason: string; readonly error: ErrorRecord | null };

/** What the gate and the last look said. */
export type Passed =
  | {
      readonly go: true;
      readonly plan: Plan;
      readonly way: Way;
      /** The daemon in the release, where it is to take this one's place; always there for `handOver`. */
      readonly successor: Successor | null;
    }
  | { readonly go: false; readonly error: ErrorRecord };

/** How the daemon's own update went. */
export interface HandedOver {
  /** What is said of it in the history: `the daemon is 1.4.0 now`. */
  readonly note: string;
}

/** What the watch after a commit saw. */
export type Watched =
  | { readonly saw: 'nothing' }
  | { readonly saw: 'calm' }
  | { readonly saw: 'crashLoop'; readonly attempt: Attempt; readonly plan: Plan; readonly verdict: Verdict };

/** Every step: its input and its output. */
export interface Steps {
  recover: { input: { readonly watch: null }; output: Recovered };
  schedule: {
    input: {
      readonly ended: Ended | null;
      readonly paused: ErrorRecord | null;
      readonly watch: Watch | null;
    };
    output: Attempt;
  };
  watch: { input: { readonly watch: Watch | null }; output: Watched };
  check: { input: { readonly attempt: Attempt }; output: Checked };
  download: { input: { readonly attempt: Attempt; readonly offer: Offer }; output: Downloaded };
  verify: {
    input: { readonly attempt: Attempt; readonly offer: Offer; readonly downloaded: Downloaded };
    output: Verified;
  };
  stage: {
    input: { readonly attempt: Attempt; readonly downloaded: Downloaded; readonly verified: Verified };
    output: Release;
  };
  gate: {
    input: { readonly attempt: Attempt; readonly offer: Offer; readonly release: Release };
    output: Passed;
  };
  swap: { input: { readonly attempt: Attempt; readonly plan: Plan }; output: { readonly pid: number } };
  /** Starts the new version beside the old one, on the same sockets, and probes it at its own check address. */
  overlap: { input: { readonly attempt: Attempt; readonly plan: Plan }; output: { readonly pid: number } };
  /** The new version, proved healthy, takes over: `current` is pointed at it, the old one is drained and stopped. */
  drain: {
    input: { readonly attempt: Attempt; readonly plan: Plan; readonly pid: number };
    output: { readonly drained: Drained | null };
  };
  probe: {
    input: { readonly attempt: Attempt; readonly plan: Plan; readonly pid: number };
    output: ProbeEvidence;
  };
  commit: {
    input: { readonly attempt: Attempt; readonly plan: Plan; readonly evidence: ProbeEvidence };
    output: Watch;
  };
  /**
   * Gives way to the daemon in the release: validates it, and becomes it. In the new daemon, the same step acknowledges; back in the old
   * one, after the new one failed, it rejects and says why.
   */
  handOver: {
    input: {
      readonly attempt: Attempt;
      readonly plan: Plan;
      readonly successor: Successor;
      readonly afterCommit: boolean;
    };
    output: HandedOver;
  };
  rollback: {
    input: {
      readonly attempt: Attempt;
      readonly plan: Plan;
      readonly verdict: Verdict;
      readonly owed?: readonly Owed[];
    };
    output: ProbeEvidence;
  };
  /** Where a daemon failed, it is quarantined, and the release only where it carries nothing else. */
  quarantine: {
    input: Owed & { readonly owed?: readonly Owed[] };
    output: { readonly quarantined: boolean };
  };
}

/** The name of a step, which is the name of its service and of the file that holds it. */
export type StepName = keyof Steps;

/** Every step of the workload machine: its input and its output. */
export interface WorkloadSteps {
  /** Starts the target; resolves once the program is on its way. */
  launch: { input: { readonly target: LaunchTarget }; output: { readonly pid: number } };
  /** Resolves when the process ended; `calm` when it ran long enough to forget earlier crashes. */
  attend: { input: { readonly pid: number }; output: { readonly exit: string; readonly calm: boolean } };
  /** Ends what is left of the group of a process that ended by itself. */
  sweep: { input: { readonly pid: number | null }; output: null };
  /** Waits before the next start. */
  backOff: { input: { readonly crashes: number }; output: null };
  /** Ends the process and its group. */
  terminate: { input: { readonly pid: number | null }; output: null };
}
