import { ERROR_CODES } from '../error-codes.ts';
import type { ErrorRecord } from '../errors.ts';
import type { AttemptProgress, ErrorView, ProgressView, WaitingView } from '../control/api.ts';
import type { UpdateContext } from '../machines/update.types.ts';
import type { Clock, HeldBack, Progress, Reporter, Waiting } from '../services/ports.ts';
import type { Ended, OutcomeKind, StateName, Trigger } from '../types.ts';
import { createDownloadRate } from './download-rate.ts';
import type { EventHub } from './events.ts';

const KEEP_ENDED = 64;
const KEEP_WARNINGS = 10;

/** An error with the time at which it was seen, ms since 1970. */
export interface TimedError {
  readonly error: ErrorRecord;
  readonly at: number;
}

/** What is worth knowing now and needs no disk: where the services write down how far they are. */
export interface Board {
  readonly reporter: Reporter;
  /** Called with every state that the machine enters: progress belongs to one state. */
  entered(state: StateName, context: UpdateContext): void;
  /** Called with every attempt that ended. */
  ended(ended: Ended): void;
  readonly progress: () => ProgressView | null;
  /** When the machine entered its state, ms since 1970; null before it entered any. */
  readonly since: () => number | null;
  readonly nextCheck: () => { readonly at: number | null; readonly why: string };
  /** What the last check that came to a verdict held back. */
  readonly heldBack: () => HeldBack | null;
  /** What the update in `waiting` waits for. */
  readonly waiting: () => WaitingView | null;
  readonly lastError: () => TimedError | null;
  /** Newest first; the same warning again only moves up. */
  readonly warnings: () => readonly TimedError[];
  /** An attempt that ended since the daemon started. */
  readonly find: (id: string) => Ended | null;
}

/** An error for a reader: with what to do next. */
export function errorView({ code, message }: ErrorRecord): ErrorView {
  return { code, message, next: ERROR_CODES[code].next };
}

/** Whether an attempt ended as an operator wished, although it went back: that is no error to show. */
export function wentBackAsAsked(
  trigger: Trigger | 'unknown',
  outcome: OutcomeKind | 'unknown' | null,
): boolean {
  return trigger === 'rollback' && outcome === 'rolledBack';
}

/** How an attempt ended, as the control API tells it. */
export function endedView(ended: Ended): AttemptProgress {
  return {
    id: ended.attempt.id,
    state: ended.stage,
    from: ended.from?.version ?? null,
    to: ended.to?.version ?? null,
    progress: null,
    ended: {
      outcome: ended.outcome,
      reason: ended.reason,
      error: ended.error === null ? null : errorView(ended.error),
    },
  };
}

/** What an update waits for, as the control API tells it. */
export function waitingView({ for: what, reason, until }: Waiting): WaitingView {
  return { for: what, reason, until: until === null ? null : new Date(until).toISOString() };
}

/** What {@link createBoard} needs. */
export interface BoardOptions {
  /** Stamps errors, and tells how fast a download is. */
  readonly clock: Clock;
  /** Hears of everything that is reported, for the log. */
  readonly onProgress: (progress: Progress) => void;
  /** Hears of what whoever watches should see. */
  readonly publish: EventHub['publish'];
}

/** Progress is told at most this often, ms: a download reports every block. */
const PROGRESS_EVERY_MS = 200;

/** Makes the board. */
export function createBoard({ clock, onProgress, publish }: BoardOptions): Board {
  let state: StateName | null = null;
  let since: number | null = null;
  let attempt: string | null = null;
  let progress: ProgressView | null = null;
  let toldAt = -Infinity;
  let rate = createDownloadRate(clock);
  let nextCheck: { at: number | null; why: string } = { at: null, why: 'starting up' };
  let heldBack: HeldBack | null = null;
  let waiting: WaitingView | null = null;
  let lastError: TimedError | null = null;
  let warnings: readonly TimedError[] = [];
  const recent = new Map<string, Ended>();

  const advance = (view: ProgressView, done: boolean): void => {
    progress = view;
    const now = clock.monotonic();
    if (!done && now - toldAt < PROGRESS_EVERY_MS) return;
    toldAt = now;
    if (state !== null) publish({ kind: 'progress', state, attempt, progress: view });
  };
  const warn = (error: ErrorRecord): void => {
    const others = warnings.filter(
      (it) => it.error.code !== error.code || it.error.message !== error.message,
    );
    warnings = [{ error, at: clock.now() }, ...others].slice(0, KEEP_WARNINGS);
  };
  const take = (reported: Progress): void => {
    switch (reported.kind) {
      case 'download': {
        const { received, total } = reported;
        advance(
          { kind: 'download', received_bytes: received, total_bytes: total, ...rate.seen(received, total) },
          received >= total,
        );
        return;
      }
      case 'probe': {
        const { result, elapsedMs, deadlineMs } = reported;
        const times = { elapsed_ms: Math.round(elapsedMs), deadline_ms: Math.round(deadlineMs) };
        progress = { kind: 'probe', last: result.detail, ...times };
        publish({ kind: 'probe', attempt, healthy: result.healthy, detail: result.detail, ...times });
        return;
      }
      case 'waiting':
        waiting = reported.waiting === null ? null : waitingView(reported.waiting);
        publish({ kind: 'waiting', attempt, waiting });
        return;
      case 'nextCheck':
        nextCheck = { at: reported.at, why: reported.why };
        return;
      case 'heldBack':
        heldBack = reported.held;
        return;
      case 'warning':
        warn(reported.error);
        return;
      case 'drained': {
        const { fault } = reported.drained;
        if (fault !== null) warn({ code: 'DRAIN_INCOMPLETE', message: `${reported.version}: ${fault}` });
        return;
      }
      case 'retry':
    }
  };

  return {
    reporter: {
      report: (reported) => {
        take(reported);
        onProgress(reported);
      },
    },
    entered: (entered, { attempt: of, plan, release }) => {
      const before = state;
      state = entered;
      since = clock.now();
      attempt = of?.id ?? null;
      progress = null;
      waiting = null;
      toldAt = -Infinity;
      rate = createDownloadRate(clock);
      if (state !== 'idle') nextCheck = { at: null, why: `an attempt is in ${state}` };
      publish({
        kind: 'state',
        state,
        before,
        attempt,
        from: plan?.from.version ?? null,
        to: plan?.to.version ?? release?.version ?? null,
      });
    },
    ended: (ended) => {
      recent.set(ended.attempt.id, ended);
      for (const id of [...recent.keys()].slice(0, -KEEP_ENDED)) recent.delete(id);
      const asked = wentBackAsAsked(ended.attempt.trigger, ended.outcome);
      if (ended.error !== null && ended.outcome !== 'nothing' && !asked)
        lastError = { error: ended.error, at: clock.now() };
      publish({ kind: 'ended', attempt: endedView(ended) });
    },
    progress: () => progress,
    since: () => since,
    nextCheck: () => nextCheck,
    heldBack: () => heldBack,
    waiting: () => waiting,
    lastError: () => lastError,
    warnings: () => warnings,
    find: (id) => recent.get(id) ?? null,
  };
}
