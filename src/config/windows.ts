/**
 * When a maintenance window is open.
 *
 * Invariants: a window opens at its local time in its own time zone, once on each of its days, also on the days on which clocks are
 * changed: a time that is skipped counts as the one as much later, of a time that comes twice the first counts (RFC 5545, section 3.3.5).
 * It stays open for its length, whatever clocks do meanwhile.
 */
import type { Window } from './config.ts';

/** Where an instant is among the windows; all times ms since 1970. */
export interface WindowState {
  readonly open: boolean;
  /** When the next one opens; null while one is open. */
  readonly opensAt: number | null;
  /** When the one that is open closes, with those that follow without a gap; null while none is, and when they never end. */
  readonly closesAt: number | null;
}

/** A window's length is a week at most, and it opens once a week at least. */
const DAYS_LOOKED_AT = 8;
const DAY_MINUTES = 60;

interface Opening {
  readonly from: number;
  readonly to: number;
}

function openings({ startMinute, lengthMs, days, timeZone }: Window, now: number): Opening[] {
  const today = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(timeZone).toPlainDate();
  const plainTime = Temporal.PlainTime.from({
    hour: Math.floor(startMinute / DAY_MINUTES),
    minute: startMinute % DAY_MINUTES,
  });
  const found: Opening[] = [];
  for (let day = -DAYS_LOOKED_AT; day <= DAYS_LOOKED_AT; day += 1) {
    const date = today.add({ days: day });
    if (days.length > 0 && !days.includes(date.dayOfWeek)) continue;
    // `compatible`, which is the default, is what RFC 5545 says.
    const from = date.toZonedDateTime({ timeZone, plainTime }).epochMilliseconds;
    found.push({ from, to: from + lengthMs });
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
  let closesAt: number | null = null;
  for (const { from, to } of all) if (from <= (closesAt ?? now) && to > (closesAt ?? now)) closesAt = to;
  if (closesAt === null)
    return { open: false, opensAt: all.find(({ from }) => from > now)?.from ?? null, closesAt: null };
  const horizon = now + (DAYS_LOOKED_AT - 1) * 24 * 3600 * 1000;
  return { open: true, opensAt: null, closesAt: closesAt > horizon ? null : closesAt };
}
