import { throwIfCancelled } from '../../../src/adapters/disk-errors.ts';
import type { Clock, HealthProbe } from '../../../src/services/ports.ts';
import type { Process, SimProcesses } from './sim-processes.ts';

/** Whether a process answers with 200 now. */
export function isHealthy({ behaviour, startedAt }: Process, now: number): boolean {
  if (typeof behaviour === 'object' && 'slow' in behaviour) return now >= startedAt + behaviour.slow;
  return behaviour !== 'sick';
}

/**
 * A probe of whatever runs on the simulated host: 200 by a healthy program, 500 by a sick one.
 *
 * @param beside - of what runs beside the workload, at its own address
 */
export function createSimProbe(
  processes: SimProcesses,
  clock: Pick<Clock, 'monotonic'>,
  beside = false,
): HealthProbe {
  const there = (): readonly Process[] => processes.running().filter((each) => each.beside === beside);
  return {
    address: beside ? 'a check address' : 'http://127.0.0.1:7701/healthz',
    look: async (signal) => {
      throwIfCancelled(signal);
      const [running] = there();
      if (running === undefined) return { healthy: false, detail: 'connection refused' };
      const healthy = isHealthy(running, clock.monotonic());
      return { healthy, detail: healthy ? 'HTTP 200' : 'HTTP 500' };
    },
    answered: async (signal) => {
      throwIfCancelled(signal);
      return there().length > 0;
    },
  };
}
