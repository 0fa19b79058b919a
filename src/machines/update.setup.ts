/**
 * What the update machine is made of: its actors, guards and actions. The chart itself is in `update.machine.ts`.
 *
 * Invariant: an action changes the context and does nothing else; what it puts there is JSON.
 */
import { assign, setup } from 'xstate';
import type { ErrorCode } from '../error-codes.ts';
import type { ErrorRecord, UpdateError } from '../errors.ts';
import type {
  Checked,
  HandedOver,
  Owed,
  Passed,
  Recovered,
  StepName,
  Steps,
  Verdict,
  Watched,
} from '../steps.ts';
import type { Attempt, Ended, OutcomeKind, Plan, StateName, Successor, Verified } from '../types.ts';
import { undeclared } from './undeclared.ts';
import type { UpdateContext, UpdateEvent } from './update.types.ts';

/** The part of the context that belongs to one attempt, empty. */
export const NO_ATTEMPT = {
  attempt: null,
  offer: null,
  downloaded: null,
  verified: null,
  release: null,
  plan: null,
  pid: null,
  evidence: null,
  successor: null,
  afterCommit: false,
  daemonFailed: false,
  verdict: null,
} as const;

/**
 * For what a state needs and the states before it have set; its absence is a fault of the chart.
 *
 * @param what - for the message
 */
export function need<T>(value: T | null, what: string): T {
  if (value === null) throw new Error(`the update machine has no ${what} in a state that needs it`);
  return value;
}

/** The feed answers, but has not got the delta as the head names it. */
const DELTA_NOT_THERE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'FEED_REFUSED',
  'FEED_REDIRECTED',
  'DOWNLOAD_TOO_LARGE',
  'DOWNLOAD_TRUNCATED',
]);

const outcomeOf = (error: UpdateError): OutcomeKind => {
  if (error.info.exit === 3) return 'refused';
  return error.info.exit === 5 ? 'deferred' : 'error';
};

const end = (
  context: UpdateContext,
  stage: StateName,
  outcome: OutcomeKind,
  reason: string,
  error: ErrorRecord | null,
): Ended => ({
  attempt: need(context.attempt, 'attempt'),
  outcome,
  reason,
  error,
  stage,
  from: context.plan?.from ?? null,
  to: context.plan?.to ?? (context.release === null ? null : { origin: 'store', ...context.release }),
});

/** What pauses automatic updates now that no fault does. */
const heldBy = ({ held }: UpdateContext): ErrorRecord | null => (held === 'unread' ? null : held);

/** Whether it is an operator who paused them, and no fault. */
const isWish = (paused: ErrorRecord | null): boolean => paused?.code === 'UPDATES_PAUSED';

/** The releases of earlier attempts that are still to be quarantined, where there are any. */
export const owing = ({ owed }: UpdateContext): { readonly owed?: readonly Owed[] } =>
  owed.length === 0 ? {} : { owed };

/** The daemon that failed, where it was the daemon and not the workload. */
export const failedDaemon = ({
  successor,
  afterCommit,
  daemonFailed,
}: UpdateContext): { readonly successor?: Successor; readonly afterCommit?: boolean } =>
  daemonFailed && successor !== null ? { successor, afterCommit } : {};

/** What is owed once another attempt begins: its own verdict, where that could not be written, behind the earlier ones. */
const owedBy = (context: UpdateContext): readonly Owed[] => {
  const { attempt, plan, verdict, owed } = context;
  return attempt === null || plan === null || verdict === null
    ? owed
    : [...owed, { attempt, plan, verdict, ...failedDaemon(context) }];
};

/** How an attempt ended that went back. A daemon that failed takes nothing back of the workload's commit. */
const endAsGoneBack = (context: UpdateContext): Ended => {
  const { error } = need(context.verdict, 'verdict');
  return context.afterCommit
    ? end(context, 'handingOver', 'committed', `the daemon stayed as it was: ${error.message}`, error)
    : end(context, 'rolledBack', 'rolledBack', error.message, error);
};

const step = <Name extends StepName>(name: Name) =>
  undeclared<Steps[Name]['output'], Steps[Name]['input']>(name);

/** Setup of the update machine; `createMachine` on it is in `update.machine.ts`. */
export const updateSetup = setup({
  types: { context: {} as UpdateContext, events: {} as UpdateEvent },
  actors: {
    recover: step('recover'),
    schedule: step('schedule'),
    watch: step('watch'),
    check: step('check'),
    download: step('download'),
    verify: step('verify'),
    stage: step('stage'),
    gate: step('gate'),
    swap: step('swap'),
    overlap: step('overlap'),
    drain: step('drain'),
    probe: step('probe'),
    commit: step('commit'),
    handOver: step('handOver'),
    rollback: step('rollback'),
    quarantine: step('quarantine'),
  },
  guards: {
    stillHealthy: (_, { recovered }: { recovered: Recovered }) => recovered.next === 'probing',
    halfDone: (_, { recovered }: { recovered: Recovered }) => recovered.next === 'rollingBack',
    crashLoops: (_, { watched }: { watched: Watched }) => watched.saw === 'crashLoop',
    calm: (_, { watched }: { watched: Watched }) => watched.saw === 'calm',
    releaseFound: ({ context }, { checked }: { checked: Checked }) =>
      checked.found === 'release' && context.attempt?.mode === 'apply',
    /** False only when recovery itself failed: then there is nothing to roll back yet. */
    hasPlan: ({ context }) => context.plan !== null,
    /** A delta cannot be used, and its release has a full bundle. */
    mayTakeFull: ({ context }, { error }: { error: UpdateError }) =>
      context.offer?.full !== undefined &&
      (error.info.blames === 'bundle' || DELTA_NOT_THERE.has(error.code)),
    runsAlready: (_, { verified }: { verified: Verified }) => verified.unpacked === null,
    /** The last release that was rolled back is not in quarantine, because it could not be written. */
    owesQuarantine: ({ context }) => context.verdict !== null,
    mayStart: ({ context }) => context.verdict === null,
    maySwap: (_, { passed }: { passed: Passed }) => passed.go && passed.way === 'swap',
    mayOverlap: (_, { passed }: { passed: Passed }) => passed.go && passed.way === 'overlap',
    mayHandOver: (_, { passed }: { passed: Passed }) => passed.go && passed.way === 'handOver',
    /** The release that was committed carries a daemon that is to take this one's place. */
    hasSuccessor: ({ context }) => context.successor !== null,
    handsOver: (_, { recovered }: { recovered: Recovered }) => recovered.next === 'handingOver',
  },
  actions: {
    begin: assign((_, { attempt }: { attempt: Attempt }) => ({ ...NO_ATTEMPT, attempt })),
    beginApply: assign((_, { attempt, path }: { attempt: Attempt; path: string }) => ({
      ...NO_ATTEMPT,
      attempt,
      offer: { source: { kind: 'file' as const, path }, release: null, channel: null },
    })),
    beginRollback: assign(
      (_, { attempt, plan, verdict }: { attempt: Attempt; plan: Plan; verdict: Verdict }) => ({
        ...NO_ATTEMPT,
        attempt,
        plan,
        verdict,
        // What is gone back from is what was watched: a calm watch must not raise the version floor to it.
        watch: null,
      }),
    ),
    beginWatchedRollback: assign(({ context }, { watched }: { watched: Watched }) =>
      watched.saw === 'crashLoop'
        ? {
            ...NO_ATTEMPT,
            owed: owedBy(context),
            attempt: watched.attempt,
            plan: watched.plan,
            verdict: watched.verdict,
            watch: null,
          }
        : {},
    ),
    takeUp: assign(({ context }, { recovered }: { recovered: Recovered }) => {
      const { watch } = recovered;
      // What was said since is newer than what start-up read.
      const paused = context.held === 'unread' ? recovered.paused : context.held;
      const held = paused;
      switch (recovered.next) {
        case 'idle':
          return { watch, ended: recovered.ended, paused, held };
        case 'probing':
          return {
            watch,
            attempt: recovered.attempt,
            plan: recovered.plan,
            pid: recovered.pid,
            successor: recovered.successor ?? null,
            paused,
            held,
          };
        case 'handingOver':
          return {
            watch,
            attempt: recovered.attempt,
            plan: recovered.plan,
            successor: recovered.successor,
            afterCommit: recovered.afterCommit,
            paused,
            held,
          };
        case 'rollingBack':
          return {
            watch,
            attempt: recovered.attempt,
            plan: recovered.plan,
            verdict: recovered.verdict,
            owed: recovered.owed ?? [],
            paused,
            held,
          };
      }
    }),
    accept: assign((_, { checked }: { checked: Checked }) =>
      checked.found === 'release' ? { offer: checked.offer, release: checked.release } : {},
    ),
    /** The history says why, since an attempt that ends well has no error. */
    takeFull: assign(({ context }, { error }: { error: UpdateError }) => {
      const { full, note, ...offer } = need(context.offer, 'offer');
      const base = offer.source.kind === 'feed' ? offer.source.base : undefined;
      const delta = `the delta${base === undefined ? '' : ` from ${base.version}`}`;
      const why = `${delta} could not be used (${error.code}: ${error.message}); took the full bundle`;
      return {
        offer: {
          ...offer,
          source: need(full ?? null, 'full bundle'),
          note: note === undefined ? why : `${note}; ${why}`,
        },
        downloaded: null,
      };
    }),
    endByFinding: assign(({ context }, { checked }: { checked: Checked }) => ({
      ...NO_ATTEMPT,
      ended:
        checked.found === 'release'
          ? end({ ...context, release: checked.release }, 'checking', 'available', checked.note, null)
          : end(context, 'checking', 'nothing', checked.reason, checked.error),
    })),
    endAsRunning: assign(({ context }, { verified }: { verified: Verified }) => ({
      ...NO_ATTEMPT,
      ended: end(context, 'verifying', 'nothing', `${verified.release.version} runs already`, null),
    })),
    endByGate: assign(({ context }, { passed }: { passed: Passed }) => ({
      ...NO_ATTEMPT,
      ended: passed.go ? null : end(context, 'waiting', 'deferred', passed.error.message, passed.error),
    })),
    planSwap: assign((_, { passed }: { passed: Passed }) =>
      passed.go ? { plan: passed.plan, successor: passed.successor } : {},
    ),
    endByError: assign(({ context }, { stage, error }: { stage: StateName; error: UpdateError }) => ({
      ...NO_ATTEMPT,
      ended: end(context, stage, outcomeOf(error), error.message, error.toRecord()),
    })),
    condemn: assign((_, { error }: { error: UpdateError }) => ({
      verdict: { error: error.toRecord(), evidence: error.evidence, interruptions: 0 },
    })),
    condemnDaemon: assign((_, { error }: { error: UpdateError }) => ({
      verdict: { error: error.toRecord(), evidence: error.evidence, interruptions: 0 },
      daemonFailed: true,
    })),
    watchUnrecorded: assign(({ context }) => {
      const { from, to } = need(context.plan, 'plan');
      return { watch: { version: to, previous: from } };
    }),
    endCommitted: assign(({ context }) => ({
      ...NO_ATTEMPT,
      ended: end(context, 'committed', 'committed', need(context.evidence, 'evidence').last, null),
    })),
    endHandedOver: assign(({ context }, { note }: HandedOver) => ({
      ...NO_ATTEMPT,
      ended: end(context, 'handingOver', 'committed', note, null),
    })),
    endRolledBack: assign(({ context }) => ({
      ...NO_ATTEMPT,
      owed: [],
      // A quarantine that was owed is written now.
      paused: context.paused?.code === 'QUARANTINE_FAILED' ? heldBy(context) : context.paused,
      ended: endAsGoneBack(context),
    })),
    /** The same, but the attempt is kept: `RESUME` tries the quarantine again, and so does the next start. */
    endOwingQuarantine: assign(({ context }) => ({ ended: endAsGoneBack(context) })),
    /** The attempt is not over, but whoever waits for it must hear that its rollback failed. */
    announceFailure: assign(({ context }, { error }: { error: UpdateError }) => ({
      ended: end(context, 'failed', 'failed', error.message, error.toRecord()),
    })),
    pause: assign((_, { error }: { error: UpdateError }) => ({ paused: error.toRecord() })),
    /** A fault that pauses says more: why start-up failed, or (to `schedule`, too) that a quarantine is owed. */
    holdBack: assign(({ context }, { error }: { error: ErrorRecord }) => ({
      held: error,
      paused: context.paused === null || isWish(context.paused) ? error : context.paused,
    })),
    letGo: assign(({ context }) => ({
      held: null,
      paused: isWish(context.paused) ? null : context.paused,
    })),
    endByPause: assign(({ context }, { stage, error }: { stage: StateName; error: ErrorRecord }) => ({
      ...NO_ATTEMPT,
      ended: end(context, stage, 'deferred', error.message, error),
    })),
    resume: assign({ paused: null, held: null, ended: null }),
    forgetEnded: assign({ ended: null }),
    endWatch: assign({ watch: null }),
  },
});
