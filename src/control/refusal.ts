import { z } from 'zod';
import { ERROR_CODES, type ErrorCode } from '../error-codes.ts';
import { UpdateError } from '../errors.ts';
import type { ControlAnswer, ControlRequest } from './exchange.ts';

const errorSchema = z.object({ code: z.string(), message: z.string() });

function isKnown(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code);
}

/** What the daemon refused a request with, as the `UpdateError` that it gave. */
export function refusal({ method, path }: ControlRequest, answer: ControlAnswer): UpdateError {
  const { status, json, server } = answer;
  const parsed = errorSchema.safeParse(json);
  if (!parsed.success)
    return new UpdateError('CONTROL_FAILED', `the daemon answered with status ${String(status)}`);
  const { code, message } = parsed.data;
  // Only a route that is not there is both.
  if (status === 404 && code === 'USAGE')
    return new UpdateError(
      'CONTROL_FAILED',
      `expected a daemon with ${method} ${path.replace(/\?.*$/, '')}, found ${server ?? 'another'} without: its version differs from this program’s`,
    );
  // A daemon that is newer than this client may know more codes.
  return isKnown(code)
    ? new UpdateError(code, message)
    : new UpdateError('CONTROL_FAILED', `${message} (${code})`);
}
