import type { Clock } from './ports.ts';
import type { Settings } from './settings.ts';

/**
 * The time to the next look at the feed, ms: the interval of the checks, a little earlier or later each time, so that hosts which
 * once asked together do not go on doing so.
 *
 * @example
 * await clock.sleep(intervalMs(clock, settings), signal);
 */
export function intervalMs(
  clock: Pick<Clock, 'random'>,
  { checkIntervalMs, jitter }: Pick<Settings, 'checkIntervalMs' | 'jitter'>,
): number {
  return checkIntervalMs * (1 + jitter * (2 * clock.random() - 1));
}
