/**
 * What the generator has to be told of the update machine: samples of what its services give back and of what the outside
 * says. They are the only hand-made part of the plans. A step or an event without a sample does not compile; a guard that no
 * sample makes true, or false, is a `PlanGapError`.
 */
import { ERROR_CODES, type ErrorCode } from '../../error-codes.ts';
import { updateMachine } from '../../machines/update.machine.ts';
import type { UpdateContext, UpdateEvent } from '../../machines/update.types.ts';
import type { StepName, Steps, Verdict } from '../../steps.ts';
import type { EventSamples, Facts, PlanSubject, Samples } from './subject.ts';
import {
  ATTEMPTS,
  DOWNLOADED,
  EVIDENCE,
  LOCAL_PATH,
  OFFERS,
  PLAN,
  RELEASE,
  SUCCESSOR,
  VERDICTS,
  VERIFIED,
  WATCH,
} from './update-values.ts';

/** Whether a release that was gone back from is recorded; the rule itself is `deservesQuarantine` in `src/services`. */
const deserves = ({ error: { code }, interruptions }: Verdict): boolean =>
  ERROR_CODES[code].blames === 'release' || code === 'ROLLED_BACK_BY_OPERATOR' || interruptions >= 2;

/** What each service gives back, a sample a case. */
export const UPDATE_SAMPLES: Samples<Steps> = {
  recover: [
    {
      name: 'nothingLeft',
      inject: 'the daemon starts; no attempt was under way, and what is current is committed',
      output: { next: 'idle', ended: null, watch: null, paused: null },
    },
    {
      name: 'interrupted',
      inject: 'the daemon starts; an attempt was interrupted before it touched the workload',
      rare: true,
      output: {
        next: 'idle',
        ended: {
          attempt: ATTEMPTS.schedule,
          outcome: 'interrupted',
          reason: 'the daemon or the host stopped in downloading',
          error: { code: 'ATTEMPT_INTERRUPTED', message: 'the daemon or the host stopped in downloading' },
          stage: 'downloading',
          from: null,
          to: null,
        },
        watch: null,
        paused: null,
      },
    },
    {
      name: 'watched',
      inject: 'the daemon starts; nothing was under way, and the watch of the current version is not over',
      rare: true,
      output: { next: 'idle', ended: null, watch: WATCH, paused: null },
    },
    {
      name: 'stillHealthy',
      inject: 'the daemon starts; it was stopped in good order while the new version was probed',
      rare: true,
      output: {
        next: 'probing',
        attempt: ATTEMPTS.schedule,
        plan: PLAN,
        pid: 4712,
        watch: null,
        paused: null,
      },
    },
    {
      name: 'halfDone',
      inject: 'the daemon starts; the host or the daemon went down after the swap began',
      rare: true,
      output: {
        next: 'rollingBack',
        attempt: ATTEMPTS.schedule,
        plan: PLAN,
        verdict: VERDICTS.interrupted,
        watch: null,
        paused: null,
      },
    },
    {
      name: 'handsOver',
      inject: 'the daemon starts; it is the one of a release that was handed over to, and has yet to say so',
      rare: true,
      output: {
        next: 'handingOver',
        attempt: ATTEMPTS.schedule,
        plan: PLAN,
        successor: SUCCESSOR,
        afterCommit: true,
        watch: null,
        paused: null,
      },
    },
  ],
  schedule: [
    {
      name: 'due',
      inject: 'the check interval is over',
      // While it is paused or watched, no check is due.
      when: ({ paused, watch }) => paused === null && watch === null,
      output: ATTEMPTS.schedule,
    },
  ],
  watch: [
    {
      name: 'nothing',
      inject: 'no version is watched',
      when: ({ watch }) => watch === null,
      output: { saw: 'nothing' },
    },
    {
      name: 'calm',
      inject: 'the watch is over, and the version did not crash again and again',
      when: ({ watch }) => watch !== null,
      output: { saw: 'calm' },
    },
    {
      name: 'crashLoops',
      inject: 'the committed version crashes again and again while it is watched',
      when: ({ watch }) => watch !== null,
      output: {
        saw: 'crashLoop',
        attempt: ATTEMPTS.watch,
        plan: PLAN,
        verdict: VERDICTS.crashLoop,
      },
    },
  ],
  check: [
    {
      name: 'releaseFound',
      inject: 'the head names a newer release, as a full bundle',
      output: { found: 'release', offer: OFFERS.full, release: RELEASE, note: '1.1.0 is available' },
    },
    {
      name: 'delta',
      inject: 'the head names a newer release, as a delta and as a full bundle',
      rare: true,
      output: { found: 'release', offer: OFFERS.delta, release: RELEASE, note: '1.1.0 is available' },
    },
    {
      name: 'nothing',
      inject: 'the head names nothing newer than what runs',
      output: { found: 'nothing', reason: '1.0.0, the newest on stable, runs here', error: null },
    },
    {
      name: 'objected',
      inject: 'the head names a release that is held back, quarantined, blocked or refused before',
      output: {
        found: 'nothing',
        reason: '1.1.0 failed here',
        error: { code: 'RELEASE_QUARANTINED', message: '1.1.0 failed here' },
      },
    },
  ],
  download: [{ name: 'whole', inject: 'all bytes of the bundle arrive', output: DOWNLOADED }],
  verify: [
    { name: 'genuine', inject: 'signature, manifest and every checksum are right', output: VERIFIED },
    {
      name: 'runsAlready',
      inject: 'the bundle is genuine, and is the very release that runs',
      output: { ...VERIFIED, unpacked: null },
    },
  ],
  stage: [{ name: 'staged', inject: 'the version is complete on disk', output: RELEASE }],
  gate: [
    {
      name: 'maySwap',
      inject: 'the gate is open, and the last look finds nothing against it',
      output: { go: true, plan: PLAN, way: 'swap', successor: null },
    },
    {
      name: 'withDaemon',
      inject: 'the same, and the release carries a daemon that is another than the one that runs',
      rare: true,
      output: { go: true, plan: PLAN, way: 'swap', successor: SUCCESSOR },
    },
    {
      name: 'mayOverlap',
      inject: 'the same as `maySwap`, with `workload.swap: overlap`',
      rare: true,
      output: { go: true, plan: PLAN, way: 'overlap', successor: null },
    },
    {
      name: 'mayHandOver',
      inject: 'the gate is open, and the release carries nothing but another daemon',
      rare: true,
      output: { go: true, plan: PLAN, way: 'handOver', successor: SUCCESSOR },
    },
    {
      name: 'superseded',
      inject: 'the last look finds a newer release in the head',
      // For a file, no head is asked.
      when: ({ offer }) => offer.channel !== null,
      output: { go: false, error: { code: 'SUPERSEDED', message: '1.2.0 appeared while 1.1.0 waited' } },
    },
  ],
  swap: [{ name: 'started', inject: 'the old version stops, the new one starts', output: { pid: 4711 } }],
  overlap: [
    { name: 'healthyBeside', inject: 'the new version is healthy beside the old one', output: { pid: 4711 } },
  ],
  drain: [{ name: 'relieved', inject: 'the old version is drained and stopped', output: { drained: null } }],
  handOver: [
    {
      name: 'handedOver',
      inject: 'the new daemon acknowledges',
      output: { note: 'the daemon is 1.1.0 now' },
    },
  ],
  probe: [{ name: 'healthy', inject: 'the new version is healthy in time', output: EVIDENCE }],
  commit: [{ name: 'marked', inject: 'the new version is marked as committed', output: WATCH }],
  rollback: [{ name: 'healthyAgain', inject: 'the version before is healthy again', output: EVIDENCE }],
  quarantine: [
    {
      name: 'recorded',
      inject: 'the release failed by its own doing, or an operator went back from it, and is recorded',
      when: ({ verdict }) => deserves(verdict),
      output: { quarantined: true },
    },
    {
      name: 'spared',
      inject: 'the release is not to blame, and is not recorded',
      when: ({ verdict }) => !deserves(verdict),
      output: { quarantined: false },
    },
  ],
};

/** What the outside says, a sample a case. */
export const UPDATE_EVENTS: EventSamples<UpdateEvent> = {
  CHECK: [
    {
      name: 'apply',
      inject: 'an operator asks for an update: `core sidecar update`',
      event: { type: 'CHECK', attempt: ATTEMPTS.update },
    },
    {
      name: 'report',
      inject: 'an operator asks what an update would do: `core sidecar update --dry-run`',
      event: { type: 'CHECK', attempt: ATTEMPTS.report },
    },
  ],
  APPLY: [
    {
      name: 'file',
      inject: 'an operator gives a bundle: `core sidecar update --bundle FILE`',
      event: { type: 'APPLY', attempt: ATTEMPTS.bundle, path: LOCAL_PATH },
    },
  ],
  ROLLBACK: [
    {
      name: 'operator',
      inject: 'an operator asks for the version before: `core sidecar rollback`',
      event: { type: 'ROLLBACK', attempt: ATTEMPTS.rollback, plan: PLAN, verdict: VERDICTS.operator },
    },
  ],
  PAUSE: [
    {
      name: 'operator',
      inject: 'an operator pauses updates: `core sidecar pause`',
      event: { type: 'PAUSE', error: { code: 'UPDATES_PAUSED', message: 'an operator paused updates' } },
    },
  ],
  RESUME: [
    {
      name: 'operator',
      inject: 'an operator lets updates go on: `core sidecar resume`',
      event: { type: 'RESUME' },
    },
  ],
  RETRY: [
    {
      name: 'operator',
      inject: 'an operator runs a failed rollback again: `core sidecar retry`',
      event: { type: 'RETRY' },
    },
  ],
};

const FROM_A_FEED: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'FEED_UNREACHABLE',
  'FEED_REFUSED',
  'FEED_REDIRECTED',
  'FEED_STALLED',
  'FEED_PATH_INVALID',
  'DOWNLOAD_TRUNCATED',
  'DOWNLOAD_TOO_LARGE',
]);
const FROM_A_FILE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'BAKE_MISSING',
  'BAKE_INVALID',
  'BAKE_TOO_SHORT',
  'CLOCK_BEHIND',
]);
const WITH_A_DELTA: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['DELTA_BASE_MISSING', 'DELTA_FAILED']);
/** What the gate can reject with for a file, for which no head is asked. */
const WITHOUT_A_HEAD: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'GATE_CLOSED',
  'VERSION_DAMAGED',
  'VERSION_NOT_FOUND',
  'HOOK_DEFERRED',
  'HOOK_FAILED',
  'STATE_DIR_UNUSABLE',
  'JOURNAL_WRITE_FAILED',
  'INTERNAL',
]);

/** Codes that a service can reject with only when it is asked something of that sort; what is not here, always. */
const REJECTS_WHEN: {
  readonly [Name in StepName]?: (code: ErrorCode, input: Steps[Name]['input']) => boolean;
} = {
  // Without a version to watch it is done at once.
  watch: (_, { watch }) => watch !== null,
  // Without a feed, and on the manual channel, nothing is checked by itself.
  check: (code, { attempt }) =>
    attempt.trigger !== 'schedule' || (code !== 'MANUAL_CHANNEL' && code !== 'FEED_NOT_CONFIGURED'),
  download: (code, { offer: { source } }) =>
    code === 'BUNDLE_CHANGED' ? source.kind === 'file' : source.kind === 'feed' || !FROM_A_FEED.has(code),
  verify: (code, { offer: { source, full } }) =>
    (source.kind === 'file' || !FROM_A_FILE.has(code)) && (full !== undefined || !WITH_A_DELTA.has(code)),
  gate: (code, { offer: { channel } }) => channel !== null || WITHOUT_A_HEAD.has(code),
  quarantine: (_, { verdict }) => deserves(verdict),
};

/** Whether a service can reject with a code when it is asked this. */
function mayReject(service: string, code: ErrorCode, input: unknown): boolean {
  const rule = REJECTS_WHEN[service as StepName];
  return rule === undefined || rule(code, input as never);
}

/** What the context of the update machine shows to the outside. */
export function updateFacts(context: unknown): Facts {
  const { ended, paused } = context as UpdateContext;
  return {
    ended:
      ended === null ? null : { outcome: ended.outcome, stage: ended.stage, code: ended.error?.code ?? null },
    paused: paused?.code ?? null,
  };
}

/** Whoever decides by an error asks whom it blames. */
const alike = (value: unknown): unknown =>
  typeof value === 'string' && Object.hasOwn(ERROR_CODES, value)
    ? ERROR_CODES[value as ErrorCode].blames
    : value;

/** The update machine, to be planned. */
export const updateSubject = {
  machine: updateMachine,
  samples: UPDATE_SAMPLES,
  events: UPDATE_EVENTS,
  mayReject,
  alike,
  factsOf: updateFacts,
} satisfies PlanSubject;
