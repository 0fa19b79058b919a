import type { Clock, Ids } from '../services/ports.ts';

/** Four digits in base 36 tell this many ids apart in one second. */
const SLOTS = 36 ** 4;
const SLOTS_PER_MS = Math.floor(SLOTS / 1000);

function format(second: number, slot: number): string {
  const digits = new Date(second * 1000).toISOString().replaceAll(/[-:]/g, '');
  return `${digits.slice(0, 8)}-${digits.slice(9, 15)}-${slot.toString(36).padStart(4, '0')}`;
}

/**
 * Makes ids that people can read and that sort by time as text: date, time (UTC), and four digits in base 36 that hold
 * the millisecond and some chance, as in `20261123-141502-k3f9`.
 *
 * Invariant: each id of one maker is greater than the one before, even when the host's clock goes back.
 *
 * @param clock - gives the time and the chance
 * @example
 * createIds(systemClock).next(); // '20261123-141502-k3f9'
 */
export function createIds(clock: Pick<Clock, 'now' | 'random'>): Ids {
  let second = 0;
  let slot = 0;
  return {
    next: () => {
      const now = clock.now();
      const nowSecond = Math.floor(now / 1000);
      const nowSlot = Math.floor(now % 1000) * SLOTS_PER_MS + Math.floor(clock.random() * SLOTS_PER_MS);
      if (nowSecond > second || (nowSecond === second && nowSlot > slot)) {
        second = nowSecond;
        slot = nowSlot;
      } else if (slot + 1 < SLOTS) {
        slot += 1;
      } else {
        second += 1;
        slot = 0;
      }
      return format(second, slot);
    },
  };
}
