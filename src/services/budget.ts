import { UpdateError } from '../errors.ts';
import type { Ports } from './ports.ts';

/** Time that must survive a restart, kept as time spent. */
export interface Budget {
  /** Milliseconds spent by this and by earlier daemons. */
  spent(): Promise<number>;
  spend(totalMs: number): Promise<void>;
}

/**
 * A budget in the journal. A journal that cannot be used costs only exactness after a restart, so it is a warning: a healthy
 * version must not be rolled back for it.
 *
 * @param name - `probe:<attempt>` or `watch:<digest>`
 */
export function openBudget({ journal, reporter }: Pick<Ports, 'journal' | 'reporter'>, name: string): Budget {
  const orWarn = async <T>(work: Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      reporter.report({ kind: 'warning', error: UpdateError.from(error).toRecord() });
      return otherwise;
    }
  };
  return {
    spent: () => orWarn(journal.spent(name), 0),
    spend: (totalMs) => orWarn(journal.spend(name, totalMs), undefined),
  };
}
