import type { Ports } from './ports.ts';

const PAUSE_MS = 20;

/**
 * Waits until nobody accepts connections at the probe's address.
 *
 * @param withinMs - how long to wait at most
 * @returns false when somebody still does
 */
export async function addressIsFree(
  { probe, clock }: Pick<Ports, 'probe' | 'clock'>,
  withinMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const deadline = clock.monotonic() + withinMs;
  while (await probe.answered(signal)) {
    if (clock.monotonic() >= deadline) return false;
    await clock.sleep(PAUSE_MS, signal);
  }
  return true;
}
