/** `core sidecar config` for people: a line a key. Pure. */
import type { ConfigEntry } from '../control/api.ts';
import { plain } from './plain.ts';
import type { Style } from './style.ts';
import { tableLines } from './table.ts';

/** A value on one line: a text as it is, anything else as JSON, which is YAML too. */
function shown(value: unknown): string {
  if (value === null || value === undefined) return '-';
  return plain(typeof value === 'string' ? value : JSON.stringify(value));
}

/**
 * The configuration for people.
 *
 * @param entries - as the control API tells them
 * @returns lines without a line break at the end
 */
export function configText(
  { entries, file }: { readonly entries: readonly ConfigEntry[]; readonly file: string | null },
  style: Style,
): string {
  const from = file === null ? 'the daemon runs with' : `a daemon would run with, by ${plain(file)}`;
  if (entries.length === 0) return `${from}: nothing but defaults`;
  const rows = tableLines(entries.map((entry) => [plain(entry.key), shown(entry.value), plain(entry.from)]));
  return [
    style.bold(`${from}:`),
    ...rows.map((row, index) => (entries[index]?.from === 'default' ? style.dim(row) : row)),
  ].join('\n');
}
