import { UpdateError } from '../errors.ts';
import type { Steps } from '../steps.ts';
import type { ProbeEvidence } from '../types.ts';
import { openBudget } from './budget.ts';
import { pollHealth } from './health.ts';
import type { Ports } from './ports.ts';
import type { Settings } from './settings.ts';

/**
 * `probing`: polls the health of the new version until it is good, it ends, or the rollback timeout is over. The timeout is
 * a budget of time spent: a daemon that is stopped in good order meanwhile goes on with what is left of it.
 *
 * @throws UpdateError `PROBE_TIMEOUT`, `PROBE_EXITED`
 */
export const probe =
  (
    ports: Pick<Ports, 'probe' | 'clock' | 'reporter' | 'workload' | 'journal'>,
    settings: Pick<Settings, 'rollbackTimeoutMs' | 'probeIntervalMs' | 'probeSuccessThreshold'>,
  ) =>
  async ({ attempt, plan, pid }: Steps['probe']['input'], signal: AbortSignal): Promise<ProbeEvidence> => {
    const budget = openBudget(ports, `probe:${attempt.id}`);
    const spentMs = await budget.spent();
    const verdict = await pollHealth(
      ports,
      settings,
      {
        budgetMs: Math.max(0, settings.rollbackTimeoutMs - spentMs),
        spentMs,
        exited: (stop) => ports.workload.exit(pid, stop),
        onSpent: (ms) => budget.spend(ms),
      },
      signal,
    );
    const { evidence } = verdict;
    if (verdict.kind === 'healthy') return evidence;
    const seen = [
      `${String(evidence.polls)} looks at ${ports.probe.address} in ${String(evidence.tookMs)} ms`,
      `last: ${evidence.last}`,
    ];
    if (verdict.kind === 'exited')
      throw new UpdateError(
        'PROBE_EXITED',
        `${plan.to.version} ended with ${verdict.how} after ${String(evidence.tookMs)} ms; last seen: ${evidence.last}`,
        { evidence: [verdict.how, ...seen] },
      );
    throw new UpdateError(
      'PROBE_TIMEOUT',
      `expected 200 from ${ports.probe.address} within ${String(settings.rollbackTimeoutMs / 1000)} s of starting ${plan.to.version}; last seen: ${evidence.last}`,
      { evidence: seen },
    );
  };
