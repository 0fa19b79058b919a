/** The median; of an even number of values, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** A figure with its unit, or a dash where there is none. */
function figure(value: number | null, digits: number, unit: string): string {
  return value === null ? '–' : `${value.toFixed(digits)}${unit}`;
}

/** Seconds for people: `0.31 s`. */
export const seconds = (value: number | null): string => figure(value, 3, ' s');
/** Bytes for people: `12.3 MiB`. */
export const mebibytes = (value: number | null): string =>
  figure(value === null ? null : value / 2 ** 20, 1, ' MiB');
/** Milliseconds for people: `3.1 ms`. */
export const milliseconds = (value: number | null): string => figure(value, 1, ' ms');
/** A ratio for people: `1.12×`. */
export const ratio = (value: number | null): string => figure(value, 2, '×');
