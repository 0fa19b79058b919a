/** One request to the control API and its answer. */
import { request as plainRequest, type IncomingMessage } from 'node:http';
import { request as secureRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasErrno, UpdateError } from '../errors.ts';
import type { TargetRoute } from './target.ts';

/** A request of the control API. */
export interface ControlRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer: its status and its JSON, undefined where it has none. */
export interface ControlAnswer {
  readonly status: number;
  readonly json: unknown;
  /** What answered, as it names itself; null where it does not. */
  readonly server: string | null;
}

/** How long an answer is waited for, ms; the daemon answers from memory and a few small files, but the doctor asks the feed. */
const TIMEOUT_MS = 30_000;
const DOCTOR_TIMEOUT_MS = 180_000;

/**
 * How long to wait before each further try when too many callers wait already, ms: connect(2) on a unix socket fails with EAGAIN then,
 * where TCP would wait by itself. Nothing was sent yet.
 */
const CROWDED_MS = [20, 50, 100, 200, 400, 800, 1_600];

/** The largest answer that is read, bytes. */
const ANSWER_MAX = 16 * 1024 * 1024;

/**
 * Sends a request, and resolves with the head of its answer.
 *
 * @param signal - ends it; an answer that is being read is cut off
 */
export async function send(
  { options, prefix, secure, headers }: TargetRoute,
  { method, path, body, headers: more }: ControlRequest,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const sent = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const call = (secure ? secureRequest : plainRequest)(
    {
      ...options,
      method,
      path: `${prefix}${path}`,
      agent: false,
      headers: {
        connection: 'close',
        ...headers,
        ...more,
        ...(sent === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': String(sent.length) }),
      },
      signal,
    },
    resolve,
  );
  call.once('error', reject);
  call.end(sent);
  return promise;
}

/**
 * Sends one request and reads its answer.
 *
 * @throws UpdateError `DAEMON_UNREACHABLE` when nobody answers there; `CONTROL_FAILED` when the answer is not one of the control API
 */
export async function exchange(route: TargetRoute, request: ControlRequest): Promise<ControlAnswer> {
  const timeout = request.path === '/v1/doctor' ? DOCTOR_TIMEOUT_MS : TIMEOUT_MS;
  try {
    return await readAnswer(await sendPatiently(route, request, AbortSignal.timeout(timeout)));
  } catch (error) {
    throw failure(route, error, timeout);
  }
}

async function sendPatiently(
  route: TargetRoute,
  request: ControlRequest,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  for (const wait of CROWDED_MS) {
    try {
      return await send(route, request, signal);
    } catch (error) {
      if (!hasErrno(error, 'EAGAIN')) throw error;
      await sleep(wait);
    }
  }
  return send(route, request, signal);
}

/**
 * Reads an answer to its end.
 *
 * @throws UpdateError `CONTROL_FAILED` when it is too long or no JSON
 */
export async function readAnswer(response: IncomingMessage): Promise<ControlAnswer> {
  const json = parse(await read(response));
  const server = response.headers['server'];
  return { status: response.statusCode ?? 0, json, server: typeof server === 'string' ? server : null };
}

async function read(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    const bytes = chunk as Buffer;
    size += bytes.length;
    if (size > ANSWER_MAX)
      throw new UpdateError(
        'CONTROL_FAILED',
        `expected an answer of at most ${String(ANSWER_MAX)} bytes, found more`,
      );
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UpdateError('CONTROL_FAILED', 'expected an answer in JSON, found something else', { cause });
  }
}

/** What a request failed for, as an `UpdateError`. */
export function failure({ name }: TargetRoute, error: unknown, timeoutMs = TIMEOUT_MS): UpdateError {
  if (error instanceof UpdateError) return error;
  if (hasErrno(error, 'EACCES', 'EPERM'))
    return unreachable(`no permission for ${name}: run this as the daemon’s user or as root`, error);
  if (hasErrno(error, 'ENOENT')) return unreachable(`there is no socket at ${name}`, error);
  if (hasErrno(error, 'ECONNREFUSED', 'ENOTSOCK')) return unreachable(`nobody listens at ${name}`, error);
  if (hasErrno(error, 'EAGAIN')) return unreachable(`too many callers wait at ${name} already`, error);
  if (hasErrno(error, 'ECONNRESET', 'EPIPE')) return unreachable(`the daemon hung up at ${name}`, error);
  if (error instanceof Error && ['AbortError', 'TimeoutError'].includes(error.name))
    return new UpdateError(
      'CONTROL_FAILED',
      `the daemon at ${name} gave no answer in ${String(timeoutMs / 1000)} s`,
      { cause: error },
    );
  return UpdateError.from(error, 'DAEMON_UNREACHABLE', `no answer at ${name}`);
}

function unreachable(message: string, cause: unknown): UpdateError {
  return new UpdateError('DAEMON_UNREACHABLE', message, { cause });
}
