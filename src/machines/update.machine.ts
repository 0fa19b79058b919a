/**
 * The update lifecycle as a statechart. Pure: no I/O, no time, no logger; every effect is a service that a state invokes.
 *
 * Invariants that this file keeps:
 * - Nothing touches the running workload before `swapping`, `overlapping` or `handingOver`: every failure before it leads to `idle`.
 * - From `swapping` or `overlapping` on, the only ways out are `committed` and `rollingBack`.
 * - `handingOver` never touches the workload: only the daemon is replaced, or stays.
 * - `rollingBack` ends in `rolledBack` or, loudly, in `failed`.
 * - An operator's pause ends what has not touched the workload, and never what has.
 * - An attempt ends on the way into `idle`, as `context.ended`; `schedule` is given it, and so the journal.
 */
import { assign } from 'xstate';
import type { ErrorRecord, UpdateError } from '../errors.ts';
import type { StateName } from '../types.ts';
import { rejects } from './update.errors.ts';
import { failedDaemon, need, NO_ATTEMPT, owing, updateSetup } from './update.setup.ts';

/** Services reject only with `UpdateError`: the one door of the services sees to it. */
const thrown = ({ event }: { event: { error: unknown } }): UpdateError => event.error as UpdateError;

/** An `onError` that ends the attempt without having touched the workload. */
const giveUp = (stage: StateName) =>
  ({
    target: 'idle',
    actions: {
      type: 'endByError',
      params: (args: { event: { error: unknown } }) => ({ stage, error: thrown(args) }),
    },
  }) as const;

/** An `onError` of a step with a delta: the full bundle of the same release, in the same attempt, if there is one. */
const takeFull = {
  guard: {
    type: 'mayTakeFull',
    params: (args: { event: { error: unknown } }) => ({ error: thrown(args) }),
  },
  target: 'downloading',
  reenter: true,
  actions: { type: 'takeFull', params: (args: { event: { error: unknown } }) => ({ error: thrown(args) }) },
} as const;

/** An operator's pause, remembered. */
const holdBack = {
  type: 'holdBack',
  params: ({ event }: { event: { error: ErrorRecord } }) => ({ error: event.error }),
} as const;

/** An operator's pause before the workload was touched: the attempt is put off. */
const putOff = (stage: StateName) =>
  ({
    PAUSE: {
      target: 'idle',
      actions: [
        holdBack,
        {
          type: 'endByPause',
          params: ({ event }: { event: { error: ErrorRecord } }) => ({ stage, error: event.error }),
        },
      ],
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
export const updateMachine = updateSetup.createMachine({
  id: 'update',
  description: 'The life of one update, from finding a release to its commit or rollback.',
  context: { ...NO_ATTEMPT, owed: [], ended: null, watch: null, paused: null, held: 'unread' },
  initial: 'recovering',
  // Wherever a state does not say otherwise: what an operator wishes is remembered, and counts once the attempt is over.
  on: { PAUSE: { actions: holdBack }, RESUME: { actions: 'letGo' } },
  states: {
    recovering: {
      description:
        'Start-up: reads the journal and the version store, repairs what was interrupted, starts the workload.',
      meta: rejects('recover'),
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
            guard: { type: 'handsOver', params: ({ event }) => ({ recovered: event.output }) },
            target: 'handingOver',
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
      meta: rejects('schedule', 'watch'),
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
        PAUSE: { target: 'idle', reenter: true, actions: holdBack },
        RESUME: [
          { guard: 'owesQuarantine', target: 'rolledBack', actions: 'resume' },
          { target: 'idle', reenter: true, actions: 'resume' },
        ],
      },
    },
    checking: {
      description:
        'Fetches and verifies the channel head, and decides whether it names something to install here.',
      meta: rejects('check'),
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
      on: putOff('checking'),
    },
    downloading: {
      description: 'Brings the bundle to a private temporary file; a local bundle is copied there too.',
      meta: rejects('download'),
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
        onError: [takeFull, giveUp('downloading')],
      },
      on: putOff('downloading'),
    },
    verifying: {
      description:
        'The signature first, over the raw bytes; then the manifest and every file’s size and SHA-256.',
      meta: rejects('verify'),
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
        onError: [takeFull, giveUp('verifying')],
      },
      on: putOff('verifying'),
    },
    staging: {
      description:
        'Makes a complete version beside the current one, durably, and checks that it can execute.',
      meta: rejects('stage'),
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
      on: putOff('staging'),
    },
    waiting: {
      description: 'The gate; then a last look at the head, the quarantine and the files on disk.',
      meta: rejects('gate'),
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
            guard: { type: 'maySwap', params: ({ event }) => ({ passed: event.output }) },
            target: 'swapping',
            actions: { type: 'planSwap', params: ({ event }) => ({ passed: event.output }) },
          },
          {
            guard: { type: 'mayOverlap', params: ({ event }) => ({ passed: event.output }) },
            target: 'overlapping',
            actions: { type: 'planSwap', params: ({ event }) => ({ passed: event.output }) },
          },
          {
            guard: { type: 'mayHandOver', params: ({ event }) => ({ passed: event.output }) },
            target: 'handingOver',
            actions: { type: 'planSwap', params: ({ event }) => ({ passed: event.output }) },
          },
          {
            target: 'idle',
            actions: { type: 'endByGate', params: ({ event }) => ({ passed: event.output }) },
          },
        ],
        onError: giveUp('waiting'),
      },
      on: putOff('waiting'),
    },
    swapping: {
      description:
        'Stops the old version, sees that nobody answers any more, points `current`, starts the new one.',
      meta: rejects('swap'),
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
    overlapping: {
      description:
        'Starts the new version beside the old one, on the same sockets, and probes it at an address of its own.',
      meta: rejects('overlap'),
      invoke: {
        id: 'overlap',
        src: 'overlap',
        input: ({ context }) => ({
          attempt: need(context.attempt, 'attempt'),
          plan: need(context.plan, 'plan'),
        }),
        onDone: { target: 'draining', actions: assign(({ event }) => ({ pid: event.output.pid })) },
        onError: goBack,
      },
    },
    draining: {
      description: 'The new version is healthy: points `current` at it, drains the old one and stops it.',
      meta: rejects('drain'),
      invoke: {
        id: 'drain',
        src: 'drain',
        input: ({ context }) => ({
          attempt: need(context.attempt, 'attempt'),
          plan: need(context.plan, 'plan'),
          pid: need(context.pid, 'pid'),
        }),
        onDone: 'probing',
        onError: goBack,
      },
    },
    probing: {
      description: 'Polls the health of the new version until it is good or the rollback timeout ends.',
      meta: rejects('probe'),
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
      meta: rejects('commit'),
      invoke: {
        id: 'commit',
        src: 'commit',
        input: ({ context }) => ({
          attempt: need(context.attempt, 'attempt'),
          plan: need(context.plan, 'plan'),
          evidence: need(context.evidence, 'evidence'),
        }),
        onDone: [
          {
            guard: 'hasSuccessor',
            target: 'handingOver',
            actions: assign(({ event }) => ({ watch: event.output, afterCommit: true })),
          },
          {
            target: 'idle',
            actions: [assign(({ event }) => ({ watch: event.output })), 'endCommitted'],
          },
        ],
        // It runs and is healthy all the same: it is watched, and what was watched before runs no more.
        onError: {
          target: 'idle',
          actions: ['watchUnrecorded', giveUp('committed').actions],
        },
      },
    },
    handingOver: {
      description:
        'The daemon gives way to the one in the release: validates it and becomes it. The new one acknowledges here.',
      meta: rejects('handOver'),
      invoke: {
        id: 'handOver',
        src: 'handOver',
        input: ({ context }) => ({
          attempt: need(context.attempt, 'attempt'),
          plan: need(context.plan, 'plan'),
          successor: need(context.successor, 'successor'),
          afterCommit: context.afterCommit,
        }),
        onDone: {
          target: 'idle',
          actions: { type: 'endHandedOver', params: ({ event }) => event.output },
        },
        // The workload is not touched: there is only the daemon to go back from, and the old one runs.
        onError: {
          target: 'rolledBack',
          actions: { type: 'condemnDaemon', params: (args) => ({ error: thrown(args) }) },
        },
      },
    },
    rollingBack: {
      description: 'Ends the new version, points back, starts and probes the version before.',
      meta: rejects('rollback'),
      invoke: {
        id: 'rollback',
        src: 'rollback',
        input: ({ context }) => ({
          attempt: need(context.attempt, 'attempt'),
          plan: need(context.plan, 'plan'),
          verdict: need(context.verdict, 'verdict'),
          ...owing(context),
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
      meta: rejects('quarantine'),
      invoke: {
        id: 'quarantine',
        src: 'quarantine',
        input: ({ context }) => ({
          attempt: need(context.attempt, 'attempt'),
          plan: need(context.plan, 'plan'),
          verdict: need(context.verdict, 'verdict'),
          ...owing(context),
          ...failedDaemon(context),
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
