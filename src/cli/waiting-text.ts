/** What an update in `waiting` waits for, in words. Pure. */
import type { WaitingView } from '../control/api.ts';

/** A newer daemon may wait for what this program does not know. */
const NAMES: Readonly<Partial<Record<string, string>>> = {
  approval: 'an approval',
  window: 'a window',
  lease: 'a place in the fleet',
} satisfies Record<WaitingView['for'], string>;

/** What it waits for: `a place in the fleet`. */
export function waitedFor({ for: what }: Pick<WaitingView, 'for'>): string {
  return NAMES[what] ?? 'its turn';
}
