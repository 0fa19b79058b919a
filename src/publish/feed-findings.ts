/** What the check of a feed found, collected. */
import { UpdateError } from '../errors.ts';
import type { ErrorCode } from '../error-codes.ts';

/** `fault` is what clients would refuse or miss, `warning` what will become one, or is only odd. */
export type FindingLevel = 'ok' | 'warning' | 'fault';

/** One thing that was looked at. */
export interface Finding {
  /** Relative to the feed, with `/`. */
  readonly path: string;
  readonly level: FindingLevel;
  /** The code that a client would refuse it with; null where no client would look at it. */
  readonly code: ErrorCode | null;
  /** What was found, for people. */
  readonly message: string;
}

/** Collects findings. */
export interface Findings {
  readonly all: readonly Finding[];
  ok(path: string, message: string): void;
  warn(path: string, message: string): void;
  fault(path: string, error: unknown): void;
  /** Runs a check; what it refuses is a fault of the path. Null then. */
  check<T>(path: string, step: () => Promise<T>): Promise<T | null>;
}

/**
 * Makes an empty collection.
 *
 * @param signal - once it is aborted, `check` rejects with what it refuses, since that is no fault of the feed
 */
export function createFindings(signal?: AbortSignal): Findings {
  const all: Finding[] = [];
  const fault = (path: string, error: unknown): void => {
    const { code, message } = UpdateError.from(error);
    all.push({ path, level: 'fault', code, message });
  };
  return {
    all,
    ok: (path, message) => void all.push({ path, level: 'ok', code: null, message }),
    warn: (path, message) => void all.push({ path, level: 'warning', code: null, message }),
    fault: (path, error) => {
      if (typeof error === 'string') all.push({ path, level: 'fault', code: null, message: error });
      else fault(path, error);
    },
    async check(path, step) {
      try {
        return await step();
      } catch (error) {
        signal?.throwIfAborted();
        fault(path, error);
        return null;
      }
    },
  };
}
