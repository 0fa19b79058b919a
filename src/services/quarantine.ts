import { ERROR_CODES } from '../error-codes.ts';
import { UpdateError } from '../errors.ts';
import type { Owed, Steps, Verdict } from '../steps.ts';
import { runAfterwards } from './after-hook.ts';
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
 * `rolledBack`: records the release in quarantine, with the evidence, so that it is not tried again; frees the gate; runs the hook
 * `post_rollback`, whose failure is only a warning. So are those of earlier attempts that could not be recorded then.
 *
 * @throws UpdateError `QUARANTINE_FAILED`, whatever the cause
 */
export const quarantine =
  (ports: Pick<Ports, 'quarantine' | 'gate' | 'clock' | 'hooks' | 'reporter' | 'succession'>) =>
  async (
    { attempt, plan, verdict, owed = [], successor, afterCommit }: Steps['quarantine']['input'],
    signal: AbortSignal,
  ): Promise<{ quarantined: boolean }> => {
    const record = async ({
      attempt,
      plan: { to },
      verdict,
      successor,
      afterCommit,
    }: Owed): Promise<boolean> => {
      if (!deservesQuarantine(verdict)) return false;
      const about = {
        at: ports.clock.now(),
        attempt: attempt.id,
        reason: verdict.error,
        evidence: verdict.evidence,
      };
      if (successor !== undefined) {
        const { ref, sha256 } = successor;
        await ports.quarantine.add({ digest: sha256, version: ref.version, role: 'daemon', ...about });
        // Only now: should the power go before, the next start finds what failed once more.
        await ports.succession.settle();
        // The workload of the same release is committed: only its daemon failed.
        if (afterCommit === true) return true;
      }
      if (to.origin === 'baseline') return successor !== undefined;
      await ports.quarantine.add({ digest: to.digest, version: to.version, ...about });
      return true;
    };
    try {
      try {
        for (const earlier of owed) await record(earlier);
        return { quarantined: await record({ attempt, plan, verdict, successor, afterCommit }) };
      } finally {
        await ports.gate.release(attempt);
      }
    } catch (error) {
      // Whatever went wrong: by this code `schedule` knows that the attempt must stay open, and so does the next start.
      const { code, message } = UpdateError.from(error);
      throw code === 'QUARANTINE_FAILED'
        ? error
        : new UpdateError('QUARANTINE_FAILED', `could not end the attempt: ${message}`, { cause: error });
    } finally {
      // The host has gone back, whether that could be recorded or not.
      const { error } = verdict;
      await runAfterwards(ports, 'post_rollback', { attempt, plan, outcome: 'rolledBack', error }, signal);
    }
  };
