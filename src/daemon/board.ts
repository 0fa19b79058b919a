import { ERROR_CODES } from '../error-codes.ts';
import type { ErrorRecord } from '../errors.ts';
import type { AttemptProgress, ErrorView, ProgressView } from '../control/api.ts';
import type { Clock, HeldBack, Progress, Reporter } from '../services/ports.ts';
import type { Ended, OutcomeKind, StateName, Trigger } from '../types.ts';

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
  entered(state: StateName): void;
  /** Called with every attempt that ended. */
  ended(ended: Ended): void;
  readonly progress: () => ProgressView | null;
  readonly nextCheck: () => { readonly at: number | null; readonly why: string };
  /** What the last check that came to a verdict held back. */
  readonly heldBack: () => HeldBack | null;
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
export function wentBackAsAsked(trigger: Trigger, outcome: OutcomeKind | null): boolean {
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

function progressView(progress: Progress): ProgressView | null {
  switch (progress.kind) {
    case 'download':
      return { kind: 'download', received_bytes: progress.received, total_bytes: progress.total };
    case 'probe':
      return {
        kind: 'probe',
        last: progress.result.detail,
        elapsed_ms: Math.round(progress.elapsedMs),
        deadline_ms: Math.round(progress.deadlineMs),
      };
    case 'retry':
    case 'nextCheck':
    case 'heldBack':
    case 'warning':
      return null;
  }
}

/**
 * Makes the board.
 *
 * @param clock - stamps errors
 * @param onProgress - hears of everything that is reported, for the log
 */
export function createBoard(clock: Clock, onProgress: (progress: Progress) => void): Board {
  let progress: ProgressView | null = null;
  let nextCheck: { at: number | null; why: string } = { at: null, why: 'starting up' };
  let heldBack: HeldBack | null = null;
  let lastError: TimedError | null = null;
  let warnings: readonly TimedError[] = [];
  const recent = new Map<string, Ended>();

  return {
    reporter: {
      report: (reported) => {
        if (reported.kind === 'nextCheck') nextCheck = { at: reported.at, why: reported.why };
        else if (reported.kind === 'heldBack') heldBack = reported.held;
        else if (reported.kind === 'warning') {
          const { error } = reported;
          const others = warnings.filter(
            (it) => it.error.code !== error.code || it.error.message !== error.message,
          );
          warnings = [{ error, at: clock.now() }, ...others].slice(0, KEEP_WARNINGS);
        } else if (reported.kind !== 'retry') progress = progressView(reported);
        onProgress(reported);
      },
    },
    entered: (state) => {
      progress = null;
      if (state !== 'idle') nextCheck = { at: null, why: `an attempt is in ${state}` };
    },
    ended: (ended) => {
      recent.set(ended.attempt.id, ended);
      for (const id of [...recent.keys()].slice(0, -KEEP_ENDED)) recent.delete(id);
      const asked = wentBackAsAsked(ended.attempt.trigger, ended.outcome);
      if (ended.error !== null && ended.outcome !== 'nothing' && !asked)
        lastError = { error: ended.error, at: clock.now() };
    },
    progress: () => progress,
    nextCheck: () => nextCheck,
    heldBack: () => heldBack,
    lastError: () => lastError,
    warnings: () => warnings,
    find: (id) => recent.get(id) ?? null,
  };
}
