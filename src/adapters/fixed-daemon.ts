import { UpdateError } from '../errors.ts';
import type { Succession } from '../services/ports.ts';

/**
 * A daemon that cannot replace itself: one that runs from source, inside another program, or on Kubernetes.
 *
 * @param version - its version
 */
export function fixedDaemon(version: string): Succession {
  const impossible = (): Promise<never> =>
    Promise.reject(
      new UpdateError('HANDOVER_FAILED', 'expected a daemon that can replace itself, found one that cannot'),
    );
  return {
    running: () => Promise.resolve({ version, sha256: null, ref: null }),
    origin: () => Promise.resolve(null),
    state: () => Promise.resolve({ kind: 'none' }),
    selfTest: impossible,
    become: impossible,
    acknowledge: () => Promise.resolve(),
    settle: () => Promise.resolve(),
  };
}
