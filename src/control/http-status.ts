import { ERROR_CODES, type ErrorCode } from '../error-codes.ts';

const BY_CODE: ReadonlyMap<ErrorCode, number> = new Map([
  ['USAGE', 400],
  ['VERSION_NOT_FOUND', 404],
  ['ATTEMPT_NOT_FOUND', 404],
  ['BUNDLE_NOT_FOUND', 404],
  ['BUSY', 409],
  ['ROLLBACK_IMPOSSIBLE', 409],
  ['VERSION_BLOCKED', 409],
  ['NOTHING_TO_APPROVE', 409],
  ['UNAUTHORIZED', 401],
  ['HOST_NOT_ALLOWED', 403],
  ['FLEET_NOT_CONFIGURED', 409],
  ['RATE_LIMITED', 429],
  ['FLEET_UNREACHABLE', 503],
]);

/**
 * The HTTP status for an error's code: 400 usage, 401 no token, 403 disabled, paused, manual or called by a foreign name,
 * 404 unknown, 409 not now or not here, 429 too many, 503 the fleet is away, 500 for the rest (RFC 9110, section 15; RFC 6585).
 */
export function httpStatus(code: ErrorCode): number {
  const known = BY_CODE.get(code);
  if (known !== undefined) return known;
  return ERROR_CODES[code].exit === 5 ? 403 : 500;
}
