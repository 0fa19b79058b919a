import { ERROR_CODES } from '../error-codes.ts';
import type { Steps, Verdict } from '../steps.ts';
import type { Ports } from './ports.ts';

/** An attempt that was interrupted is tried once more; after this many interruptions the release is held to be the cause. */
const INTERRUPTIONS_TO_QUARANTINE = 2;

/** Whether a release is quarantined: it failed by its own doing, was interrupted twice, or an operator went back from it. */
export function deservesQuarantine({ error, interruptions }: Verdict): boolean {
  return (
    ERROR_CODES[error.code].blames === 'release' ||
    error.code === 'ROLLED_BACK_BY_OPERATOR' ||
    interruptions >= INTERRUPTIONS_TO_QUARANTINE
  );
}

/**
 * `rolledBack`: records the release in quarantine, with the evidence, so that it is not tried again; frees the gate.
 *
 * @throws UpdateError `QUARANTINE_FAILED`
 */
export const quarantine =
  (ports: Pick<Ports, 'quarantine' | 'gate' | 'clock'>) =>
  async ({ attempt, plan, verdict }: Steps['quarantine']['input']): Promise<{ quarantined: boolean }> => {
    await ports.gate.release(attempt);
    if (plan.to.origin === 'baseline' || !deservesQuarantine(verdict)) return { quarantined: false };
    await ports.quarantine.add({
      digest: plan.to.digest,
      version: plan.to.version,
      at: ports.clock.now(),
      attempt: attempt.id,
      reason: verdict.error,
      evidence: verdict.evidence,
    });
    return { quarantined: true };
  };
