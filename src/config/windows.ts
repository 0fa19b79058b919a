/**
 * When a maintenance window is open.
 *
 * Invariants: a window opens at its local time in its own time zone, once on each of its days, also on the days on which clocks are
 * changed: a time that is skipped counts as the one as much later, of a time that comes twice the first counts (RFC 5545, section 3.3.5).
 * It stays open for its length, whatever clocks do meanwhile. It contains its first instant, and not its last.
 */
import type { Window } from './config.ts';

/** Where an instant is among the windows; all times ms since 1970. */
export interface WindowState {
  readonly open: boolean;
  /** When the next one opens; null while one is open. */
  readonly opensAt: number | null;
  /** When the one that is open closes, with those that follow without a gap; null while none is open, and when no gap comes within a week. */
  readonly closesAt: number | null;
  /** The time zone of the window that is open, or opens next: the one in which to tell of it. */
  readonly timeZone: string | null;
}

interface Opening {
  readonly from: number;
  readonly to: number;
  readonly timeZone: string;
}

const HOUR_MINUTES = 60;
const DAY_MS = 24 * 3600 * 1000;
const WEEK_DAYS = 7;

/** Everything that is open at `now`, or opens within a week of it; a day more on either side, for days that clocks make longer or shorter. */
function openings({ startMinute, lengthMs, days, timeZone }: Window, now: number): Opening[] {
  const today = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(timeZone).toPlainDate();
  const plainTime = Temporal.PlainTime.from({
    hour: Math.floor(startMinute / HOUR_MINUTES),
    minute: startMinute % HOUR_MINUTES,
  });
  const found: Opening[] = [];
  for (let day = -Math.ceil(lengthMs / DAY_MS) - 1; day <= WEEK_DAYS + 1; day += 1) {
    const date = today.add({ days: day });
    if (days.length > 0 && !days.includes(date.dayOfWeek)) continue;
    // `compatible`, which is the default, is what RFC 5545 says.
    const from = date.toZonedDateTime({ timeZone, plainTime }).epochMilliseconds;
    found.push({ from, to: from + lengthMs, timeZone });
  }
  return found;
}

/**
 * Where `now` is among the windows.
 *
 * @param windows - at least one
 * @param now - ms since 1970
 * @example
 * windowAt([{ startMinute: 120, lengthMs: 3_600_000, days: [], timeZone: 'UTC' }], Date.now());
 */
export function windowAt(windows: readonly Window[], now: number): WindowState {
  const all = windows.flatMap((window) => openings(window, now)).sort((a, b) => a.from - b.from);
  const opened = all.find(({ from, to }) => from <= now && now < to);
  if (opened === undefined) {
    const next = all.find(({ from }) => from > now);
    return {
      open: false,
      opensAt: next?.from ?? null,
      closesAt: null,
      timeZone: next?.timeZone ?? null,
    };
  }
  let closesAt = opened.to;
  for (const { from, to } of all) if (from <= closesAt && to > closesAt) closesAt = to;
  const known = closesAt <= now + WEEK_DAYS * DAY_MS;
  return { open: true, opensAt: null, closesAt: known ? closesAt : null, timeZone: opened.timeZone };
}
