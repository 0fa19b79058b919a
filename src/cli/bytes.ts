const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** A number of bytes for people: `512 B`, `12.3 MiB`. */
export function bytes(count: number): string {
  const power = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, count)) / 10)));
  return `${(count / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${UNITS[power] ?? 'B'}`;
}

/** A part of a whole for people: `0.02 %`, `12 %`. */
export function share(part: number, whole: number): string {
  return `${Number(((100 * part) / Math.max(1, whole)).toPrecision(2)).toString()} %`;
}
