import type { Steps } from '../steps.ts';
import type { Ports } from './ports.ts';

/**
 * `draining`: the new version is proved healthy, so `current` is pointed at it first; then the old one is drained and stopped, and the
 * new one is the workload.
 *
 * @throws UpdateError `WORKLOAD_STOP_FAILED`, `PROBE_EXITED`, `STAGE_FAILED`, `DISK_FULL`, `STATE_DIR_UNUSABLE`
 */
export const drain =
  ({ workload, store, drain: port, reporter }: Pick<Ports, 'workload' | 'store' | 'drain' | 'reporter'>) =>
  async ({ plan }: Steps['drain']['input'], signal: AbortSignal): Promise<Steps['drain']['output']> => {
    await store.activate(plan.to);
    const { pid } = workload.status();
    const { version } = plan.from;
    const drained = pid === null ? null : await port.run({ pid, version }, signal);
    if (drained !== null) reporter.report({ kind: 'drained', version, drained });
    await workload.beside?.relieve(signal);
    return { drained };
  };
