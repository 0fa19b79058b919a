import type { Steps } from '../steps.ts';
import { drainRunning } from './drain-running.ts';
import type { Ports } from './ports.ts';

/**
 * `draining`: the new version is proved healthy, so `current` is pointed at it first; then the old one is drained and stopped, and the
 * new one is the workload.
 *
 * @throws UpdateError `WORKLOAD_STOP_FAILED`, `PROBE_EXITED`, `STAGE_FAILED`, `DISK_FULL`, `STATE_DIR_UNUSABLE`
 */
export const drain =
  (ports: Pick<Ports, 'workload' | 'store' | 'drain' | 'reporter'>) =>
  async ({ plan }: Steps['drain']['input'], signal: AbortSignal): Promise<Steps['drain']['output']> => {
    const { workload, store } = ports;
    await store.activate(plan.to);
    const drained = await drainRunning(ports, plan.from.version, signal);
    await workload.beside?.relieve(signal);
    return { drained };
  };
