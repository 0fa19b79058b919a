import { throwIfCancelled } from '../../src/adapters/disk-errors.ts';
import type { Drain } from '../../src/services/ports.ts';
import type { Drained } from '../../src/types.ts';

/** A {@link Drain} that says what it is told to, and writes down whom it drained. */
export interface FakeDrain extends Drain {
  result: Drained | null;
  readonly drained: string[];
}

/**
 * @param calls - gets a line for each drain, between those of the other ports
 */
export function createFakeDrain(result: Drained | null, calls: string[] = []): FakeDrain {
  const drained: string[] = [];
  return {
    result,
    drained,
    async run({ version }, signal) {
      await Promise.resolve();
      throwIfCancelled(signal);
      drained.push(version);
      calls.push(`drain ${version}`);
      return this.result;
    },
  };
}
