import { describe, expect, it } from 'vitest';
import { createActor } from 'xstate';
import { updateMachine } from '../../src/machines/update.machine.ts';
import type { UpdateEvent } from '../../src/machines/update.types.ts';
import type { StateName, Watch } from '../../src/types.ts';
import { transitionName, transitionsOf } from './chart.ts';
import { settle } from './scripted.ts';
import {
  error,
  failedToRecover,
  FOUND,
  FOUND_DELTA,
  HALF_DONE,
  handingOverAfterCommit,
  harness,
  NOTHING_LEFT,
  owing,
  watching,
  type Harness,
} from './update.harness.ts';
import {
  attempt,
  DOWNLOADED,
  ended,
  EVIDENCE,
  NEW,
  OFFER,
  OLD,
  PLAN,
  RECORD,
  RELEASE,
  stored,
  SUCCESSOR,
  VERDICT,
  VERIFIED,
  WATCH,
} from './values.ts';

const NO_ATTEMPT = {
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
};
const TO = { origin: 'store', ...RELEASE };
const asked = attempt({ id: 'a-2', trigger: 'check' });
const OPERATORS = {
  error: { code: 'ROLLED_BACK_BY_OPERATOR', message: 'asked' },
  evidence: [],
  interruptions: 0,
} as const;
const PAUSED = { code: 'UPDATES_PAUSED', message: 'a freeze' } as const;
const EVENTS: Record<UpdateEvent['type'], UpdateEvent> = {
  CHECK: { type: 'CHECK', attempt: asked },
  APPLY: { type: 'APPLY', attempt: asked, path: '/tmp/x.jws' },
  ROLLBACK: { type: 'ROLLBACK', attempt: asked, plan: PLAN, verdict: OPERATORS },
  PAUSE: { type: 'PAUSE', error: PAUSED },
  RESUME: { type: 'RESUME' },
  RETRY: { type: 'RETRY' },
};

/** Every transition of the chart: how a machine gets there, what is said, what is true afterwards. */
interface Case {
  readonly transition: string;
  readonly title: string;
  readonly given: () => Promise<Harness>;
  readonly when: (h: Harness) => Promise<void>;
  readonly then: StateName;
  readonly context?: object;
  /** The input of the service that the next state asks, and which one. */
  readonly asks?: readonly [Parameters<Harness['inputs']>[0], unknown];
}

/** What is left of the offer of a delta; the history will say why. */
const withoutDelta = (code: string) => ({
  ...OFFER,
  note: `the delta from 1.0.0 could not be used (${code}: it went wrong); took the full bundle`,
});

const at = (state: StateName) => () => harness().reach(state);

const CASES: readonly Case[] = [
  // -- recovering -------------------------------------------------------------------------------------------
  {
    transition: 'recovering recover.done 0',
    title: 'an orderly stop in probing goes on probing',
    given: at('recovering'),
    when: (h) =>
      h.say('recover', {
        next: 'probing',
        attempt: attempt(),
        plan: PLAN,
        pid: 9,
        watch: WATCH,
        paused: null,
      }),
    then: 'probing',
    context: {
      ...NO_ATTEMPT,
      attempt: attempt(),
      plan: PLAN,
      pid: 9,
      watch: WATCH,
      ended: null,
      paused: null,
    },
    asks: ['probe', { attempt: attempt(), plan: PLAN, pid: 9 }],
  },
  {
    transition: 'recovering recover.done 1',
    title: 'a daemon that was handed over to says so',
    given: at('recovering'),
    when: (h) =>
      h.say('recover', {
        next: 'handingOver',
        attempt: attempt(),
        plan: PLAN,
        successor: SUCCESSOR,
        afterCommit: true,
        watch: WATCH,
        paused: null,
      }),
    then: 'handingOver',
    context: {
      ...NO_ATTEMPT,
      attempt: attempt(),
      plan: PLAN,
      successor: SUCCESSOR,
      afterCommit: true,
      watch: WATCH,
      ended: null,
      paused: null,
    },
    asks: ['handOver', { attempt: attempt(), plan: PLAN, successor: SUCCESSOR, afterCommit: true }],
  },
  {
    transition: 'recovering recover.done 2',
    title: 'a half-done swap goes back',
    given: at('recovering'),
    when: (h) => h.say('recover', { ...HALF_DONE, watch: WATCH }),
    then: 'rollingBack',
    context: { attempt: attempt(), plan: PLAN, verdict: VERDICT, watch: WATCH, ended: null, paused: null },
    asks: ['rollback', { attempt: attempt(), plan: PLAN, verdict: VERDICT }],
  },
  {
    transition: 'recovering recover.done 3',
    title: 'whatever else was under way is ended',
    given: at('recovering'),
    when: (h) => h.say('recover', { next: 'idle', ended: ended(), watch: WATCH, paused: RECORD }),
    then: 'idle',
    context: { ...NO_ATTEMPT, ended: ended(), watch: WATCH, paused: RECORD },
    asks: ['schedule', { ended: ended(), watch: WATCH, paused: RECORD }],
  },
  {
    transition: 'recovering recover.error 0',
    title: 'what cannot be recovered is loud, and says why',
    given: at('recovering'),
    when: (h) => h.say('recover', error('STATE_DIR_UNUSABLE', 'read-only')),
    then: 'failed',
    context: { plan: null, paused: { code: 'STATE_DIR_UNUSABLE', message: 'read-only' }, ended: null },
  },
  // -- idle -------------------------------------------------------------------------------------------------
  {
    transition: 'idle CHECK 0',
    title: 'CHECK begins an attempt',
    given: at('idle'),
    when: (h) => h.send(EVENTS.CHECK),
    then: 'checking',
    context: { ...NO_ATTEMPT, attempt: asked },
    asks: ['check', { attempt: asked }],
  },
  {
    transition: 'idle APPLY 0',
    title: 'APPLY brings in a local bundle without a check',
    given: at('idle'),
    when: (h) => h.send(EVENTS.APPLY),
    then: 'downloading',
    context: {
      ...NO_ATTEMPT,
      attempt: asked,
      offer: { source: { kind: 'file', path: '/tmp/x.jws' }, release: null, channel: null },
    },
    asks: [
      'download',
      {
        attempt: asked,
        offer: { source: { kind: 'file', path: '/tmp/x.jws' }, release: null, channel: null },
      },
    ],
  },
  {
    transition: 'idle ROLLBACK 0',
    title: 'ROLLBACK goes back, and ends the watch of the version that goes',
    given: watching,
    when: (h) => h.send(EVENTS.ROLLBACK),
    then: 'rollingBack',
    context: { ...NO_ATTEMPT, attempt: asked, plan: PLAN, verdict: OPERATORS, watch: null },
    asks: ['rollback', { attempt: asked, plan: PLAN, verdict: OPERATORS }],
  },
  {
    transition: 'idle PAUSE 0',
    title: 'PAUSE enters idle anew, so that no check is set',
    given: at('idle'),
    when: (h) => h.send(EVENTS.PAUSE),
    then: 'idle',
    context: { ...NO_ATTEMPT, paused: PAUSED, held: PAUSED },
    asks: ['schedule', { ended: null, paused: PAUSED, watch: null }],
  },
  ...(['checking', 'downloading', 'verifying', 'staging', 'waiting'] as const).map((state): Case => ({
    transition: `${state} PAUSE 0`,
    title: 'PAUSE puts off what has not touched the workload',
    given: at(state),
    when: (h) => h.send(EVENTS.PAUSE),
    then: 'idle',
    context: {
      ...NO_ATTEMPT,
      paused: PAUSED,
      held: PAUSED,
      ended: { attempt: attempt(), outcome: 'deferred', reason: 'a freeze', error: PAUSED, stage: state },
    },
  })),
  {
    transition: '* PAUSE 0',
    title: 'PAUSE is remembered until the attempt is over',
    given: at('swapping'),
    when: (h) => h.send(EVENTS.PAUSE),
    then: 'swapping',
    context: { attempt: attempt(), paused: PAUSED, held: PAUSED },
  },
  {
    transition: '* RESUME 0',
    title: 'RESUME takes a pause back wherever it comes',
    given: async () => {
      const h = await at('probing')();
      await h.send(EVENTS.PAUSE);
      return h;
    },
    when: (h) => h.send(EVENTS.RESUME),
    then: 'probing',
    context: { attempt: attempt(), paused: null, held: null },
  },
  {
    transition: 'idle RESUME 0',
    title: 'RESUME writes the quarantine that is owed',
    given: owing,
    when: (h) => h.send(EVENTS.RESUME),
    then: 'rolledBack',
    context: { attempt: attempt(), plan: PLAN, verdict: VERDICT, paused: null, ended: null },
    asks: ['quarantine', { attempt: attempt(), plan: PLAN, verdict: VERDICT }],
  },
  {
    transition: 'idle RESUME 1',
    title: 'RESUME lets automatic updates go on',
    given: async () => {
      const h = await at('recovering')();
      await h.say('recover', { next: 'idle', ended: ended(), watch: null, paused: RECORD });
      return h;
    },
    when: (h) => h.send(EVENTS.RESUME),
    then: 'idle',
    context: { ...NO_ATTEMPT, paused: null, ended: null },
    asks: ['schedule', { ended: null, paused: null, watch: null }],
  },
  {
    transition: 'idle schedule.done 0',
    title: 'the next check comes by itself',
    given: at('idle'),
    when: (h) => h.say('schedule', attempt()),
    then: 'checking',
    context: { ...NO_ATTEMPT, attempt: attempt() },
    asks: ['check', { attempt: attempt() }],
  },
  {
    transition: 'idle schedule.error 0',
    title: 'a schedule that fails pauses',
    given: at('idle'),
    when: (h) => h.say('schedule', error('INTERNAL')),
    then: 'idle',
    context: { paused: { code: 'INTERNAL', message: 'it went wrong' } },
  },
  {
    transition: 'idle watch.done 0',
    title: 'a crash loop after a commit goes back',
    given: watching,
    when: (h) => h.say('watch', { saw: 'crashLoop', attempt: asked, plan: PLAN, verdict: VERDICT }),
    then: 'rollingBack',
    context: { ...NO_ATTEMPT, attempt: asked, plan: PLAN, verdict: VERDICT, watch: null },
    asks: ['rollback', { attempt: asked, plan: PLAN, verdict: VERDICT }],
  },
  {
    transition: 'idle watch.done 1',
    title: 'a calm watch enters idle anew, so that the next check is set',
    given: watching,
    when: (h) => h.say('watch', { saw: 'calm' }),
    then: 'idle',
    context: { ...NO_ATTEMPT, watch: null, ended: null },
    asks: ['schedule', { ended: null, paused: null, watch: null }],
  },
  {
    transition: 'idle watch.error 0',
    title: 'a watch that fails pauses, and is not forgotten',
    given: watching,
    when: (h) => h.say('watch', error('JOURNAL_WRITE_FAILED')),
    then: 'idle',
    context: { paused: { code: 'JOURNAL_WRITE_FAILED', message: 'it went wrong' }, watch: WATCH },
  },
  // -- before the swap --------------------------------------------------------------------------------------
  {
    transition: 'checking check.done 0',
    title: 'a release is fetched',
    given: at('checking'),
    when: (h) => h.say('check', FOUND),
    then: 'downloading',
    context: { offer: OFFER, release: RELEASE },
    asks: ['download', { attempt: attempt(), offer: OFFER }],
  },
  {
    transition: 'checking check.done 1',
    title: 'nothing new ends the attempt',
    given: at('checking'),
    when: (h) => h.say('check', { found: 'nothing', reason: '1.0.0 runs here', error: null }),
    then: 'idle',
    context: {
      ...NO_ATTEMPT,
      ended: ended({ outcome: 'nothing', reason: '1.0.0 runs here', error: null, stage: 'checking' }),
    },
  },
  {
    transition: 'checking check.error 0',
    title: 'a feed that is away ends the attempt',
    given: at('checking'),
    when: (h) => h.say('check', error('FEED_UNREACHABLE', 'no answer')),
    then: 'idle',
    context: {
      ...NO_ATTEMPT,
      ended: ended({
        outcome: 'error',
        reason: 'no answer',
        error: { code: 'FEED_UNREACHABLE', message: 'no answer' },
        stage: 'checking',
      }),
    },
  },
  {
    transition: 'downloading download.done 0',
    title: 'a complete bundle is verified',
    given: at('downloading'),
    when: (h) => h.say('download', DOWNLOADED),
    then: 'verifying',
    context: { downloaded: DOWNLOADED },
    asks: ['verify', { attempt: attempt(), offer: OFFER, downloaded: DOWNLOADED }],
  },
  {
    transition: 'downloading download.error 0',
    title: 'a delta that the feed does not have gives way to the full bundle',
    given: async () => {
      const h = await harness().reach('checking');
      await h.say('check', FOUND_DELTA);
      return h;
    },
    when: (h) => h.say('download', error('FEED_REFUSED')),
    then: 'downloading',
    context: { offer: withoutDelta('FEED_REFUSED'), downloaded: null },
    asks: ['download', { attempt: attempt(), offer: withoutDelta('FEED_REFUSED') }],
  },
  {
    transition: 'verifying verify.error 0',
    title: 'a delta that does not give its release gives way to the full bundle',
    given: async () => {
      const h = await harness().reach('checking');
      await h.say('check', FOUND_DELTA);
      await h.say('download', DOWNLOADED);
      return h;
    },
    when: (h) => h.say('verify', error('DELTA_FAILED')),
    then: 'downloading',
    context: { offer: withoutDelta('DELTA_FAILED'), downloaded: null },
    asks: ['download', { attempt: attempt(), offer: withoutDelta('DELTA_FAILED') }],
  },
  {
    transition: 'downloading download.error 1',
    title: 'a broken download ends the attempt',
    given: at('downloading'),
    when: (h) => h.say('download', error('DISK_FULL')),
    then: 'idle',
    context: {
      ...NO_ATTEMPT,
      ended: ended({
        outcome: 'error',
        reason: 'it went wrong',
        error: { code: 'DISK_FULL', message: 'it went wrong' },
        stage: 'downloading',
        to: NEW,
      }),
    },
  },
  {
    transition: 'verifying verify.done 0',
    title: 'what runs already is nothing new',
    given: at('verifying'),
    when: (h) => h.say('verify', { ...VERIFIED, unpacked: null }),
    then: 'idle',
    context: {
      ...NO_ATTEMPT,
      ended: ended({
        outcome: 'nothing',
        reason: '1.1.0 runs already',
        error: null,
        stage: 'verifying',
        to: NEW,
      }),
    },
  },
  {
    transition: 'verifying verify.done 1',
    title: 'what is verified is staged',
    given: at('verifying'),
    when: (h) => h.say('verify', VERIFIED),
    then: 'staging',
    context: { verified: VERIFIED, release: RELEASE },
    asks: ['stage', { attempt: attempt(), downloaded: DOWNLOADED, verified: VERIFIED }],
  },
  {
    transition: 'verifying verify.error 1',
    title: 'what is not trusted is refused',
    given: at('verifying'),
    when: (h) => h.say('verify', error('JWS_SIGNATURE_INVALID')),
    then: 'idle',
    context: {
      ...NO_ATTEMPT,
      ended: ended({
        outcome: 'refused',
        reason: 'it went wrong',
        error: { code: 'JWS_SIGNATURE_INVALID', message: 'it went wrong' },
        stage: 'verifying',
        to: NEW,
      }),
    },
  },
  {
    transition: 'staging stage.done 0',
    title: 'a staged version waits at the gate',
    given: at('staging'),
    when: (h) => h.say('stage', RELEASE),
    then: 'waiting',
    asks: ['gate', { attempt: attempt(), offer: OFFER, release: RELEASE }],
  },
  {
    transition: 'staging stage.error 0',
    title: 'what cannot be staged ends the attempt',
    given: at('staging'),
    when: (h) => h.say('stage', error('STAGE_NOT_EXECUTABLE')),
    then: 'idle',
    context: {
      ...NO_ATTEMPT,
      ended: ended({
        outcome: 'error',
        reason: 'it went wrong',
        error: { code: 'STAGE_NOT_EXECUTABLE', message: 'it went wrong' },
        stage: 'staging',
        to: NEW,
      }),
    },
  },
  {
    transition: 'waiting gate.done 0',
    title: 'an open gate lets the swap begin',
    given: at('waiting'),
    when: (h) => h.say('gate', { go: true, plan: PLAN, way: 'swap', successor: null }),
    then: 'swapping',
    context: { plan: PLAN },
    asks: ['swap', { attempt: attempt(), plan: PLAN }],
  },
  {
    transition: 'waiting gate.done 1',
    title: 'an open gate lets the new version run beside the old one',
    given: at('waiting'),
    when: (h) => h.say('gate', { go: true, plan: PLAN, way: 'overlap', successor: null }),
    then: 'overlapping',
    context: { plan: PLAN, successor: null },
    asks: ['overlap', { attempt: attempt(), plan: PLAN }],
  },
  {
    transition: 'waiting gate.done 2',
    title: 'a release with nothing but a daemon leaves the workload alone',
    given: at('waiting'),
    when: (h) => h.say('gate', { go: true, plan: PLAN, way: 'handOver', successor: SUCCESSOR }),
    then: 'handingOver',
    context: { plan: PLAN, successor: SUCCESSOR, afterCommit: false },
    asks: ['handOver', { attempt: attempt(), plan: PLAN, successor: SUCCESSOR, afterCommit: false }],
  },
  {
    transition: 'waiting gate.done 3',
    title: 'a last look that objects defers',
    given: at('waiting'),
    when: (h) => h.say('gate', { go: false, error: { code: 'SUPERSEDED', message: '1.2.0 appeared' } }),
    then: 'idle',
    context: {
      ...NO_ATTEMPT,
      ended: ended({
        outcome: 'deferred',
        reason: '1.2.0 appeared',
        error: { code: 'SUPERSEDED', message: '1.2.0 appeared' },
        stage: 'waiting',
        to: NEW,
      }),
    },
  },
  {
    transition: 'waiting gate.error 0',
    title: 'a closed gate defers',
    given: at('waiting'),
    when: (h) => h.say('gate', error('GATE_CLOSED')),
    then: 'idle',
    context: {
      ...NO_ATTEMPT,
      ended: ended({
        outcome: 'deferred',
        reason: 'it went wrong',
        error: { code: 'GATE_CLOSED', message: 'it went wrong' },
        stage: 'waiting',
        to: NEW,
      }),
    },
  },
  // -- from the swap on -------------------------------------------------------------------------------------
  {
    transition: 'swapping swap.done 0',
    title: 'a started version is probed',
    given: at('swapping'),
    when: (h) => h.say('swap', { pid: 7 }),
    then: 'probing',
    context: { pid: 7 },
    asks: ['probe', { attempt: attempt(), plan: PLAN, pid: 7 }],
  },
  {
    transition: 'swapping swap.error 0',
    title: 'a swap that fails goes back',
    given: at('swapping'),
    when: (h) => h.say('swap', error('PROBE_ADDRESS_TAKEN')),
    then: 'rollingBack',
    context: {
      verdict: {
        error: { code: 'PROBE_ADDRESS_TAKEN', message: 'it went wrong' },
        evidence: ['seen'],
        interruptions: 0,
      },
    },
  },
  {
    transition: 'overlapping overlap.done 0',
    title: 'a version that is healthy beside the old one takes over',
    given: at('overlapping'),
    when: (h) => h.say('overlap', { pid: 7 }),
    then: 'draining',
    context: { pid: 7 },
    asks: ['drain', { attempt: attempt(), plan: PLAN, pid: 7 }],
  },
  {
    transition: 'overlapping overlap.error 0',
    title: 'one that is not goes back, though the old one was never stopped',
    given: at('overlapping'),
    when: (h) => h.say('overlap', error('PROBE_TIMEOUT')),
    then: 'rollingBack',
    context: {
      verdict: {
        error: { code: 'PROBE_TIMEOUT', message: 'it went wrong' },
        evidence: ['seen'],
        interruptions: 0,
      },
    },
    asks: [
      'rollback',
      {
        attempt: attempt(),
        plan: PLAN,
        verdict: {
          error: { code: 'PROBE_TIMEOUT', message: 'it went wrong' },
          evidence: ['seen'],
          interruptions: 0,
        },
      },
    ],
  },
  {
    transition: 'draining drain.done 0',
    title: 'what took over is probed where clients ask',
    given: at('draining'),
    when: (h) => h.say('drain', { drained: null }),
    then: 'probing',
    context: { pid: 7 },
    asks: ['probe', { attempt: attempt(), plan: PLAN, pid: 7 }],
  },
  {
    transition: 'draining drain.error 0',
    title: 'what could not take over goes back',
    given: at('draining'),
    when: (h) => h.say('drain', error('WORKLOAD_STOP_FAILED')),
    then: 'rollingBack',
    context: {
      verdict: {
        error: { code: 'WORKLOAD_STOP_FAILED', message: 'it went wrong' },
        evidence: ['seen'],
        interruptions: 0,
      },
    },
  },
  {
    transition: 'probing probe.done 0',
    title: 'a healthy version is committed',
    given: at('probing'),
    when: (h) => h.say('probe', EVIDENCE),
    then: 'committed',
    context: { evidence: EVIDENCE },
    asks: ['commit', { attempt: attempt(), plan: PLAN, evidence: EVIDENCE }],
  },
  {
    transition: 'probing probe.error 0',
    title: 'an unhealthy version goes back',
    given: at('probing'),
    when: (h) => h.say('probe', error('PROBE_TIMEOUT', 'HTTP 500')),
    then: 'rollingBack',
    context: {
      verdict: {
        error: { code: 'PROBE_TIMEOUT', message: 'HTTP 500' },
        evidence: ['seen'],
        interruptions: 0,
      },
    },
    asks: [
      'rollback',
      {
        attempt: attempt(),
        plan: PLAN,
        verdict: {
          error: { code: 'PROBE_TIMEOUT', message: 'HTTP 500' },
          evidence: ['seen'],
          interruptions: 0,
        },
      },
    ],
  },
  {
    transition: 'committed commit.done 0',
    title: 'a commit of a release with a daemon hands over to it, and does not end the attempt',
    given: async () => {
      const h = await at('waiting')();
      await h.say('gate', { go: true, plan: PLAN, way: 'swap', successor: SUCCESSOR });
      await h.say('swap', { pid: 7 });
      await h.say('probe', EVIDENCE);
      return h;
    },
    when: (h) => h.say('commit', WATCH),
    then: 'handingOver',
    context: {
      attempt: attempt(),
      plan: PLAN,
      successor: SUCCESSOR,
      afterCommit: true,
      watch: WATCH,
      ended: null,
    },
    asks: ['handOver', { attempt: attempt(), plan: PLAN, successor: SUCCESSOR, afterCommit: true }],
  },
  {
    transition: 'committed commit.done 1',
    title: 'a commit ends the attempt and begins the watch',
    given: at('committed'),
    when: (h) => h.say('commit', WATCH),
    then: 'idle',
    context: {
      ...NO_ATTEMPT,
      watch: WATCH,
      ended: ended({
        outcome: 'committed',
        reason: 'HTTP 200',
        error: null,
        stage: 'committed',
        from: OLD,
        to: NEW,
      }),
    },
    asks: ['watch', { watch: WATCH }],
  },
  {
    transition: 'committed commit.error 0',
    title: 'a commit that cannot be written leaves the healthy version, watches it, and says so',
    given: at('committed'),
    when: (h) => h.say('commit', error('COMMIT_FAILED')),
    then: 'idle',
    context: {
      ...NO_ATTEMPT,
      watch: WATCH,
      ended: ended({
        outcome: 'error',
        reason: 'it went wrong',
        error: { code: 'COMMIT_FAILED', message: 'it went wrong' },
        stage: 'committed',
        from: OLD,
        to: NEW,
      }),
    },
  },
  {
    transition: 'handingOver handOver.done 0',
    title: 'a new daemon ends the attempt, and says which it is',
    given: at('handingOver'),
    when: (h) => h.say('handOver', { note: 'the daemon is 1.1.0 now' }),
    then: 'idle',
    context: {
      ...NO_ATTEMPT,
      ended: ended({
        outcome: 'committed',
        reason: 'the daemon is 1.1.0 now',
        error: null,
        stage: 'handingOver',
        from: OLD,
        to: NEW,
      }),
    },
  },
  {
    transition: 'handingOver handOver.error 0',
    title: 'a daemon that failed is judged, and nothing is done to the workload',
    given: at('handingOver'),
    when: (h) => h.say('handOver', error('DAEMON_FAILED')),
    then: 'rolledBack',
    context: {
      daemonFailed: true,
      verdict: {
        error: { code: 'DAEMON_FAILED', message: 'it went wrong' },
        evidence: ['seen'],
        interruptions: 0,
      },
    },
    asks: [
      'quarantine',
      {
        attempt: attempt(),
        plan: PLAN,
        verdict: {
          error: { code: 'DAEMON_FAILED', message: 'it went wrong' },
          evidence: ['seen'],
          interruptions: 0,
        },
        successor: SUCCESSOR,
        afterCommit: false,
      },
    ],
  },
  {
    transition: 'rollingBack rollback.done 0',
    title: 'once the old version is healthy the release is judged',
    given: at('rollingBack'),
    when: (h) => h.say('rollback', EVIDENCE),
    then: 'rolledBack',
    asks: ['quarantine', { attempt: attempt(), plan: PLAN, verdict: VERDICT }],
  },
  {
    transition: 'rollingBack rollback.error 0',
    title: 'a rollback that fails is loud, and keeps the attempt',
    given: at('rollingBack'),
    when: (h) => h.say('rollback', error('ROLLBACK_FAILED')),
    then: 'failed',
    context: {
      attempt: attempt(),
      plan: PLAN,
      verdict: VERDICT,
      ended: ended({
        outcome: 'failed',
        reason: 'it went wrong',
        error: { code: 'ROLLBACK_FAILED', message: 'it went wrong' },
        stage: 'failed',
        from: OLD,
        to: NEW,
      }),
    },
  },
  {
    transition: 'rolledBack quarantine.done 0',
    title: 'the attempt ends as rolled back, with the reason',
    given: at('rolledBack'),
    when: (h) => h.say('quarantine', { quarantined: true }),
    then: 'idle',
    context: {
      ...NO_ATTEMPT,
      paused: null,
      ended: ended({
        outcome: 'rolledBack',
        reason: RECORD.message,
        error: RECORD,
        stage: 'rolledBack',
        from: OLD,
        to: NEW,
      }),
    },
  },
  {
    transition: 'rolledBack quarantine.error 0',
    title: 'a quarantine that cannot be written pauses, and is owed',
    given: at('rolledBack'),
    when: (h) => h.say('quarantine', error('QUARANTINE_FAILED')),
    then: 'idle',
    context: {
      attempt: attempt(),
      plan: PLAN,
      verdict: VERDICT,
      paused: { code: 'QUARANTINE_FAILED', message: 'it went wrong' },
      ended: ended({
        outcome: 'rolledBack',
        reason: RECORD.message,
        error: RECORD,
        stage: 'rolledBack',
        from: OLD,
        to: NEW,
      }),
    },
  },
  {
    transition: 'failed RETRY 0',
    title: 'RETRY runs a failed rollback again',
    given: at('failed'),
    when: (h) => h.send(EVENTS.RETRY),
    then: 'rollingBack',
    context: { attempt: attempt(), plan: PLAN, verdict: VERDICT, ended: null },
    asks: ['rollback', { attempt: attempt(), plan: PLAN, verdict: VERDICT }],
  },
  {
    transition: 'failed RETRY 1',
    title: 'RETRY recovers again when there is nothing to roll back',
    given: failedToRecover,
    when: (h) => h.send(EVENTS.RETRY),
    then: 'recovering',
    asks: ['recover', { watch: null }],
  },
];

describe('every transition', () => {
  it.each(CASES)('$transition: $title', async ({ transition, given, when, then, context, asks }) => {
    const h = await given();
    const before = h.taken.length;
    await when(h);
    expect(h.taken.slice(before)).toEqual([transition]);
    expect(h.state()).toBe(then);
    if (context !== undefined) expect(h.context()).toMatchObject(context);
    if (asks !== undefined) expect(h.inputs(asks[0]).at(-1)).toEqual(asks[1]);
  });

  it('has a case here', () => {
    expect(CASES.map(({ transition }) => transition).sort()).toEqual(
      transitionsOf(updateMachine).map(transitionName).sort(),
    );
  });
});

describe('every event in every state', () => {
  const ACCEPTED: Partial<Record<StateName, Partial<Record<UpdateEvent['type'], StateName>>>> = {
    idle: { CHECK: 'checking', APPLY: 'downloading', ROLLBACK: 'rollingBack', PAUSE: 'idle', RESUME: 'idle' },
    checking: { PAUSE: 'idle' },
    downloading: { PAUSE: 'idle' },
    verifying: { PAUSE: 'idle' },
    staging: { PAUSE: 'idle' },
    waiting: { PAUSE: 'idle' },
    failed: { RETRY: 'rollingBack' },
  };
  const states = Object.keys(updateMachine.states) as StateName[];
  const pairs = states.flatMap((state) =>
    Object.values(EVENTS).map((event) => ({ state, event, type: event.type })),
  );

  it.each(pairs)('$type in $state', async ({ state, event, type }) => {
    const h = await harness().reach(state);
    const [questions, context] = [h.asked.length, h.context()];
    await h.send(event);
    const next = ACCEPTED[state]?.[type];
    if (next === undefined) {
      expect(h.state()).toBe(state);
      expect(h.asked).toHaveLength(questions);
      const wish =
        type === 'PAUSE' ? { held: PAUSED, paused: PAUSED } : type === 'RESUME' ? { held: null } : {};
      expect(h.context()).toEqual({ ...context, ...wish });
    } else expect(h.state()).toBe(next);
  });

  it.each(['CHECK', 'APPLY', 'ROLLBACK'] as const)(
    '%s is not taken while a quarantine is owed',
    async (type) => {
      const h = await owing();
      const context = h.context();
      await h.send(EVENTS[type]);
      expect(h.state()).toBe('idle');
      expect(h.context()).toEqual(context);
    },
  );

  it.each(['CHECK', 'APPLY', 'ROLLBACK'] as const)(
    '%s is taken while updates are paused for another reason',
    async (type) => {
      const h = await at('recovering')();
      await h.say('recover', { ...NOTHING_LEFT, paused: RECORD });
      await h.send(EVENTS[type]);
      expect(h.state()).not.toBe('idle');
      expect(h.context().paused).toEqual(RECORD);
    },
  );
});

describe('the update machine', () => {
  it('goes from finding a release to its commit in the design’s order', async () => {
    const h = await harness().reach('committed');
    await h.say('commit', WATCH);
    expect(h.asked.map(({ step }) => step)).toEqual([
      'recover',
      'schedule',
      'watch',
      'check',
      'download',
      'verify',
      'stage',
      'gate',
      'swap',
      'probe',
      'commit',
      'schedule',
      'watch',
    ]);
  });

  it('only reports a release when asked to report', async () => {
    const h = await at('idle')();
    const report = attempt({ trigger: 'update', mode: 'report' });
    await h.send({ type: 'CHECK', attempt: report });
    await h.say('check', FOUND);
    expect(h.state()).toBe('idle');
    expect(h.context()).toMatchObject({
      ...NO_ATTEMPT,
      ended: { attempt: report, outcome: 'available', reason: '1.1.0 is available', error: null, to: TO },
    });
    expect(h.inputs('download')).toEqual([]);
  });

  it('keeps why a release is held back', async () => {
    const h = await at('checking')();
    await h.say('check', {
      found: 'nothing',
      reason: 'it failed here',
      error: { code: 'RELEASE_QUARANTINED', message: 'it failed here' },
    });
    expect(h.context().ended).toMatchObject({ outcome: 'nothing', error: { code: 'RELEASE_QUARANTINED' } });
  });

  it('calls an attempt deferred when it was not the daemon’s to decide', async () => {
    const h = await at('checking')();
    await h.say('check', error('MANUAL_CHANNEL'));
    expect(h.context().ended?.outcome).toBe('deferred');
  });

  it('leaves the release of a local bundle open until it is verified', async () => {
    const h = await at('idle')();
    await h.send(EVENTS.APPLY);
    expect(h.context().release).toBeNull();
    await h.say('download', DOWNLOADED);
    await h.say('verify', VERIFIED);
    expect(h.context().release).toEqual(RELEASE);
  });

  it('takes nothing back of a commit whose daemon failed, but tells of it', async () => {
    const h = await handingOverAfterCommit();
    await h.say('handOver', error('DAEMON_FAILED', 'it did not come up'));
    expect(h.inputs('quarantine').at(-1)).toMatchObject({ successor: SUCCESSOR, afterCommit: true });
    await h.say('quarantine', { quarantined: true });
    expect(h.inputs('rollback')).toEqual([]);
    expect(h.context()).toMatchObject({
      ...NO_ATTEMPT,
      watch: WATCH,
      ended: {
        outcome: 'committed',
        stage: 'handingOver',
        reason: 'the daemon stayed as it was: it did not come up',
        error: { code: 'DAEMON_FAILED' },
      },
    });
  });

  it('still owes the quarantine of that daemon, and not of its release, when another attempt begins', async () => {
    const h = await handingOverAfterCommit();
    await h.say('handOver', error('DAEMON_FAILED', 'it did not come up'));
    await h.say('quarantine', error('QUARANTINE_FAILED'));
    expect(h.context().ended).toMatchObject({ outcome: 'committed', stage: 'handingOver' });
    const verdict = { error: RECORD, evidence: [], interruptions: 0 };
    await h.say('watch', { saw: 'crashLoop', attempt: asked, plan: PLAN, verdict });
    expect(h.context().owed).toMatchObject([
      { attempt: attempt(), plan: PLAN, successor: SUCCESSOR, afterCommit: true },
    ]);
  });

  it('keeps watching where the watch saw nothing', async () => {
    const h = await watching();
    const taken = h.taken.length;
    await h.say('watch', { saw: 'nothing' });
    expect(h.taken).toHaveLength(taken);
    expect(h.context().watch).toEqual(WATCH);
  });

  it('ends the schedule when idle is left by another way', async () => {
    const h = await at('idle')();
    await h.send(EVENTS.CHECK);
    expect(
      h.asked
        .filter(({ step }) => step === 'schedule' || step === 'watch')
        .map(({ signal }) => signal.aborted),
    ).toEqual([true, true]);
  });

  it('goes on watching the version before when an update to a newer one is rolled back', async () => {
    const newer: Watch = { version: stored('1.2.0', 'e'), previous: NEW };
    const h = await at('recovering')();
    await h.say('recover', { ...HALF_DONE, plan: { from: NEW, to: newer.version }, watch: WATCH });
    await h.say('rollback', EVIDENCE);
    await h.say('quarantine', { quarantined: true });
    expect(h.inputs('watch')).toEqual([{ watch: WATCH }]);
  });

  it('owes a quarantine until it is written', async () => {
    const h = await owing();
    await h.send(EVENTS.RESUME);
    await h.say('quarantine', error('QUARANTINE_FAILED', 'still full'));
    expect(h.context()).toMatchObject({
      verdict: VERDICT,
      paused: { message: 'still full' },
      ended: { outcome: 'rolledBack' },
    });
    await h.send(EVENTS.RESUME);
    await h.say('quarantine', { quarantined: true });
    expect(h.context()).toMatchObject({ ...NO_ATTEMPT, paused: null, ended: { outcome: 'rolledBack' } });
    await h.send(EVENTS.CHECK);
    expect(h.state()).toBe('checking');
  });

  it('keeps what is owed when a crash loop leads back meanwhile, and writes both', async () => {
    const older = stored('0.9.0', 'f');
    const h = await at('recovering')();
    await h.say('recover', { ...HALF_DONE, watch: { version: OLD, previous: older } });
    await h.say('rollback', EVIDENCE);
    await h.say('quarantine', error('QUARANTINE_FAILED', 'full'));
    const owed = [{ attempt: attempt(), plan: PLAN, verdict: VERDICT }];
    const looped = { attempt: attempt({ id: 'a-9' }), plan: { from: older, to: OLD }, verdict: VERDICT };
    await h.say('watch', { saw: 'crashLoop', ...looped });
    expect(h.inputs('rollback').at(-1)).toEqual({ ...looped, owed });
    await h.say('rollback', EVIDENCE);
    expect(h.inputs('quarantine').at(-1)).toEqual({ ...looped, owed });
    await h.say('quarantine', { quarantined: true });
    expect(h.context()).toMatchObject({ ...NO_ATTEMPT, owed: [], paused: null });
    expect(h.context().ended).toMatchObject({ attempt: { id: 'a-9' }, outcome: 'rolledBack' });
  });

  it('retries a rollback until it works, as one attempt', async () => {
    const h = await at('failed')();
    await h.send(EVENTS.RETRY);
    await h.say('rollback', error('ROLLBACK_FAILED', 'again'));
    expect(h.context().ended).toMatchObject({ outcome: 'failed', reason: 'again' });
    await h.send(EVENTS.RETRY);
    await h.say('rollback', EVIDENCE);
    await h.say('quarantine', { quarantined: true });
    expect(h.context().ended).toMatchObject({ attempt: attempt(), outcome: 'rolledBack', error: RECORD });
  });

  it.each([
    ['idle', NOTHING_LEFT],
    ['probing', { next: 'probing', attempt: attempt(), plan: PLAN, pid: 9, watch: null, paused: null }],
    ['rollingBack', HALF_DONE],
  ] as const)('is no longer paused by a failed start-up once RETRY leads to %s', async (state, recovered) => {
    const h = await failedToRecover();
    await h.send(EVENTS.RETRY);
    await h.say('recover', recovered);
    expect(h.state()).toBe(state);
    expect(h.context().paused).toBeNull();
  });

  it('never lets a service that was not provided pass for a done one', async () => {
    const actor = createActor(updateMachine);
    const faults: unknown[] = [];
    actor.subscribe({ error: (fault) => faults.push(fault) });
    actor.start();
    await settle();
    expect(actor.getSnapshot().matches('idle')).toBe(false);
    expect(faults).toHaveLength(1);
  });
});
