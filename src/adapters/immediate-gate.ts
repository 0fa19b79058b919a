import { throwIfCancelled } from './disk-errors.ts';
import type { Gate } from '../services/ports.ts';

/**
 * The gate that is always open. It takes nothing, so there is nothing to give back.
 *
 * Rejects with `CANCELLED` only when the signal has fired already.
 */
export const immediateGate: Gate = {
  pass: (_attempt, _plan, signal) =>
    new Promise((resolve) => {
      throwIfCancelled(signal);
      resolve();
    }),
  release: () => Promise.resolve(),
};
