/**
 * The page for a daemon that listens on its unix socket alone: a small server on loopback which serves the page, and passes what
 * it asks for to the socket. It can do what whoever started it can do at the socket, so nobody else may use it.
 *
 * Invariants: it listens on 127.0.0.1 only; every request must call it by its own name (DNS rebinding); but for the files of the page
 * each needs a session, which is given once, for the token in the address that was printed; what commands must come from its own page.
 */
import { randomBytes } from 'node:crypto';
import { createServer, request as call, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';
import { UpdateError } from '../../errors.ts';
import { createCredentials, type Credentials } from '../access/credentials.ts';
import { createHostGuard, isOwnOrigin } from '../access/host.ts';
import { failedAnswer } from '../answers.ts';
import type { PageFiles } from './assemble.ts';
import { PAGE_HEADERS } from './headers.ts';

const HOST = '127.0.0.1';
const BODY_MAX = 16 * 1024;
const CONNECTIONS = 64;

/** What {@link startUiServer} needs. */
export interface UiServerOptions {
  /** Path of the daemon's control socket. */
  readonly socket: string;
  readonly files: PageFiles;
  /** 0 (a free one) unless given. */
  readonly port?: number;
}

/** A server that listens. */
export interface UiServer {
  /** The address to open; the token in its fragment is good for one session, and browsers do not send it. */
  readonly url: string;
  close(): Promise<void>;
}

function refuse(response: ServerResponse, error: unknown): void {
  const { status, body } = failedAnswer(error, () => undefined);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'x-content-type-options': 'nosniff',
  });
  response.end(JSON.stringify(body));
}

async function readToken(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = chunk as Buffer;
    size += bytes.length;
    if (size > BODY_MAX)
      throw new UpdateError('USAGE', `expected a body of at most ${String(BODY_MAX)} bytes, found more`);
    chunks.push(bytes);
  }
  try {
    const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { token?: unknown };
    if (typeof body.token === 'string') return body.token;
  } catch {
    // Not JSON: refused below, as JSON without a token is.
  }
  throw new UpdateError('USAGE', 'expected {"token": "…"}, found something else');
}

/** Passes a request to the socket, and the answer back as it comes: an event stream lasts as long as both sides stay. */
function pass(request: IncomingMessage, response: ServerResponse, socket: string): void {
  const { method, url, headers } = request;
  const passed = Object.fromEntries(
    ['accept', 'content-type', 'content-length', 'last-event-id'].flatMap((name) => {
      const value = headers[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const onward = call({
    socketPath: socket,
    method,
    path: url,
    agent: false,
    headers: { ...passed, connection: 'close' },
  });
  response.once('close', () => onward.destroy());
  onward.once('response', (answer) => {
    const { 'content-type': type = 'application/json' } = answer.headers;
    response.writeHead(answer.statusCode ?? 502, {
      'content-type': type,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    response.flushHeaders();
    // Either side may go at any time; the other then goes too.
    pipeline(answer, response, () => undefined);
  });
  onward.once('error', (cause) => {
    refuse(response, new UpdateError('DAEMON_UNREACHABLE', `nobody answers at ${socket}`, { cause }));
  });
  pipeline(request, onward, () => undefined);
}

/** A session for the token, the first time that it is shown. */
function createSessions(
  credentials: Credentials,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  let used = false;
  return async (request, response) => {
    const token = await readToken(request);
    if (used || !credentials.isToken(token))
      throw new UpdateError(
        'UNAUTHORIZED',
        used
          ? 'this address was opened before: run `core sidecar ui` again'
          : 'expected the token that was printed, found another',
      );
    used = true;
    response.writeHead(204, { 'set-cookie': credentials.startSession() }).end();
  };
}

/**
 * Starts the server.
 *
 * @throws Error with Node's own code where it cannot listen
 * @example
 * const server = await startUiServer({ socket: '/var/lib/coresdk/control.sock', files: await pageFiles() });
 * console.log(server.url);
 */
export async function startUiServer({ socket, files, port = 0 }: UiServerOptions): Promise<UiServer> {
  const token = randomBytes(32).toString('base64url');
  let at = 0;
  const credentials = createCredentials({ token, port: () => at, now: Date.now });
  const guard = createHostGuard(HOST, []);
  const begin = createSessions(credentials);

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = 'GET', url = '/', headers } = request;
    const called = guard(request);
    const { origin } = headers;
    const own = origin !== undefined && isOwnOrigin(origin, called);
    if (method !== 'GET' && !own)
      throw new UpdateError('HOST_NOT_ALLOWED', 'expected a request from the page itself');
    const [path = '/'] = url.split('?');
    const file = method === 'GET' && Object.hasOwn(files, path) ? files[path] : undefined;
    if (file !== undefined) {
      response.writeHead(200, { ...PAGE_HEADERS, 'content-type': file.type });
      response.end(file.body);
      return;
    }
    if (method === 'POST' && path === '/v1/session') return begin(request, response);
    if (!credentials.hasSession(headers.cookie))
      throw new UpdateError('UNAUTHORIZED', 'expected a session, found none');
    if (!path.startsWith('/v1/'))
      throw new UpdateError('USAGE', 'expected a file of the page, or a route of the control API');
    pass(request, response, socket);
  };

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      refuse(response, error);
    });
  });
  server.maxConnections = CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, resolve);
  });
  at = (server.address() as AddressInfo).port;
  return {
    url: `http://${HOST}:${String(at)}/#token=${token}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
