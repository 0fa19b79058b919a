/** One request to the control socket and its answer. */
import { request, type IncomingMessage } from 'node:http';
import { hasErrno, UpdateError } from '../errors.ts';

/** A request of the control API. */
export interface ControlRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
}

/** An answer: its status and its JSON, undefined where it has none. */
export interface ControlAnswer {
  readonly status: number;
  readonly json: unknown;
}

/** How long an answer is waited for, ms; the daemon answers from memory and a few small files. */
const TIMEOUT_MS = 30_000;

/** The largest answer that is read, bytes. */
const ANSWER_MAX = 16 * 1024 * 1024;

/**
 * Sends one request over the socket and reads its answer.
 *
 * @throws UpdateError `DAEMON_UNREACHABLE` when nobody answers at the socket; `CONTROL_FAILED` when the answer is not one of
 *   the control API
 */
export async function exchange(
  socket: string,
  { method, path, body }: ControlRequest,
): Promise<ControlAnswer> {
  try {
    const sent = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const call = request(
      {
        socketPath: socket,
        method,
        path,
        agent: false,
        headers: {
          connection: 'close',
          ...(sent === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': String(sent.length) }),
        },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      },
      resolve,
    );
    call.once('error', reject);
    call.end(sent);
    const response = await promise;
    return { status: response.statusCode ?? 0, json: parse(await read(response)) };
  } catch (error) {
    throw failure(socket, error);
  }
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

function failure(socket: string, error: unknown): UpdateError {
  if (error instanceof UpdateError) return error;
  if (hasErrno(error, 'EACCES', 'EPERM'))
    return unreachable(`no permission for ${socket}: run this as the daemon’s user or as root`, error);
  if (hasErrno(error, 'ENOENT')) return unreachable(`there is no socket at ${socket}`, error);
  if (hasErrno(error, 'ECONNREFUSED', 'ENOTSOCK')) return unreachable(`nobody listens at ${socket}`, error);
  if (hasErrno(error, 'ECONNRESET', 'EPIPE')) return unreachable(`the daemon hung up at ${socket}`, error);
  if (error instanceof Error && ['AbortError', 'TimeoutError'].includes(error.name))
    return new UpdateError(
      'CONTROL_FAILED',
      `the daemon at ${socket} gave no answer in ${String(TIMEOUT_MS / 1000)} s`,
      {
        cause: error,
      },
    );
  return UpdateError.from(error, 'DAEMON_UNREACHABLE', `no answer at ${socket}`);
}

function unreachable(message: string, cause: unknown): UpdateError {
  return new UpdateError('DAEMON_UNREACHABLE', message, { cause });
}
