/**
 * The control API's server: HTTP with JSON over a unix socket, for the daemon's user and root.
 *
 * Invariants: it decides nothing (`ControlApi` does); it listens only once it can answer.
 */
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { failedAnswer, malformedAnswer, unknownRoute } from './answers.ts';
import type { ControlApi } from './api.ts';
import { addRoutes } from './routes.ts';
import { clearSocketPath, listenPrivately } from './socket-file.ts';

/** The largest request body, bytes: the longest is a path. */
const BODY_LIMIT = 16 * 1024;

/** How long a client may take to send a request, ms. */
const REQUEST_TIMEOUT_MS = 10_000;

/** How long requests under way are waited for when the server closes, ms. */
const CLOSE_GRACE_MS = 1_000;

/** What {@link startControlServer} needs. */
export interface ControlServerOptions {
  readonly api: ControlApi;
  /** Absolute path of the socket; a dead one is replaced. */
  readonly socket: string;
  /** The updater's version, sent with every answer as `server`. */
  readonly version: string;
  /** Hears of faults of this program, which clients see only as `INTERNAL`. */
  readonly onFault: (error: unknown) => void;
}

/** A server that listens. */
export interface ControlServer {
  /** Stops listening, waits for the requests under way (a second at most), and removes the socket. */
  close(): Promise<void>;
}

function createApp({ api, version, onFault }: ControlServerOptions): FastifyInstance {
  const fail = (error: unknown, reply: FastifyReply): FastifyReply => {
    const { status, body } = failedAnswer(error, onFault);
    return reply.code(status).send(body);
  };
  const app = fastify({
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT_MS,
    exposeHeadRoutes: false,
    clientErrorHandler: (error, socket) => {
      const answer = malformedAnswer(error);
      if (answer === null || !socket.writable) socket.destroy();
      else socket.end(answer);
    },
    frameworkErrors: (error, _request, reply) => {
      void fail(error, reply);
    },
  });
  // JSON only: what is announced as text is refused, not taken for a string.
  app.removeContentTypeParser('text/plain');
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('server', `coresdk-sidecar/${version}`);
  });
  app.setErrorHandler((error, _request, reply) => fail(error, reply));
  app.setNotFoundHandler(({ method, url }, reply) => {
    const { status, body } = unknownRoute(method, url);
    return reply.code(status).send(body);
  });
  addRoutes(app, api);
  return app;
}

/**
 * Starts the control API on a unix socket with mode 0600.
 *
 * @throws UpdateError `CONFIG_INVALID` when no socket can be made at the path (too long, another file there, no folder);
 *   `ALREADY_RUNNING` when another daemon answers at it
 * @example
 * const server = await startControlServer({ api, socket: '/var/lib/coresdk/control.sock', version: '1.2.0', onFault });
 */
export async function startControlServer(options: ControlServerOptions): Promise<ControlServer> {
  const { socket } = options;
  await clearSocketPath(socket);
  const app = createApp(options);
  await app.ready();
  await listenPrivately(app.server, socket);
  return {
    close: async () => {
      const late = setTimeout(() => {
        app.server.closeAllConnections();
      }, CLOSE_GRACE_MS);
      await app.close();
      clearTimeout(late);
    },
  };
}
