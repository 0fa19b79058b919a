import { UpdateError } from '../errors.ts';
import type { Steps } from '../steps.ts';
import type { ProbeEvidence } from '../types.ts';
import { openBudget } from './budget.ts';
import { pollHealth } from './health.ts';
import type { Ports } from './ports.ts';
import type { Settings } from './settings.ts';
import { soak } from './soak.ts';

type Needs = Pick<Ports, 'probe' | 'clock' | 'reporter' | 'workload' | 'journal'>;
type Policy = Pick<
  Settings,
  | 'rollbackTimeoutMs'
  | 'probeIntervalMs'
  | 'probeSuccessThreshold'
  | 'soakMs'
  | 'failureThreshold'
  | 'flapThreshold'
>;

const seconds = (ms: number): string => `${String(ms / 1000)} s`;

/** What was seen, for people. */
const lines = ({ probe }: Pick<Ports, 'probe'>, { polls, tookMs, last }: ProbeEvidence): string[] => [
  `${String(polls)} looks at ${probe.address} in ${String(tookMs)} ms`,
  `last: ${last}`,
];

async function untilHealthy(
  ports: Needs,
  settings: Policy,
  { attempt, plan, pid }: Steps['probe']['input'],
  signal: AbortSignal,
): Promise<ProbeEvidence> {
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
  if (verdict.kind === 'exited')
    throw new UpdateError(
      'PROBE_EXITED',
      `${plan.to.version} ended with ${verdict.how} after ${String(evidence.tookMs)} ms; last seen: ${evidence.last}`,
      { evidence: [verdict.how, ...lines(ports, evidence)] },
    );
  if (verdict.kind === 'timeout')
    throw new UpdateError(
      'PROBE_TIMEOUT',
      `expected ${ports.probe.address} to be healthy within ${seconds(settings.rollbackTimeoutMs)} of starting ${plan.to.version}; last seen: ${evidence.last}`,
      { evidence: lines(ports, evidence) },
    );
  // A daemon that is stopped from now on has to find it healthy again, and has the whole time for that.
  if (settings.soakMs > 0) await budget.spend(0);
  return evidence;
}

async function staysHealthy(
  ports: Needs,
  settings: Policy,
  { attempt, plan, pid }: Steps['probe']['input'],
  healthy: ProbeEvidence,
  signal: AbortSignal,
): Promise<ProbeEvidence> {
  const budget = openBudget(ports, `soak:${attempt.id}`);
  const verdict = await soak(
    ports,
    settings,
    {
      budgetMs: settings.rollbackTimeoutMs,
      spentMs: await budget.spent(),
      exited: (stop) => ports.workload.exit(pid, stop),
      onSpent: (ms) => budget.spend(ms),
    },
    signal,
  );
  const { evidence, turns } = verdict;
  const seen = [...turns, ...lines(ports, evidence), `healthy at first after ${String(healthy.tookMs)} ms`];
  if (verdict.kind === 'exited')
    throw new UpdateError(
      'PROBE_EXITED',
      `${plan.to.version} ended with ${verdict.how} after ${String(evidence.tookMs)} ms of its soak; last seen: ${evidence.last}`,
      { evidence: [verdict.how, ...seen] },
    );
  if (verdict.kind === 'failed')
    throw new UpdateError(
      'SOAK_FAILED',
      `expected ${plan.to.version} to stay healthy for ${seconds(settings.soakMs)}, found after ${String(evidence.tookMs)} ms: ${verdict.why}; last seen: ${evidence.last}`,
      { evidence: [verdict.why, ...seen] },
    );
  return {
    polls: healthy.polls + evidence.polls,
    tookMs: healthy.tookMs + evidence.tookMs,
    last: evidence.last,
  };
}

/**
 * `probing`: polls the health of the new version until it is good, it ends, or the rollback timeout is over; then, if there is to
 * be a soak, sees that it stays so. Both times are budgets of time spent: a daemon that is stopped in good order meanwhile goes on
 * with what is left of them, once the version is healthy again.
 *
 * @throws UpdateError `PROBE_TIMEOUT`, `PROBE_EXITED`, `SOAK_FAILED`
 */
export const probe =
  (ports: Needs, settings: Policy) =>
  async (input: Steps['probe']['input'], signal: AbortSignal): Promise<ProbeEvidence> => {
    const healthy = await untilHealthy(ports, settings, input, signal);
    if (settings.soakMs === 0) return healthy;
    return staysHealthy(ports, settings, input, healthy, signal);
  };
