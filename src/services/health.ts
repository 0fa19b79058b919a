import type { ProbeEvidence } from '../types.ts';
import { lookUntil, type Watching } from './looking.ts';
import type { Ports } from './ports.ts';
import type { Settings } from './settings.ts';

/** How polling ended. */
export type HealthVerdict =
  | { readonly kind: 'healthy'; readonly evidence: ProbeEvidence }
  | { readonly kind: 'timeout'; readonly evidence: ProbeEvidence }
  | { readonly kind: 'exited'; readonly how: string; readonly evidence: ProbeEvidence };

/** What to poll for. */
export type HealthWatch = Pick<Watching<never>, 'budgetMs' | 'spentMs' | 'exited' | 'onSpent'>;

/**
 * Polls the workload's health until it was good often enough in a row, the process ended, or the time is over. What is not
 * healthy yet (connection refused, any status but 200) is polled again; what asks to be left alone for a while is, but one look
 * before the end is left.
 */
export async function pollHealth(
  ports: Pick<Ports, 'probe' | 'clock' | 'reporter'>,
  settings: Pick<Settings, 'probeIntervalMs' | 'probeSuccessThreshold'>,
  watch: HealthWatch,
  signal: AbortSignal,
): Promise<HealthVerdict> {
  const { probeIntervalMs: intervalMs, probeSuccessThreshold } = settings;
  const deadlineMs = watch.spentMs + watch.budgetMs;
  let good = 0;
  const seen = await lookUntil(
    ports,
    {
      ...watch,
      intervalMs,
      deadlineMs,
      lastLookMs: deadlineMs - intervalMs,
      judge: ({ healthy }) => {
        good = healthy ? good + 1 : 0;
        return good >= probeSuccessThreshold ? true : null;
      },
    },
    signal,
  );
  return seen.kind === 'judged' ? { kind: 'healthy', evidence: seen.evidence } : seen;
}
