/** Answers of the feed's server: which file, how much of it, and what caches may do with it (RFC 9110, RFC 9111). */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { hasErrno, UpdateError } from '../errors.ts';
import { feedPathOf, openFeedFile, type FeedFile } from './feed-file.ts';
import { select } from './http-conditions.ts';

/** A request that was answered. */
export interface ServedRequest {
  readonly method: string;
  /** As it was asked for, at most 200 characters; of unknown origin: make it plain before showing it. */
  readonly target: string;
  readonly status: number;
  /** What went wrong here; null for nothing. A client that went away is nothing. */
  readonly error: Error | null;
}

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

const YEAR_S = 365 * 24 * 3600;

/**
 * Answers one request for a file of a feed, and says how it went. Never rejects.
 *
 * @param root - the feed's folder, its real path
 */
export async function answer(
  root: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<ServedRequest> {
  const { method = '', url = '' } = request;
  let error: Error | null = null;
  try {
    await respond(root, { method, url, headers: request.headers }, response);
  } catch (cause) {
    error = hasErrno(cause, 'ERR_STREAM_PREMATURE_CLOSE') ? null : UpdateError.from(cause);
    // Half an answer must look like half an answer.
    if (response.headersSent) response.destroy();
    else refuse(response, 500);
  }
  return { method, target: url.slice(0, 200), status: response.statusCode, error };
}

async function respond(
  root: string,
  { method, url, headers }: Asked,
  response: ServerResponse,
): Promise<void> {
  response.setHeader('x-content-type-options', 'nosniff');
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    refuse(response, 405);
    return;
  }
  const path = feedPathOf(url);
  const file = path === null ? null : await openFeedFile(root, path);
  if (file === null) {
    refuse(response, 404);
    return;
  }
  try {
    await send(method, headers, file, response);
  } finally {
    await file.handle.close();
  }
}

async function send(
  method: string,
  headers: IncomingHttpHeaders,
  file: FeedFile,
  response: ServerResponse,
): Promise<void> {
  const { size } = file;
  const chosen = select(method, headers, file);
  response.statusCode = chosen.status;
  response.setHeader('etag', file.etag);
  response.setHeader('cache-control', cacheControl(file.path));
  if (chosen.status === 304) {
    response.end();
    return;
  }
  response.setHeader('accept-ranges', 'bytes');
  response.setHeader('last-modified', new Date(file.modified).toUTCString());
  if (chosen.status === 416) {
    response.setHeader('content-range', `bytes */${String(size)}`);
    refuse(response, 416);
    return;
  }
  const [start, end] = chosen.status === 206 ? [chosen.start, chosen.end] : [0, size - 1];
  if (chosen.status === 206)
    response.setHeader('content-range', `bytes ${String(start)}-${String(end)}/${String(size)}`);
  response.setHeader('content-type', contentType(file.path));
  response.setHeader('content-length', end - start + 1);
  if (method === 'HEAD' || end < start) {
    response.end();
    return;
  }
  // The handle is closed by whoever opened it.
  await pipeline(
    file.handle.createReadStream({ start, end, autoClose: false, highWaterMark: 256 * 1024 }),
    response,
  );
}

/** A head changes under its name; a bundle that is right never does. */
function cacheControl(path: string): string {
  return path.startsWith('bundles/') ? `public, max-age=${String(YEAR_S)}, immutable` : 'no-cache';
}

/** RFC 7515 section 9.2.1 for the JWS compact serialisation. */
function contentType(path: string): string {
  return path.endsWith('.jws') ? 'application/jose' : 'application/octet-stream';
}

/** An answer without a file: the status, in words. */
function refuse(response: ServerResponse, status: number): void {
  response.statusCode = status;
  response.removeHeader('etag');
  response.setHeader('cache-control', 'no-store');
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.end(`${String(status)}\n`);
}
