import type { ErrorRecord, UpdateError } from '../../src/errors.ts';
import type { Pauses } from '../../src/services/ports.ts';

/** An operator's pause in memory. */
export interface MemoryPauses extends Pauses {
  reason: ErrorRecord | null;
  /** Rejects `read` while set. */
  fault: UpdateError | null;
}

/** Not paused. */
export function memoryPauses(): MemoryPauses {
  const pauses: MemoryPauses = {
    reason: null,
    fault: null,
    read: () => (pauses.fault === null ? Promise.resolve(pauses.reason) : Promise.reject(pauses.fault)),
    write: (reason) => {
      pauses.reason = reason;
      return Promise.resolve();
    },
    clear: () => {
      pauses.reason = null;
      return Promise.resolve();
    },
  };
  return pauses;
}
