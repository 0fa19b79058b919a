import type { ProbeEvidence } from '../types.ts';
import type { Ports, ProbeResult } from './ports.ts';

/** What to look for, and how long. */
export interface Watching<Verdict> {
  /** Between two looks, ms. */
  readonly intervalMs: number;
  /** Time that is left, ms. */
  readonly budgetMs: number;
  /** Time that an earlier daemon spent on it, ms. */
  readonly spentMs: number;
  /** What is reported as the deadline, ms from the beginning. */
  readonly deadlineMs: number;
  /** However long the workload asks to be left alone, it is looked at then, ms from the beginning. */
  readonly lastLookMs: number;
  /** Resolves when the process ended, which ends the looking at once; never, when exits do not count. */
  readonly exited: (signal: AbortSignal) => Promise<string>;
  /** Called from time to time with the whole time spent, ms. */
  readonly onSpent: (ms: number) => Promise<void>;
  /** Judges each look; null: look again. */
  readonly judge: (result: ProbeResult, elapsedMs: number) => Verdict | null;
}

/** How the looking ended. */
export type Seen<Verdict> = { readonly evidence: ProbeEvidence } & (
  | { readonly kind: 'judged'; readonly verdict: Verdict }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'exited'; readonly how: string }
);

type Ending = { readonly kind: 'exited'; readonly how: string } | { readonly kind: 'timeout' };

const SPENT_EVERY_MS = 5_000;

/** The wait until the next look: what the workload asks for, but not beyond the last look that counts. */
function pause(
  { intervalMs, lastLookMs }: Pick<Watching<unknown>, 'intervalMs' | 'lastLookMs'>,
  { retryAfterMs = 0 }: ProbeResult,
  elapsedMs: number,
): number {
  return Math.max(intervalMs, Math.min(retryAfterMs, lastLookMs - elapsedMs));
}

/**
 * Looks at the workload's health again and again, until the judge decides, the process ended, or the time is over.
 */
export async function lookUntil<Verdict>(
  { probe, clock, reporter }: Pick<Ports, 'probe' | 'clock' | 'reporter'>,
  watching: Watching<Verdict>,
  signal: AbortSignal,
): Promise<Seen<Verdict>> {
  const { budgetMs, spentMs, deadlineMs, exited, onSpent, judge } = watching;
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
  let last = 'nothing yet';
  let reportedSpent = 0;
  const elapsed = (): number => spentMs + clock.monotonic() - began;
  const evidence = (): ProbeEvidence => ({ polls, tookMs: Math.round(elapsed()), last });
  try {
    for (;;) {
      try {
        const result = await probe.look(stop);
        // A look that was under way when the process ended may have seen anybody.
        stop.throwIfAborted();
        polls += 1;
        last = result.detail;
        const elapsedMs = elapsed();
        reporter.report({ kind: 'probe', result, elapsedMs, deadlineMs });
        const verdict = judge(result, elapsedMs);
        if (verdict !== null) return { kind: 'judged', verdict, evidence: evidence() };
        if (elapsedMs - reportedSpent >= SPENT_EVERY_MS) {
          reportedSpent = elapsedMs;
          await onSpent(elapsedMs);
        }
        await clock.sleep(pause(watching, result, elapsedMs), stop);
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
