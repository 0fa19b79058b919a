/** What happened to one kind of caller. */
export interface Tally {
  /** Counts something by name. */
  count(what: string, by?: number): void;
  /** Takes how long an answer took, ms. */
  took(ms: number): void;
  /** For people: `12,345 ok, 3 ECONNRESET`. */
  summary(): string;
  readonly of: (what: string) => number;
  /** All that was counted. */
  readonly total: () => number;
  /** The time that this share of the answers took at most, ms; null where there was none. */
  readonly quantile: (share: number) => number | null;
}

/** Makes a tally. */
export function createTally(): Tally {
  const counts = new Map<string, number>();
  const times: number[] = [];
  return {
    count: (what, by = 1) => {
      counts.set(what, (counts.get(what) ?? 0) + by);
    },
    took: (ms) => {
      times.push(ms);
    },
    summary: () => {
      const parts = [...counts].sort(([, a], [, b]) => b - a);
      return parts.length === 0
        ? 'nothing'
        : parts.map(([what, count]) => `${count.toLocaleString('en')} ${what}`).join(', ');
    },
    of: (what) => counts.get(what) ?? 0,
    total: () => [...counts.values()].reduce((sum, count) => sum + count, 0),
    quantile: (share) => {
      const sorted = times.toSorted((a, b) => a - b);
      return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
    },
  };
}
