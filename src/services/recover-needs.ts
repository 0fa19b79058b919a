/** What the parts of `recovering` share (`recover.ts`). */
import { UpdateError } from '../errors.ts';
import type { Ports } from './ports.ts';
import type { Settings } from './settings.ts';

/** The ports that a start needs. */
export type Needs = Pick<
  Ports,
  'workload' | 'store' | 'downloads' | 'journal' | 'reporter' | 'ids' | 'quarantine' | 'pauses' | 'succession'
>;

/** What an operator configured about it. */
export type Policy = Pick<Settings, 'channel' | 'disabled'>;

/** What may fail without keeping the workload from its start. */
export async function orWarn({ reporter }: Pick<Ports, 'reporter'>, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    reporter.report({ kind: 'warning', error: UpdateError.from(error).toRecord() });
  }
}
