/** The CLI's exit codes: what each means, and which an attempt ends with. */
import { ERROR_CODES, type ErrorCode } from '../error-codes.ts';
import type { OutcomeKind } from '../types.ts';

/** What the CLI may end with. */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5 | 6;

/** What each exit code means. */
export const EXIT_CODES: Readonly<Record<ExitCode, string>> = {
  0: 'done, or nothing to do',
  1: 'error',
  2: 'usage or configuration',
  3: 'not trusted (signature, manifest or checksum)',
  4: 'the update was rolled back by itself',
  5: 'deferred or disabled',
  6: 'no daemon answers',
};

/** How an attempt ended, as far as it decides the exit code. */
export interface EndedAttempt {
  readonly outcome: OutcomeKind;
  readonly error: { readonly code: ErrorCode } | null;
}

/**
 * The exit code for an attempt that ended.
 *
 * @param ended - how it ended
 * @param asked - what the operator asked for: a rollback that ended in a rollback is what they wanted
 */
export function exitCodeOf({ outcome, error }: EndedAttempt, asked: 'update' | 'rollback'): ExitCode {
  switch (outcome) {
    case 'committed':
    case 'available':
      return 0;
    case 'nothing': {
      // Nothing to do because something is held back is not the same as being up to date.
      const exit = error === null ? 0 : ERROR_CODES[error.code].exit;
      return exit === 3 || exit === 5 ? exit : 0;
    }
    case 'rolledBack':
      return asked === 'rollback' ? 0 : 4;
    case 'refused':
      return 3;
    case 'deferred':
      return 5;
    case 'error':
      return error === null ? 1 : ERROR_CODES[error.code].exit;
    case 'failed':
    case 'interrupted':
      return 1;
  }
}

const ALL: readonly ExitCode[] = [0, 1, 2, 3, 4, 5, 6];

/** The exit codes as they stand in `--help`; all of them unless told. */
export function exitCodesHelp(codes: readonly ExitCode[] = ALL): string {
  const lines = codes.map((code) => `  ${String(code)}  ${EXIT_CODES[code]}`);
  return `\nExit codes:\n${lines.join('\n')}\n`;
}
