import type { Drained } from '../types.ts';
import type { Ports } from './ports.ts';

/**
 * Drains the version that runs, if any does and anything is configured to drain it, and reports how it went. It never holds a stop back:
 * it rejects only by the signal.
 *
 * @param version - of what runs, for people
 */
export async function drainRunning(
  { workload, drain, reporter }: Pick<Ports, 'workload' | 'drain' | 'reporter'>,
  version: string,
  signal: AbortSignal,
): Promise<Drained | null> {
  const { state, pid } = workload.status();
  if (state !== 'running' || pid === null) return null;
  const drained = await drain.run({ pid, version }, signal);
  if (drained !== null) reporter.report({ kind: 'drained', version, drained });
  return drained;
}
