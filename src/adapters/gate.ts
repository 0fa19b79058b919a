/**
 * The gate between `staging` and `swapping`: first a person's approval, then a maintenance window.
 *
 * Invariants:
 * - What an operator asked for by name (`update`, a bundle) waits for neither. `schedule` and `check` wait for both.
 * - An approved update still waits for its window; one that is approved while a window is open goes at once.
 * - Where the host's clock is among the windows is looked at again at least once a minute, so that a clock that is set, or a host
 *   that slept, neither misses a window nor goes on outside of one.
 */
import type { Approvals, Clock, Gate, Reporter, Waiting } from '../services/ports.ts';
import type { Attempt, Plan } from '../types.ts';
import { throwIfCancelled } from './disk-errors.ts';
import { immediateGate } from './immediate-gate.ts';

/** Where an instant is among the windows; all times ms since 1970. */
export interface Opening {
  readonly open: boolean;
  /** null while one is open. */
  readonly opensAt: number | null;
  /** null while none is open, and when no end is in sight. */
  readonly closesAt: number | null;
  /** IANA name of the time zone in which to tell of it; null: UTC. */
  readonly timeZone: string | null;
}

/** What {@link createGate} needs. */
export interface GateOptions {
  /** Where an instant is among the windows; null: there are none. */
  readonly windowAt: ((now: number) => Opening) | null;
  readonly approval: 'none' | 'required';
  readonly approvals: Approvals;
  readonly clock: Clock;
  readonly reporter: Reporter;
}

/** The longest that the host's clock is not looked at, ms. */
const LOOK_AGAIN_MS = 60_000;
/** A fleet that waits for the same window goes over its first part: half of it, and never more than an hour. */
const SPREAD = { share: 0.5, longestMs: 3_600_000 } as const;

/** Whether an operator asked for this very update. */
const isAskedFor = ({ trigger }: Attempt): boolean => trigger !== 'schedule' && trigger !== 'check';

/** A time for people: `02:00 Europe/Berlin on Tue, 24 Nov 2026`. */
function timeText(at: number, timeZone: string): string {
  const date = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
  }).format(at);
  return `${clockText(at, timeZone)} ${timeZone} on ${date}`;
}

function clockText(at: number, timeZone: string): string {
  return new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit' }).format(at);
}

/** This host's turn in a window that opens: it waited for it, as its fleet did. */
interface Turn {
  readonly opensAt: number;
  readonly goesAt: number;
}

/** This host's place in the part of a window over which a fleet spreads. `draw` is from 0 to 1. */
function turnIn(opensAt: number, closesAt: number | null, draw: number): Turn {
  const lengthMs = closesAt === null ? Infinity : closesAt - opensAt;
  const spreadMs = Math.min(lengthMs * SPREAD.share, SPREAD.longestMs);
  return { opensAt, goesAt: opensAt + Math.floor(draw * spreadMs) };
}

/**
 * The gate that the configuration asks for. `pass` rejects with `CANCELLED` when the signal fires, and with the codes of the approvals
 * (`STATE_DIR_UNUSABLE`); it takes nothing, so that there is nothing to give back.
 *
 * While it waits it reports for what and until when, again on every change, and null once it waits no longer, however that ended.
 *
 * @example
 * const gate = createGate({ windowAt: (now) => windowAt(windows, now), approval: 'none', approvals, clock, reporter });
 * await gate.pass(attempt, plan, signal);
 */
export function createGate({ windowAt, approval, approvals, clock, reporter }: GateOptions): Gate {
  if (windowAt === null && approval === 'none') return immediateGate;
  const untilApproved = async (
    { to }: Plan,
    tell: (waiting: Waiting) => void,
    signal: AbortSignal,
  ): Promise<void> => {
    if (approval === 'none' || to.origin !== 'store') return;
    if ((await approvals.get(to.digest)) !== null) return;
    tell({
      for: 'approval',
      reason: `${to.version} waits for an approval: \`core sidecar approve ${to.version}\``,
      until: null,
    });
    await approvals.approved(to.digest, signal);
  };

  const untilOpen = async (
    look: (now: number) => Opening,
    tell: (waiting: Waiting) => void,
    signal: AbortSignal,
  ): Promise<void> => {
    let draw: number | null = null;
    let turn: Turn | null = null;
    for (;;) {
      const now = clock.now();
      const { open, opensAt, timeZone } = look(now);
      // It is spread only over a window that it waited for: whoever finds one open came by itself.
      if (open && (turn === null || now < turn.opensAt || now >= turn.goesAt)) return;
      if (!open && opensAt !== null && turn?.opensAt !== opensAt) {
        draw ??= clock.random();
        turn = turnIn(opensAt, look(opensAt).closesAt, draw);
        const zone = timeZone ?? 'UTC';
        tell({
          for: 'window',
          reason: `the window opens at ${timeText(opensAt, zone)}, and this host goes at ${clockText(turn.goesAt, zone)}`,
          until: turn.goesAt,
        });
      }
      const next = turn === null ? Infinity : (open ? turn.goesAt : turn.opensAt) - now;
      await clock.sleep(Math.max(1, Math.min(next, LOOK_AGAIN_MS)), signal);
    }
  };

  return {
    pass: async (attempt, plan, signal) => {
      throwIfCancelled(signal);
      if (isAskedFor(attempt)) return;
      const told: Waiting[] = [];
      const tell = (waiting: Waiting): void => {
        told.push(waiting);
        reporter.report({ kind: 'waiting', waiting });
      };
      try {
        await untilApproved(plan, tell, signal);
        if (windowAt !== null) await untilOpen(windowAt, tell, signal);
      } finally {
        if (told.length > 0) reporter.report({ kind: 'waiting', waiting: null });
      }
    },
    release: () => Promise.resolve(),
  };
}
