import { describe, expect, it } from 'vitest';
import type { WaitingView } from '../../src/control/api.ts';
import { nextAction, type NextActionSources } from '../../src/daemon/next-action.ts';
import { ERROR_CODES, type ErrorCode } from '../../src/error-codes.ts';
import type { HeldBack, WorkloadStatus } from '../../src/services/ports.ts';
import type { StateName } from '../../src/types.ts';
import { PLAN, RELEASE } from '../machines/values.ts';

const AT = Date.UTC(2026, 0, 2, 3, 4, 5);
const running: WorkloadStatus = {
  state: 'running',
  ref: PLAN.from,
  pid: 7,
  startedAt: AT,
  restarts: 0,
  lastExit: null,
};

interface Changes {
  readonly state?: StateName;
  readonly context?: Partial<NextActionSources['context']>;
  readonly waiting?: WaitingView;
  readonly held?: HeldBack;
  readonly next?: { readonly at: number | null; readonly why: string };
  readonly workload?: Partial<WorkloadStatus>;
  readonly update?: Partial<NextActionSources['config']['update']>;
  readonly disabled?: string;
}

function told({
  state = 'idle',
  context,
  waiting,
  held,
  next,
  workload,
  update,
  disabled,
}: Changes = {}): string {
  return nextAction({
    state,
    context: { plan: null, release: null, paused: null, ended: null, daemonFailed: false, ...context },
    board: {
      nextCheck: () => next ?? { at: AT, why: 'every 3600 s' },
      waiting: () => waiting ?? null,
      heldBack: () => held ?? null,
    },
    config: { update: { channel: 'stable', bundlePath: null, ...update } },
    workload: { ...running, ...workload },
    disabled: disabled ?? null,
  });
}

const error = (code: ErrorCode) => ({ code, message: 'm' });
const { version } = RELEASE;

describe('what to do next', () => {
  it.each<[string, Changes, string]>([
    ['nothing, until the next check', {}, 'The next check is at 2026-01-02T03:04:05.000Z.'],
    [
      'nothing, with the reason',
      { next: { at: null, why: 'no feed is configured (update.feed_url)' } },
      'No check by itself: no feed is configured (update.feed_url).',
    ],
    [
      'to give it a file, on manual',
      { next: { at: null, why: 'manual' }, update: { channel: 'manual' } },
      'No check by itself: manual; `core sidecar update --bundle FILE` installs a file.',
    ],
    [
      'to update, on manual with a bundle_path',
      { next: { at: null, why: 'manual' }, update: { channel: 'manual', bundlePath: '/a.jws' } },
      'No check by itself: manual; `core sidecar update` installs a file.',
    ],
    [
      'to approve what waits',
      {
        state: 'waiting',
        context: { release: RELEASE },
        waiting: { for: 'approval', reason: 'r', until: null },
      },
      `Approve ${version}: \`core sidecar approve ${version}\`.`,
    ],
    [
      'nothing, until the window opens',
      {
        state: 'waiting',
        context: { release: RELEASE },
        waiting: { for: 'window', reason: 'r', until: '2026-01-03T02:00:00.000Z' },
      },
      `The window opens at 2026-01-03T02:00:00.000Z; ${version} is swapped in then, nothing to do.`,
    ],
    [
      'nothing, for a window whose time nobody knows',
      { state: 'waiting', waiting: { for: 'window', reason: 'r', until: null } },
      'the release waits for a maintenance window; nothing to do.',
    ],
    [
      'nothing, right before the swap',
      { state: 'waiting', context: { release: RELEASE } },
      `${version} is staged and about to be swapped in; nothing to do.`,
    ],
    [
      'to resume, after an operator’s pause',
      { context: { paused: error('UPDATES_PAUSED') } },
      'Automatic updates are paused; `core sidecar resume` lets them go on.',
    ],
    [
      'to mend and resume, after a fault that paused',
      { context: { paused: error('JOURNAL_WRITE_FAILED') } },
      'Check the disk and the permissions of the state directory. Then `core sidecar resume`.',
    ],
    [
      'what the table says, where it says to resume itself',
      { context: { paused: error('QUARANTINE_FAILED') } },
      ERROR_CODES.QUARANTINE_FAILED.next,
    ],
    ['nothing, where it is disabled', { disabled: 'Kubernetes' }, 'No updates: Kubernetes.'],
    [
      'to go back, where what was installed keeps crashing',
      { workload: { state: 'backingOff', lastExit: 'SIGSEGV' } },
      `${PLAN.from.version} is down (SIGSEGV) and is started again by itself: read its log, or go back by \`core sidecar rollback\`.`,
    ],
    [
      'to read the log, where there is nothing to go back to',
      { workload: { state: 'crashed', ref: null } },
      'The workload is down and is started again by itself: read its log.',
    ],
    [
      'nothing, during a start',
      { state: 'recovering' },
      'It starts up, and mends what was interrupted; nothing to do.',
    ],
    [
      'nothing, on the way back',
      { state: 'rollingBack', context: { plan: PLAN } },
      `It goes back to ${PLAN.from.version}; nothing to do.`,
    ],
    [
      'nothing, where a newer release is held back',
      { held: { version: '1.2.0', reason: 'r', until: null } },
      '1.2.0 is held back, nothing to do here. The next check is at 2026-01-02T03:04:05.000Z.',
    ],
    [
      'nothing, while the fleet has no place',
      {
        state: 'waiting',
        context: { release: RELEASE },
        waiting: { for: 'lease', reason: 'r', until: '2026-01-03T02:00:00.000Z' },
      },
      `${version} waits for a place in the fleet, which is asked for again by itself; the workload runs on, nothing to do.`,
    ],
    [
      'nothing, before the workload is touched',
      { state: 'downloading' },
      'The workload is not touched in downloading; nothing to do.',
    ],
    [
      'nothing, once the daemon failed that was to take over',
      { state: 'rolledBack', context: { plan: PLAN, daemonFailed: true } },
      `The daemon of ${PLAN.to.version} failed and is put into quarantine; the workload was not touched, nothing to do.`,
    ],
    [
      'to retry a start that failed',
      { state: 'failed', context: { paused: error('STATE_DIR_UNUSABLE') } },
      `${ERROR_CODES.STATE_DIR_UNUSABLE.next} Then \`core sidecar retry\`.`,
    ],
    ['to retry', { state: 'failed' }, 'Run `core sidecar retry`.'],
  ])('%s', (_what, changes, sentence) => {
    expect(told(changes)).toBe(sentence);
  });

  it.each<[StateName, RegExp]>([
    ['swapping', /is stopped and .* is started; if it fails, .* comes back by itself/],
    ['overlapping', /serves on while .* is tried beside it; if it fails, no client met it/],
    ['draining', /is healthy and takes over while .* finishes what it has begun/],
    ['probing', /runs and is watched until it is healthy; if it fails, .* comes back by itself/],
    ['committed', /is healthy and is recorded as good/],
    ['handingOver', /the workload is not touched; if it fails, this daemon comes back by itself/],
  ])('says in %s what clients meet, and what becomes of it if it fails', (state, words) => {
    const sentence = told({ state, context: { plan: PLAN } });
    expect(sentence).toMatch(words);
    expect(sentence).toContain(PLAN.to.version);
    expect(sentence).toMatch(/nothing to do\.$/);
  });
});
