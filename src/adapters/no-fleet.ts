import { UpdateError } from '../errors.ts';
import type { Nudges, Orders } from '../services/ports.ts';

/** Where there is no fleet: nobody orders anything. */
export const noOrders: Orders = { halted: () => Promise.resolve(null) };

/** Where there is no fleet: no hint ever comes. */
export const noNudges: Nudges = {
  next: (signal) =>
    new Promise((_, reject) => {
      const stopped = (): void => {
        reject(new UpdateError('CANCELLED', 'no hint is waited for any more', { cause: signal.reason }));
      };
      if (signal.aborted) stopped();
      else signal.addEventListener('abort', stopped, { once: true });
    }),
};
