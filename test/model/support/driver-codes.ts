/** Hears every service of a run, and remembers each that rejects with a code which the machine does not list for it. */
import type { ErrorCode } from '../../../src/error-codes.ts';
import { UPDATE_ERRORS } from '../../../src/machines/update.errors.ts';
import type { StepObserver } from '../../../src/services/index.ts';
import type { StepName } from '../../../src/steps.ts';

/** An observer, and what it found. */
export interface CodeWatch {
  /** For `services(ports, settings, observe)` and `startDaemon({ observe })`. */
  readonly observe: StepObserver;
  /** `step code: message`, each once; must be empty after a run. */
  readonly unlisted: ReadonlySet<string>;
  /** `step code`, each once: what was really seen. */
  readonly seen: ReadonlySet<string>;
}

/** Whether a step may reject with a code. `CANCELLED` is what every service says once nobody listens. */
export function isListed(step: StepName, code: ErrorCode): boolean {
  return code === 'CANCELLED' || (UPDATE_ERRORS[step] as readonly ErrorCode[]).includes(code);
}

/** Makes an observer. */
export function watchCodes(): CodeWatch {
  const unlisted = new Set<string>();
  const seen = new Set<string>();
  return {
    unlisted,
    seen,
    observe: (event) => {
      if (event.phase !== 'failed') return;
      const { step, error } = event;
      seen.add(`${step} ${error.code}`);
      if (!isListed(step, error.code)) unlisted.add(`${step} ${error.code}: ${error.message}`);
    },
  };
}
