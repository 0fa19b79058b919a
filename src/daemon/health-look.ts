import type { Clock, HealthProbe, ProbeResult } from '../services/ports.ts';

/** How long an answer is good for, so that many readers of the status do not make many probes. */
const FRESH_MS = 1_000;
const TIMEOUT_MS = 1_000;

/**
 * Makes a look at the workload's health for the status: one probe a second at most, however many ask.
 *
 * @returns a function that resolves with the last look; it never rejects
 */
export function createHealthLook(probe: HealthProbe, clock: Clock): () => Promise<ProbeResult> {
  let last: { readonly at: number; readonly result: Promise<ProbeResult> } | null = null;
  const look = async (): Promise<ProbeResult> => {
    try {
      return await probe.look(AbortSignal.timeout(TIMEOUT_MS));
    } catch {
      // The only way to fail is the signal.
      return { healthy: false, detail: `no answer in ${String(TIMEOUT_MS / 1000)} s` };
    }
  };
  return () => {
    const now = clock.monotonic();
    if (last === null || now - last.at > FRESH_MS) last = { at: now, result: look() };
    return last.result;
  };
}
