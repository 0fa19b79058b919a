import { UpdateError } from '../../src/errors.ts';
import type { Approval, Approvals } from '../../src/services/ports.ts';

/** Approvals in memory. */
export function memoryApprovals(): Approvals {
  const approvals = new Map<string, Approval>();
  const waiting = new Map<string, PromiseWithResolvers<undefined>>();
  return {
    get: (digest) => Promise.resolve(approvals.get(digest) ?? null),
    add: (approval) => {
      if (!approvals.has(approval.digest)) approvals.set(approval.digest, approval);
      waiting.get(approval.digest)?.resolve(undefined);
      return Promise.resolve();
    },
    approved: async (digest, signal) => {
      if (approvals.has(digest)) return;
      const heard = waiting.get(digest) ?? Promise.withResolvers<undefined>();
      waiting.set(digest, heard);
      const left = Promise.withResolvers<undefined>();
      const abort = (): void => {
        left.reject(new UpdateError('CANCELLED', 'no longer waiting for an approval'));
      };
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
      await Promise.race([heard.promise, left.promise]);
    },
  };
}
