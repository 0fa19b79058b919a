import { UpdateError } from '../errors.ts';
import type { Steps } from '../steps.ts';
import { pollHealth } from './health.ts';
import type { Ports } from './ports.ts';
import type { Settings } from './settings.ts';

type Needs = Pick<Ports, 'workload' | 'store' | 'probeBeside' | 'clock' | 'reporter'>;
type Policy = Pick<Settings, 'rollbackTimeoutMs' | 'probeIntervalMs' | 'probeSuccessThreshold'>;

/**
 * `overlapping`: compares the new version with its signed manifest, starts it beside the old one on the same listening sockets, and
 * probes it at its own check address. The old one goes on, and `current` still points at it: until the new one is proved healthy, every
 * way back is to end it.
 *
 * @throws UpdateError `PROBE_TIMEOUT`, `PROBE_EXITED`, `LISTEN_FAILED`, `VERSION_DAMAGED`, `VERSION_NOT_FOUND`, `WORKLOAD_START_FAILED`,
 * `WORKLOAD_SPAWN_FAILED`, `DISK_FULL`, `STATE_DIR_UNUSABLE`
 */
export const overlap =
  (ports: Needs, settings: Policy) =>
  async ({ plan }: Steps['overlap']['input'], signal: AbortSignal): Promise<{ pid: number }> => {
    const { workload, store, probeBeside } = ports;
    if (workload.beside === undefined)
      throw new UpdateError('INTERNAL', 'expected a workload of which two versions can run at once');
    const target = { ref: plan.to, entry: await store.entry(plan.to) };
    await store.check(plan.to, signal);
    const { pid } = await workload.beside.start(target, signal);
    const verdict = await pollHealth(
      { ...ports, probe: probeBeside },
      settings,
      {
        budgetMs: settings.rollbackTimeoutMs,
        spentMs: 0,
        exited: (stop) => workload.exit(pid, stop),
        onSpent: () => Promise.resolve(),
      },
      signal,
    );
    if (verdict.kind === 'healthy') return { pid };
    const { evidence } = verdict;
    const seen = [
      `${String(evidence.polls)} looks at ${probeBeside.address} in ${String(evidence.tookMs)} ms`,
      `last: ${evidence.last}`,
      `${plan.from.version} was never stopped`,
    ];
    throw verdict.kind === 'exited'
      ? new UpdateError(
          'PROBE_EXITED',
          `${plan.to.version} ended with ${verdict.how} beside ${plan.from.version}; last seen: ${evidence.last}`,
          { evidence: [verdict.how, ...seen] },
        )
      : new UpdateError(
          'PROBE_TIMEOUT',
          `expected ${probeBeside.address} to be healthy within ${String(settings.rollbackTimeoutMs / 1000)} s of starting ${plan.to.version} beside ${plan.from.version}; last seen: ${evidence.last}`,
          { evidence: seen },
        );
  };
