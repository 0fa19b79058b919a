import { UpdateError } from '../errors.ts';
import type { Steps } from '../steps.ts';
import { drainRunning } from './drain-running.ts';
import type { Ports } from './ports.ts';

/**
 * `draining`: the new version is proved healthy, so `current` is pointed at it, and it is told that it may take clients; then the old one
 * is drained and stopped, and the new one is the workload. In this order, since what clients meet is what must run after a power cut.
 *
 * @throws UpdateError `WORKLOAD_STOP_FAILED`, `PROBE_EXITED`, `STAGE_FAILED`, `DISK_FULL`, `STATE_DIR_UNUSABLE`
 */
export const drain =
  (ports: Pick<Ports, 'workload' | 'store' | 'drain' | 'reporter'>) =>
  async ({ plan, pid }: Steps['drain']['input'], signal: AbortSignal): Promise<Steps['drain']['output']> => {
    const { workload, store } = ports;
    await store.activate(plan.to);
    await workload.beside?.promote(signal);
    const over = new AbortController();
    const stop = AbortSignal.any([signal, over.signal]);
    try {
      const ended = workload.exit(pid, stop).then((how) => {
        throw new UpdateError(
          'PROBE_EXITED',
          `${plan.to.version} ended with ${how} while ${plan.from.version} was drained`,
          { evidence: [how] },
        );
      });
      // Nobody is served while the old one is waited for.
      const drained = await Promise.race([drainRunning(ports, plan.from.version, stop), ended]);
      await workload.beside?.relieve(signal);
      return { drained };
    } finally {
      over.abort();
    }
  };
