/** `core sidecar versions` for people: a line a version. Pure. */
import type { StoredVersionView } from '../control/api.ts';
import { bytes } from './bytes.ts';
import { plain } from './plain.ts';
import { shortDigest } from './status-text.ts';
import type { Style } from './style.ts';
import { tableLines } from './table.ts';
import { when } from './time.ts';

/**
 * The versions on disk for people.
 *
 * @param versions - newest first
 * @param now - ms since 1970, for how long ago things were
 * @returns lines without a line break at the end
 */
export function versionsText(versions: readonly StoredVersionView[], now: number, style: Style): string {
  if (versions.length === 0) return 'no versions on disk: what runs was there before any update';
  const [head = '', ...rows] = tableLines([
    ['version', 'digest', 'size', 'committed', ''],
    ...versions.map(({ version, digest, size_bytes: size, committed_at: at, current }) => [
      plain(version),
      digest === null ? '-' : shortDigest(digest),
      bytes(size),
      at === null ? 'never' : when(at, now),
      current ? '← current' : '',
    ]),
  ]);
  return [style.bold(head), ...rows].join('\n');
}
