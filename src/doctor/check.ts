/**
 * One look of the doctor.
 *
 * Invariant: a check always comes to a finding, in bounded time. One that breaks, or takes too long, has failed.
 */
import type { CheckView } from '../control/api.ts';
import { UpdateError } from '../errors.ts';

/** What a check found. */
export type Finding = Omit<CheckView, 'name'>;

/** One thing to look at. */
export interface Check {
  /** Stable. */
  readonly name: string;
  /** May reject: that is a failure with the error's message. */
  readonly look: (signal: AbortSignal) => Promise<Finding>;
}

/** All is well. */
export const pass = (message: string): Finding => ({ result: 'pass', message, next: '' });
/** The next update would go through, but a person should know. */
export const warn = (message: string, next: string): Finding => ({ result: 'warn', message, next });
/** The next update would fail by it. */
export const fail = (message: string, next: string): Finding => ({ result: 'fail', message, next });
/** Nothing to look at, or nothing that can be seen from here. */
export const skip = (message: string): Finding => ({ result: 'skip', message, next: '' });

/** A failure for something that was thrown. */
export function failure(thrown: unknown): Finding {
  const { message, info } = UpdateError.from(thrown);
  return fail(message, info.next);
}

/**
 * Runs a check.
 *
 * @param boundMs - the longest that it may take, ms
 */
export async function runCheck({ name, look }: Check, boundMs: number): Promise<CheckView> {
  const signal = AbortSignal.timeout(boundMs);
  const late = new Promise<Finding>((resolve) => {
    signal.addEventListener('abort', () => {
      resolve(
        fail(
          `expected an answer in ${String(boundMs / 1000)} s, found none`,
          'Look at what it waits for: a disk or a network that hangs.',
        ),
      );
    });
  });
  const found = Promise.try(look, signal).catch((error: unknown) => (signal.aborted ? late : failure(error)));
  return { name, ...(await Promise.race([found, late])) };
}
