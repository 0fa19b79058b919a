import { ERROR_CODES, type CodeInfo, type ErrorCode } from './error-codes.ts';

/** What an error looks like once it is data: in the machine's context, the journal, `--json`, the control API. */
export interface ErrorRecord {
  readonly code: ErrorCode;
  readonly message: string;
}

/** That the same request may be answered if it is made again soon. */
export interface RetryHint {
  /** The least that the other side wants to be left alone for, ms from then; null where it said nothing. */
  readonly afterMs: number | null;
}

/** Extra facts of an {@link UpdateError}. */
export interface UpdateErrorOptions {
  /** The lower-level error that led here. */
  readonly cause?: unknown;
  /** The state of the update machine in which it happened. */
  readonly stage?: string;
  /** Overrides the code's own `retryable`. */
  readonly retryable?: boolean;
  /** Set by an adapter that knows that it may help to ask again at once, within the same step. */
  readonly retry?: RetryHint | null;
  /** What was seen, line by line, for people; kept with a quarantined release. */
  readonly evidence?: readonly string[];
}

/**
 * The only error that a service, an adapter or a parser rejects with.
 *
 * The message says what was expected and what was found; what to do next comes from the code's row in
 * {@link ERROR_CODES}.
 *
 * @example
 * throw new UpdateError('WRONG_PLATFORM', 'expected linux/x64, found linux/arm64');
 */
export class UpdateError extends Error {
  override readonly name = 'UpdateError';
  readonly code: ErrorCode;
  readonly stage: string | undefined;
  readonly retryable: boolean;
  /** null: to ask again at once would change nothing. Not the same as `retryable`, which is about another attempt. */
  readonly retry: RetryHint | null;
  readonly evidence: readonly string[];

  /**
   * @param code - a key of {@link ERROR_CODES}
   * @param message - what was expected and what was found, without a full stop
   */
  constructor(code: ErrorCode, message: string, options: UpdateErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.stage = options.stage;
    this.retryable = options.retryable ?? ERROR_CODES[code].retryable;
    this.retry = options.retry ?? null;
    this.evidence = options.evidence ?? [];
  }

  /** The row of this error's code: exit code, blame, meaning and what to do next. */
  get info(): CodeInfo {
    return ERROR_CODES[this.code];
  }

  /** This error as data, for the machine's context and the journal. */
  toRecord(): ErrorRecord {
    return { code: this.code, message: this.message };
  }

  /**
   * Turns whatever was thrown into an `UpdateError`: an `UpdateError` stays what it is, anything else gets `code`
   * and keeps the original as its `cause`.
   *
   * @param error - what was thrown
   * @param code - the code for anything that is not an `UpdateError` yet; `INTERNAL` unless told
   * @param what - what was being done, put before the original message
   */
  static from(error: unknown, code: ErrorCode = 'INTERNAL', what?: string): UpdateError {
    if (error instanceof UpdateError) return error;
    const message = error instanceof Error ? error.message : String(error);
    return new UpdateError(code, what === undefined ? message : `${what}: ${message}`, { cause: error });
  }
}

/**
 * Whether an error is Node's own with one of these codes.
 *
 * @example
 * if (!hasErrno(error, 'ENOENT')) throw error;
 */
export function hasErrno(error: unknown, ...codes: readonly string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
