/**
 * What `status --watch` knows of a daemon: built from its status and its events, one after another. Pure.
 *
 * Invariant: a state that an event told is never taken back by a status that was asked for before it.
 */
import type {
  AttemptProgress,
  ControlEvent,
  ProgressView,
  Status,
  WaitingView,
  WorkloadView,
} from '../../control/api.ts';
import type { StateName } from '../../types.ts';

/** The way of an update that goes well. */
export const HAPPY_PATH = [
  'idle',
  'checking',
  'downloading',
  'verifying',
  'staging',
  'waiting',
  'swapping',
  'probing',
  'committed',
] as const satisfies readonly StateName[];

/** What stands in the place of `swapping` where the new version runs beside the old one first. */
export const OVERLAP_PATH = ['overlapping', 'draining'] as const satisfies readonly StateName[];

/** What follows where the daemon is replaced, too. */
export const DAEMON_PATH = ['handingOver'] as const satisfies readonly StateName[];

/** The way back. */
export const FAILURE_PATH = ['rollingBack', 'rolledBack', 'failed'] as const satisfies readonly StateName[];

/** One look at the health of a version that is probed. */
export interface Tick {
  readonly healthy: boolean;
  /** How much of the time to the deadline was spent, 0 to 1. */
  readonly share: number;
}

/** The attempt under way, or the last one. */
export interface WatchedAttempt {
  readonly id: string;
  readonly from: string | null;
  readonly to: string | null;
  /** Its states so far, in order. */
  readonly path: readonly StateName[];
  readonly ticks: readonly Tick[];
  readonly ended: AttemptProgress['ended'];
}

/** Something that happened, for the list of the last events. */
export type Happening = Extract<ControlEvent, { kind: 'state' | 'ended' | 'workload' | 'log' }>;

/** Everything that the view shows. */
export interface WatchModel {
  readonly status: Status | null;
  /** Since when the daemon does not answer, ms since 1970, and why; null while it does. */
  readonly lost: { readonly since: number; readonly message: string } | null;
  readonly state: StateName | null;
  readonly attempt: WatchedAttempt | null;
  readonly progress: ProgressView | null;
  readonly waiting: WaitingView | null;
  readonly workload: WorkloadView | null;
  /** Newest last. */
  readonly happenings: readonly Happening[];
  /** How many events were taken in. */
  readonly events: number;
}

/** Before anything is known. */
export const NOTHING_KNOWN: WatchModel = {
  status: null,
  lost: null,
  state: null,
  attempt: null,
  progress: null,
  waiting: null,
  workload: null,
  happenings: [],
  events: 0,
};

const KEEP_HAPPENINGS = 20;
const KEEP_TICKS = 500;

function begun(id: string, from: string | null, to: string | null): WatchedAttempt {
  return { id, from, to, path: [], ticks: [], ended: null };
}

/** The states that an attempt must have been through to be where it is; where it failed is not known. */
function pathTo(state: StateName): StateName[] {
  const index = HAPPY_PATH.findIndex((each) => each === state);
  return index >= 0 ? HAPPY_PATH.slice(1, index + 1) : [state];
}

/** The attempt that a status tells of; what is known of it already is kept. */
function attemptIn(status: Status, before: WatchedAttempt | null): WatchedAttempt | null {
  const { attempt: id, from, to, state } = status;
  if (id === null) return before;
  if (before?.id !== id) return { ...begun(id, from, to), path: pathTo(state) };
  const path = before.path.at(-1) === state || state === 'idle' ? before.path : [...before.path, state];
  return { ...before, from: from ?? before.from, to: to ?? before.to, path };
}

/**
 * Takes in a status.
 *
 * @param asked - how many events were taken in when it was asked for
 */
export function withStatus(model: WatchModel, status: Status, asked: number): WatchModel {
  const known = { ...model, status, lost: null };
  if (asked !== model.events) return known;
  const { state, progress, waiting, workload } = status;
  return { ...known, state, progress, waiting, workload, attempt: attemptIn(status, model.attempt) };
}

/** Takes in that the daemon does not answer. */
export function withoutAnswer(model: WatchModel, now: number, message: string): WatchModel {
  return { ...model, lost: { since: model.lost?.since ?? now, message } };
}

type StateEvent = Extract<ControlEvent, { kind: 'state' }>;

function entered(model: WatchModel, event: StateEvent): WatchModel {
  const { state, attempt: id, from, to } = event;
  const cleared = { ...model, state, progress: null, waiting: null };
  if (id === null || state === 'idle') return cleared;
  const before = model.attempt?.id === id ? model.attempt : begun(id, from, to);
  return {
    ...cleared,
    attempt: {
      ...before,
      from: from ?? before.from,
      to: to ?? before.to,
      path: [...before.path, state],
      // A rollback probes the old version: that is another strip.
      ticks: state === 'overlapping' || state === 'probing' || state === 'rollingBack' ? [] : before.ticks,
    },
  };
}

function looked(model: WatchModel, event: Extract<ControlEvent, { kind: 'probe' }>): WatchModel {
  const { healthy, detail: last, elapsed_ms, deadline_ms } = event;
  const tick: Tick = { healthy, share: Math.min(1, elapsed_ms / Math.max(1, deadline_ms)) };
  return {
    ...model,
    progress: { kind: 'probe', last, elapsed_ms, deadline_ms },
    attempt:
      model.attempt === null
        ? null
        : { ...model.attempt, ticks: [...model.attempt.ticks, tick].slice(-KEEP_TICKS) },
  };
}

function ended(model: WatchModel, { attempt }: Extract<ControlEvent, { kind: 'ended' }>): WatchModel {
  const before = model.attempt?.id === attempt.id ? model.attempt : begun(attempt.id, null, null);
  const { from, to } = attempt;
  return {
    ...model,
    attempt: { ...before, from: from ?? before.from, to: to ?? before.to, ended: attempt.ended },
  };
}

function change(model: WatchModel, event: ControlEvent): WatchModel {
  switch (event.kind) {
    case 'state':
      return entered(model, event);
    case 'progress':
      return { ...model, progress: event.progress };
    case 'probe':
      return looked(model, event);
    case 'waiting':
      return { ...model, waiting: event.waiting };
    case 'ended':
      return ended(model, event);
    case 'workload':
      return { ...model, workload: event.workload };
    // A log line; or a kind that a newer daemon tells of.
    default:
      return model;
  }
}

/** What is worth a line in the list of the last events. */
function isHappening(event: ControlEvent): event is Happening {
  if (event.kind === 'log') return event.line.level !== 'debug' && event.line.level !== 'info';
  return event.kind === 'state' || event.kind === 'ended' || event.kind === 'workload';
}

/** Takes in an event. */
export function withEvent(model: WatchModel, event: ControlEvent): WatchModel {
  const changed = change(model, event);
  return {
    ...changed,
    lost: null,
    events: model.events + 1,
    happenings: isHappening(event) ? [...model.happenings, event].slice(-KEEP_HAPPENINGS) : model.happenings,
  };
}
