/** Times for people: how long ago, and the instant itself. */

const UNITS = [
  { above: 48 * 3600, seconds: 24 * 3600, name: 'd' },
  { above: 2 * 3600, seconds: 3600, name: 'h' },
  { above: 2 * 60, seconds: 60, name: 'min' },
  { above: 0, seconds: 1, name: 's' },
] as const;

/** A length of time in one unit, rounded down: `3 min`. */
export function span(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  const unit = UNITS.find(({ above }) => seconds >= above) ?? UNITS[3];
  return `${String(Math.floor(seconds / unit.seconds))} ${unit.name}`;
}

/** A length of time, exact enough to compare: `850 ms`, `3.2 s`, `1 min 3 s`, `2 h 5 min`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${String(Math.max(0, Math.round(ms)))} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${String(Math.floor(seconds / 60))} min ${String(seconds % 60)} s`;
  return `${String(Math.floor(seconds / 3600))} h ${String(Math.floor((seconds % 3600) / 60))} min`;
}

/** How far an instant is from now: `3 min ago`, `in 52 min`, `just now`. */
export function relative(iso: string, now: number): string {
  const past = now - Date.parse(iso);
  if (Math.abs(past) < 1000) return 'just now';
  return past > 0 ? `${span(past)} ago` : `in ${span(-past)}`;
}

/** An instant in UTC without fractions of a second: `2026-01-02T03:04:05Z`. */
export function instant(iso: string): string {
  return `${new Date(iso).toISOString().slice(0, 19)}Z`;
}

/** Both: `3 min ago (2026-01-02T03:01:05Z)`. */
export function when(iso: string, now: number): string {
  return `${relative(iso, now)} (${instant(iso)})`;
}
