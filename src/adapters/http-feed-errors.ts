/**
 * How a feed's faults over HTTP are named, and which of them may pass by themselves. Messages never hold more of a URL than the
 * caller shows.
 */
import { UpdateError, hasErrno, type RetryHint } from '../errors.ts';

const SOON: RetryHint = { afterMs: null };

/** Codes of OpenSSL and Node for a certificate or a handshake that will not get better by itself. */
const TLS_FAULT =
  /^(?:CERT_|ERR_TLS_|ERR_SSL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|CRL_|ERROR_IN_C|INVALID_|PATH_LENGTH_|HOSTNAME_|EPROTO$)/;

function* causes(error: unknown): Generator<Error> {
  for (let each = error; each instanceof Error; each = each.cause) yield each;
}

/** The status by which a proxy refused; null where it did not, or gave none. */
function proxyStatus(error: unknown): number | null {
  for (const { message } of causes(error)) {
    const status = /^Proxy (?:response|Authentication Required) \((\d{3})\)/.exec(message)?.[1];
    if (status !== undefined) return Number(status);
  }
  return null;
}

/** Whether a status stands for a fault that may pass: RFC 9110 sections 15.5.9 and 15.6, RFC 8470 section 5.2, RFC 6585 section 4. */
function mayPass(status: number): boolean {
  return [408, 425, 429].includes(status) || status >= 500;
}

/** A request without an answer: `FEED_UNREACHABLE`; an `UpdateError` (the stall) stays what it is. */
export function requestFault(error: unknown, url: string): UpdateError {
  if (error instanceof UpdateError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const isTls = [...causes(error)].some((each) => 'code' in each && TLS_FAULT.test(String(each.code)));
  const status = proxyStatus(error);
  const passes = !isTls && (status === null || mayPass(status));
  return new UpdateError('FEED_UNREACHABLE', `no answer from ${url}: ${message}`, {
    cause: error,
    retry: passes ? SOON : null,
  });
}

/** A body that broke off: `DOWNLOAD_TRUNCATED`; an `UpdateError` (the stall) stays what it is. */
export function bodyFault(error: unknown, url: string): UpdateError {
  if (error instanceof UpdateError) return error;
  if (hasErrno(error, 'UND_ERR_DESTROYED'))
    return new UpdateError('CANCELLED', `the feed was closed while ${url} was read`, { cause: error });
  const message = error instanceof Error ? error.message : String(error);
  return new UpdateError('DOWNLOAD_TRUNCATED', `the connection broke while ${url} was read: ${message}`, {
    cause: error,
    retry: SOON,
  });
}

/** A part that the server made shorter than it was asked for, though more is there: `DOWNLOAD_TRUNCATED`. */
export function partFault(url: string, range: string): UpdateError {
  return new UpdateError('DOWNLOAD_TRUNCATED', `expected ${url} to its end, found only ${range}`, {
    retry: SOON,
  });
}

/** No start of an answer, or too little of a body, for too long: `FEED_STALLED`. */
export function stallFault(message: string): UpdateError {
  return new UpdateError('FEED_STALLED', message, { retry: SOON });
}

function originOf(location: string | undefined, url: string): string {
  const target = location === undefined ? null : URL.parse(location, url);
  return target === null ? 'nowhere' : target.origin;
}

/**
 * A status other than 200: `FEED_REDIRECTED` for a redirect, else `FEED_REFUSED`.
 *
 * @param afterMs - what `Retry-After` asks for, ms; only 429 and 503 have it (RFC 6585 section 4, RFC 9110 section 15.6.4)
 */
export function statusFault(
  status: number,
  url: string,
  location: string | undefined,
  afterMs: number | null = null,
): UpdateError {
  if (status >= 300 && status < 400 && status !== 304)
    return new UpdateError(
      'FEED_REDIRECTED',
      `expected ${url} itself, found HTTP ${String(status)} to ${originOf(location, url)}`,
    );
  const retry = [429, 503].includes(status) ? { afterMs } : SOON;
  return new UpdateError('FEED_REFUSED', `expected HTTP 200 for ${url}, found HTTP ${String(status)}`, {
    retry: mayPass(status) ? retry : null,
  });
}
