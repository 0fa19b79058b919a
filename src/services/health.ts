import type { ProbeEvidence } from '../types.ts';
import type { Ports } from './ports.ts';
import type { Settings } from './settings.ts';

/** How polling ended. */
export type HealthVerdict =
  | { readonly kind: 'healthy'; readonly evidence: ProbeEvidence }
  | { readonly kind: 'timeout'; readonly evidence: ProbeEvidence }
  | { readonly kind: 'exited'; readonly how: string; readonly evidence: ProbeEvidence };

/** What to poll for. */
export interface HealthWatch {
  /** Time that is left, ms. */
  readonly budgetMs: number;
  /** Time that an earlier daemon spent on it, ms. */
  readonly spentMs: number;
  /** Resolves when the process ended, which ends the polling at once; never, when exits do not count. */
  readonly exited: (signal: AbortSignal) => Promise<string>;
  /** Called from time to time with the whole time spent, ms. */
  readonly onSpent: (ms: number) => Promise<void>;
}

type Ending = { readonly kind: 'exited'; readonly how: string } | { readonly kind: 'timeout' };

const SPENT_EVERY_MS = 5_000;

/**
 * Polls the workload's health until it was good often enough in a row, the process ended, or the time is over. What is not
 * healthy yet (connection refused, any status but 200) is polled again.
 */
export async function pollHealth(
  { probe, clock, reporter }: Pick<Ports, 'probe' | 'clock' | 'reporter'>,
  settings: Pick<Settings, 'probeIntervalMs' | 'probeSuccessThreshold'>,
  { budgetMs, spentMs, exited, onSpent }: HealthWatch,
  signal: AbortSignal,
): Promise<HealthVerdict> {
  const began = clock.monotonic();
  const over = new AbortController();
  const stop = AbortSignal.any([signal, over.signal]);
  const endings: Ending[] = [];
  const finish = (how: Ending): void => {
    endings.push(how);
    over.abort();
  };
  // Both end with `stop`; a rejection after that is only the echo of our own abort.
  const timer = clock.sleep(budgetMs, stop).then(
    () => {
      finish({ kind: 'timeout' });
    },
    () => undefined,
  );
  const exit = exited(stop).then(
    (how) => {
      finish({ kind: 'exited', how });
    },
    () => undefined,
  );

  let polls = 0;
  let good = 0;
  let last = 'nothing yet';
  let reportedSpent = 0;
  const evidence = (): ProbeEvidence => ({
    polls,
    tookMs: Math.round(spentMs + clock.monotonic() - began),
    last,
  });
  try {
    for (;;) {
      try {
        const result = await probe.look(stop);
        // A look that was under way when the process ended may have seen anybody.
        stop.throwIfAborted();
        polls += 1;
        last = result.detail;
        good = result.healthy ? good + 1 : 0;
        const elapsedMs = spentMs + clock.monotonic() - began;
        reporter.report({ kind: 'probe', result, elapsedMs, deadlineMs: spentMs + budgetMs });
        if (good >= settings.probeSuccessThreshold) return { kind: 'healthy', evidence: evidence() };
        if (elapsedMs - reportedSpent >= SPENT_EVERY_MS) {
          reportedSpent = elapsedMs;
          await onSpent(elapsedMs);
        }
        await clock.sleep(settings.probeIntervalMs, stop);
      } catch (error) {
        signal.throwIfAborted();
        const [ending] = endings;
        if (ending === undefined) throw error;
        return { ...ending, evidence: evidence() };
      }
    }
  } finally {
    over.abort();
    await Promise.all([timer, exit]);
  }
}
