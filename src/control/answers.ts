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

/** A caller that went away, or was sent away, in the middle of its body: nobody's fault here, and nobody reads the answer. */
function isAborted(error: unknown): boolean {
  return hasErrno(error, 'ECONNRESET') && 'statusCode' in error && error.statusCode === 400;
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
  if (isAborted(error)) return answer(new UpdateError('USAGE', 'expected a whole body'), 400);
  onFault(error);
  return answer(new UpdateError('INTERNAL', 'the request failed by a fault of the daemon'), 500);
}

/** The answer to a request for something that is not there. */
export function unknownRoute(method: string, url: string): FailedAnswer {
  return answer(new UpdateError('USAGE', `expected a route of the control API, found ${method} ${url}`), 404);
}

/** What Node's HTTP parser gave up for, and the status that says so. */
const MALFORMED: readonly (readonly [errno: string, status: string, message: string])[] = [
  ['ERR_HTTP_REQUEST_TIMEOUT', '408 Request Timeout', 'expected a whole request in time'],
  ['HPE_HEADER_OVERFLOW', '431 Request Header Fields Too Large', 'expected at most 16 KiB of headers'],
];

/** The raw answer to bytes that are no HTTP request, or no whole one; null when nobody is there to read it. */
export function malformedAnswer(error: unknown): string | null {
  if (hasErrno(error, 'ECONNRESET')) return null;
  const [, status, message] = MALFORMED.find(([errno]) => hasErrno(error, errno)) ?? [
    '',
    '400 Bad Request',
    'expected an HTTP request',
  ];
  const { body } = answer(new UpdateError('USAGE', message), 400);
  const text = JSON.stringify(body);
  return [
    `HTTP/1.1 ${status}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${String(Buffer.byteLength(text))}`,
    'connection: close',
    '',
    text,
  ].join('\r\n');
}
