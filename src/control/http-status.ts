import { ERROR_CODES, type ErrorCode } from '../error-codes.ts';

const BY_CODE: ReadonlyMap<ErrorCode, number> = new Map([
  ['USAGE', 400],
  ['VERSION_NOT_FOUND', 404],
  ['ATTEMPT_NOT_FOUND', 404],
  ['BUNDLE_NOT_FOUND', 404],
  ['BUSY', 409],
  ['ROLLBACK_IMPOSSIBLE', 409],
  ['VERSION_BLOCKED', 409],
]);

/**
 * The HTTP status for an error's code: 400 usage, 403 disabled, paused or manual, 404 unknown, 409 not now or not here,
 * 500 for the rest (RFC 9110, section 15).
 */
export function httpStatus(code: ErrorCode): number {
  const known = BY_CODE.get(code);
  if (known !== undefined) return known;
  return ERROR_CODES[code].exit === 5 ? 403 : 500;
}
