/**
 * The update lifecycle as a statechart. Pure: no I/O, no time, no logger; every effect is a service that a state invokes.
 *
 * Invariants that this file keeps:
 * - Nothing touches the running workload before `swapping`: every failure before it leads to `idle`.
 * - From `swapping` on, the only ways out are `committed` and `rollingBack`.
 * - `rollingBack` ends in `rolledBack` or, loudly, in `failed`.
 * - An attempt ends on the way into `idle`, as `context.ended`; `schedule` is given it, and so the journal.
 */
import { assign, setup } from 'xstate';
import type { ErrorRecord, UpdateError } from '../errors.ts';
import type { Checked, Passed, Recovered, StepName, Steps, Verdict, Watched } from '../steps.ts';
import type { Attempt, Ended, OutcomeKind, Plan, StateName, Verified } from '../types.ts';
import { undeclared } from './undeclared.ts';
import type { UpdateContext, UpdateEvent } from './update.types.ts';

const NO_ATTEMPT = {
  attempt: null,
  offer: null,
  downloaded: null,
  verified: null,
  release: null,
  plan: null,
  pid: null,
  evidence: null,
  verdict: null,
} as const;

/** For what a state needs and the states before it have set; its absence is a fault of this file. */
function need<T>(value: T | null, what: string): T {
  if (value === null) throw new Error(`the update machine has no ${what} in a state that needs it`);
  return value;
}

/** Services reject only with `UpdateError`: the one door of the services sees to it. */
const thrown = ({ event }: { event: { error: unknown } }): UpdateError => event.error as UpdateError;

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

const step = <Name extends StepName>(name: Name) =>
  undeclared<Steps[Name]['output'], Steps[Name]['input']>(name);

/** An `onError` that ends the attempt without having touched the workload. */
const giveUp = (stage: StateName) =>
  ({
    target: 'idle',
    actions: {
      type: 'endByError',
      params: (args: { event: { error: unknown } }) => ({ stage, error: thrown(args) }),
    },
  }) as const;

/** An `onError` that goes back to the version before. */
const goBack = {
  target: 'rollingBack',
  actions: { type: 'condemn', params: (args: { event: { error: unknown } }) => ({ error: thrown(args) }) },
} as const;

/**
 * The update machine. Inject the services with `updateMachine.provide({ actors })`; `services()` in `src/services` makes
 * them from the ports.
 *
 * @example
 * const { actors } = services(ports, settings, observe);
 * createActor(updateMachine.provide({ actors })).start();
 */
export const updateMachine = setup({
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
    probe: step('probe'),
    commit: step('commit'),
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
    runsAlready: (_, { verified }: { verified: Verified }) => verified.unpacked === null,
    /** The last release that was rolled back is not in quarantine, because it could not be written. */
    owesQuarantine: ({ context }) => context.verdict !== null,
    mayStart: ({ context }) => context.verdict === null,
    mayGo: (_, { passed }: { passed: Passed }) => passed.go,
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
    beginWatchedRollback: assign((_, { watched }: { watched: Watched }) =>
      watched.saw === 'crashLoop'
        ? {
            ...NO_ATTEMPT,
            attempt: watched.attempt,
            plan: watched.plan,
            verdict: watched.verdict,
            watch: null,
          }
        : {},
    ),
    takeUp: assign((_, { recovered }: { recovered: Recovered }) => {
      const { watch } = recovered;
      switch (recovered.next) {
        case 'idle':
          return { watch, ended: recovered.ended, paused: recovered.paused };
        case 'probing':
          return {
            watch,
            attempt: recovered.attempt,
            plan: recovered.plan,
            pid: recovered.pid,
            paused: null,
          };
        case 'rollingBack':
          return {
            watch,
            attempt: recovered.attempt,
            plan: recovered.plan,
            verdict: recovered.verdict,
            paused: null,
          };
      }
    }),
    accept: assign((_, { checked }: { checked: Checked }) =>
      checked.found === 'release' ? { offer: checked.offer, release: checked.release } : {},
    ),
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
    planSwap: assign((_, { passed }: { passed: Passed }) => (passed.go ? { plan: passed.plan } : {})),
    endByError: assign(({ context }, { stage, error }: { stage: StateName; error: UpdateError }) => ({
      ...NO_ATTEMPT,
      ended: end(context, stage, outcomeOf(error), error.message, error.toRecord()),
    })),
    condemn: assign((_, { error }: { error: UpdateError }) => ({
      verdict: { error: error.toRecord(), evidence: error.evidence, interruptions: 0 },
    })),
    endCommitted: assign(({ context }) => ({
      ...NO_ATTEMPT,
      ended: end(context, 'committed', 'committed', need(context.evidence, 'evidence').last, null),
    })),
    endRolledBack: assign(({ context }) => {
      const { error } = need(context.verdict, 'verdict');
      return { ...NO_ATTEMPT, ended: end(context, 'rolledBack', 'rolledBack', error.message, error) };
    }),
    /** The same, but the attempt is kept: `RESUME` tries the quarantine again, and so does the next start. */
    endOwingQuarantine: assign(({ context }) => {
      const { error } = need(context.verdict, 'verdict');
      return { ended: end(context, 'rolledBack', 'rolledBack', error.message, error) };
    }),
    /** The attempt is not over, but whoever waits for it must hear that its rollback failed. */
    announceFailure: assign(({ context }, { error }: { error: UpdateError }) => ({
      ended: end(context, 'failed', 'failed', error.message, error.toRecord()),
    })),
    pause: assign((_, { error }: { error: UpdateError }) => ({ paused: error.toRecord() })),
    resume: assign({ paused: null, ended: null }),
    forgetEnded: assign({ ended: null }),
    endWatch: assign({ watch: null }),
  },
}).createMachine({
  id: 'update',
  description: 'The life of one update, from finding a release to its commit or rollback.',
  context: { ...NO_ATTEMPT, ended: null, watch: null, paused: null },
  initial: 'recovering',
  states: {
    recovering: {
      description:
        'Start-up: reads the journal and the version store, repairs what was interrupted, starts the workload.',
      invoke: {
        id: 'recover',
        src: 'recover',
        input: { watch: null },
        onDone: [
          {
            guard: { type: 'stillHealthy', params: ({ event }) => ({ recovered: event.output }) },
            target: 'probing',
            actions: { type: 'takeUp', params: ({ event }) => ({ recovered: event.output }) },
          },
          {
            guard: { type: 'halfDone', params: ({ event }) => ({ recovered: event.output }) },
            target: 'rollingBack',
            actions: { type: 'takeUp', params: ({ event }) => ({ recovered: event.output }) },
          },
          {
            target: 'idle',
            actions: { type: 'takeUp', params: ({ event }) => ({ recovered: event.output }) },
          },
        ],
        onError: {
          target: 'failed',
          actions: { type: 'pause', params: (args) => ({ error: thrown(args) }) },
        },
      },
    },
    idle: {
      description:
        'The workload runs; the next check is scheduled. A fresh commit is still watched for a crash loop.',
      invoke: [
        {
          id: 'schedule',
          src: 'schedule',
          input: ({ context: { ended, paused, watch } }) => ({ ended, paused, watch }),
          onDone: {
            target: 'checking',
            actions: { type: 'begin', params: ({ event }) => ({ attempt: event.output }) },
          },
          onError: { actions: { type: 'pause', params: (args) => ({ error: thrown(args) }) } },
        },
        {
          id: 'watch',
          src: 'watch',
          input: ({ context: { watch } }) => ({ watch }),
          onDone: [
            {
              guard: { type: 'crashLoops', params: ({ event }) => ({ watched: event.output }) },
              target: 'rollingBack',
              actions: { type: 'beginWatchedRollback', params: ({ event }) => ({ watched: event.output }) },
            },
            {
              guard: { type: 'calm', params: ({ event }) => ({ watched: event.output }) },
              target: 'idle',
              reenter: true,
              actions: ['endWatch', 'forgetEnded'],
            },
          ],
          onError: { actions: { type: 'pause', params: (args) => ({ error: thrown(args) }) } },
        },
      ],
      on: {
        CHECK: {
          guard: 'mayStart',
          target: 'checking',
          actions: { type: 'begin', params: ({ event }) => event },
        },
        APPLY: {
          guard: 'mayStart',
          target: 'downloading',
          actions: { type: 'beginApply', params: ({ event }) => event },
        },
        ROLLBACK: {
          guard: 'mayStart',
          target: 'rollingBack',
          actions: { type: 'beginRollback', params: ({ event }) => event },
        },
        RESUME: [
          { guard: 'owesQuarantine', target: 'rolledBack', actions: 'resume' },
          { target: 'idle', reenter: true, actions: 'resume' },
        ],
      },
    },
    checking: {
      description:
        'Fetches and verifies the channel head, and decides whether it names something to install here.',
      invoke: {
        id: 'check',
        src: 'check',
        input: ({ context }) => ({ attempt: need(context.attempt, 'attempt') }),
        onDone: [
          {
            guard: { type: 'releaseFound', params: ({ event }) => ({ checked: event.output }) },
            target: 'downloading',
            actions: { type: 'accept', params: ({ event }) => ({ checked: event.output }) },
          },
          {
            target: 'idle',
            actions: { type: 'endByFinding', params: ({ event }) => ({ checked: event.output }) },
          },
        ],
        onError: giveUp('checking'),
      },
    },
    downloading: {
      description: 'Brings the bundle to a private temporary file; a local bundle is copied there too.',
      invoke: {
        id: 'download',
        src: 'download',
        input: ({ context }) => ({
          attempt: need(context.attempt, 'attempt'),
          offer: need(context.offer, 'offer'),
        }),
        onDone: {
          target: 'verifying',
          actions: assign(({ event }) => ({ downloaded: event.output })),
        },
        onError: giveUp('downloading'),
      },
    },
    verifying: {
      description:
        'The signature first, over the raw bytes; then the manifest and every file’s size and SHA-256.',
      invoke: {
        id: 'verify',
        src: 'verify',
        input: ({ context }) => ({
          attempt: need(context.attempt, 'attempt'),
          offer: need(context.offer, 'offer'),
          downloaded: need(context.downloaded, 'downloaded bundle'),
        }),
        onDone: [
          {
            guard: { type: 'runsAlready', params: ({ event }) => ({ verified: event.output }) },
            target: 'idle',
            actions: { type: 'endAsRunning', params: ({ event }) => ({ verified: event.output }) },
          },
          {
            target: 'staging',
            actions: assign(({ event }) => ({ verified: event.output, release: event.output.release })),
          },
        ],
        onError: giveUp('verifying'),
      },
    },
    staging: {
      description:
        'Makes a complete version beside the current one, durably, and checks that it can execute.',
      invoke: {
        id: 'stage',
        src: 'stage',
        input: ({ context }) => ({
          attempt: need(context.attempt, 'attempt'),
          downloaded: need(context.downloaded, 'downloaded bundle'),
          verified: need(context.verified, 'verified bundle'),
        }),
        onDone: 'waiting',
        onError: giveUp('staging'),
      },
    },
    waiting: {
      description: 'The gate; then a last look at the head, the quarantine and the files on disk.',
      invoke: {
        id: 'gate',
        src: 'gate',
        input: ({ context }) => ({
          attempt: need(context.attempt, 'attempt'),
          offer: need(context.offer, 'offer'),
          release: need(context.release, 'release'),
        }),
        onDone: [
          {
            guard: { type: 'mayGo', params: ({ event }) => ({ passed: event.output }) },
            target: 'swapping',
            actions: { type: 'planSwap', params: ({ event }) => ({ passed: event.output }) },
          },
          {
            target: 'idle',
            actions: { type: 'endByGate', params: ({ event }) => ({ passed: event.output }) },
          },
        ],
        onError: giveUp('waiting'),
      },
    },
    swapping: {
      description:
        'Stops the old version, sees that nobody answers any more, points `current`, starts the new one.',
      invoke: {
        id: 'swap',
        src: 'swap',
        input: ({ context }) => ({
          attempt: need(context.attempt, 'attempt'),
          plan: need(context.plan, 'plan'),
        }),
        onDone: { target: 'probing', actions: assign(({ event }) => ({ pid: event.output.pid })) },
        onError: goBack,
      },
    },
    probing: {
      description: 'Polls the health of the new version until it is good or the rollback timeout ends.',
      invoke: {
        id: 'probe',
        src: 'probe',
        input: ({ context }) => ({
          attempt: need(context.attempt, 'attempt'),
          plan: need(context.plan, 'plan'),
          pid: need(context.pid, 'pid'),
        }),
        onDone: { target: 'committed', actions: assign(({ event }) => ({ evidence: event.output })) },
        onError: goBack,
      },
    },
    committed: {
      description: 'Records the new version, prunes old ones, frees the gate.',
      invoke: {
        id: 'commit',
        src: 'commit',
        input: ({ context }) => ({
          attempt: need(context.attempt, 'attempt'),
          plan: need(context.plan, 'plan'),
          evidence: need(context.evidence, 'evidence'),
        }),
        onDone: {
          target: 'idle',
          actions: [assign(({ event }) => ({ watch: event.output })), 'endCommitted'],
        },
        onError: giveUp('committed'),
      },
    },
    rollingBack: {
      description: 'Ends the new version, points back, starts and probes the version before.',
      invoke: {
        id: 'rollback',
        src: 'rollback',
        input: ({ context }) => ({
          attempt: need(context.attempt, 'attempt'),
          plan: need(context.plan, 'plan'),
          verdict: need(context.verdict, 'verdict'),
        }),
        onDone: 'rolledBack',
        onError: {
          target: 'failed',
          actions: { type: 'announceFailure', params: (args) => ({ error: thrown(args) }) },
        },
      },
    },
    rolledBack: {
      description: 'Quarantines the release if it failed by its own doing, with the evidence.',
      invoke: {
        id: 'quarantine',
        src: 'quarantine',
        input: ({ context }) => ({
          attempt: need(context.attempt, 'attempt'),
          plan: need(context.plan, 'plan'),
          verdict: need(context.verdict, 'verdict'),
        }),
        onDone: { target: 'idle', actions: 'endRolledBack' },
        onError: {
          target: 'idle',
          actions: [{ type: 'pause', params: (args) => ({ error: thrown(args) }) }, 'endOwingQuarantine'],
        },
      },
    },
    failed: {
      description: 'A rollback failed. The supervisor keeps trying the version before; a person is needed.',
      on: {
        RETRY: [
          { guard: 'hasPlan', target: 'rollingBack', actions: 'forgetEnded' },
          { target: 'recovering' },
        ],
      },
    },
  },
});
