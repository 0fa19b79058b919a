/**
 * How a request that failed is answered.
 *
 * Invariants: every answer that is no success is `{ code, message, next }`; what is no `UpdateError` is a fault of this
 * program, of which the outside learns nothing but that it happened.
 */
import { hasErrno, UpdateError } from '../errors.ts';
import type { ErrorView } from './api.ts';
import { httpStatus } from './http-status.ts';

/** A status and its body. */
export interface FailedAnswer {
  readonly status: number;
  readonly body: ErrorView;
}

function answer(error: UpdateError, status: number): FailedAnswer {
  const { code, message, info } = error;
  return { status, body: { code, message, next: info.next } };
}

/** fastify's own refusals of a request (not JSON, too large, a bad URL), which carry a 4xx status. */
function refusedByFramework(error: unknown): { status: number; message: string } | null {
  if (!(error instanceof Error) || !('code' in error) || !('statusCode' in error)) return null;
  const { code, statusCode, message } = error;
  if (typeof code !== 'string' || !code.startsWith('FST_ERR_') || typeof statusCode !== 'number') return null;
  return statusCode >= 400 && statusCode < 500 ? { status: statusCode, message } : null;
}

/**
 * The answer to a request that failed.
 *
 * @param error - what was thrown
 * @param onFault - hears of what is a fault of this program
 */
export function failedAnswer(error: unknown, onFault: (error: unknown) => void): FailedAnswer {
  if (error instanceof UpdateError && error.code !== 'INTERNAL') return answer(error, httpStatus(error.code));
  const refused = refusedByFramework(error);
  if (refused !== null) return answer(new UpdateError('USAGE', refused.message), refused.status);
  onFault(error);
  return answer(new UpdateError('INTERNAL', 'the request failed by a fault of the daemon'), 500);
}

/** The answer to a request for something that is not there. */
export function unknownRoute(method: string, url: string): FailedAnswer {
  return answer(new UpdateError('USAGE', `expected a route of the control API, found ${method} ${url}`), 404);
}

/** The raw answer to bytes that are no HTTP request; null when nobody is there to read it. */
export function malformedAnswer(error: unknown): string | null {
  if (hasErrno(error, 'ECONNRESET')) return null;
  const { body } = answer(new UpdateError('USAGE', 'expected an HTTP request'), 400);
  const text = JSON.stringify(body);
  return [
    'HTTP/1.1 400 Bad Request',
    'content-type: application/json; charset=utf-8',
    `content-length: ${String(Buffer.byteLength(text))}`,
    'connection: close',
    '',
    text,
  ].join('\r\n');
}
