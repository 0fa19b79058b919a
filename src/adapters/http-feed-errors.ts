/** How a feed's faults over HTTP are named. Messages never hold more of a URL than the caller shows. */
import { UpdateError, hasErrno } from '../errors.ts';

/** A request without an answer: `FEED_UNREACHABLE`; an `UpdateError` (the stall) stays what it is. */
export function requestFault(error: unknown, url: string): UpdateError {
  return UpdateError.from(error, 'FEED_UNREACHABLE', `no answer from ${url}`);
}

/** A body that broke off: `DOWNLOAD_TRUNCATED`; an `UpdateError` (the stall) stays what it is. */
export function bodyFault(error: unknown, url: string): UpdateError {
  if (hasErrno(error, 'UND_ERR_DESTROYED'))
    return new UpdateError('CANCELLED', `the feed was closed while ${url} was read`, { cause: error });
  return UpdateError.from(error, 'DOWNLOAD_TRUNCATED', `the connection broke while ${url} was read`);
}

function originOf(location: string | undefined, url: string): string {
  const target = location === undefined ? null : URL.parse(location, url);
  return target === null ? 'nowhere' : target.origin;
}

/** A status other than 200: `FEED_REDIRECTED` for a redirect, else `FEED_REFUSED`. */
export function statusFault(status: number, url: string, location: string | undefined): UpdateError {
  if (status >= 300 && status < 400 && status !== 304)
    return new UpdateError(
      'FEED_REDIRECTED',
      `expected ${url} itself, found HTTP ${String(status)} to ${originOf(location, url)}`,
    );
  return new UpdateError('FEED_REFUSED', `expected HTTP 200 for ${url}, found HTTP ${String(status)}`);
}
