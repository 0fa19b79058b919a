/**
 * The HTTP port of the sidecar service.
 *
 * Invariant: no client can hold it up. Requests have a time limit, and bodies are not read.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer, type AddressInfo, type Socket } from 'node:net';
import { listenOn, type ListenOn } from './address.ts';
import type { GrpcConnections } from './grpc-connections.ts';
import type { Readiness } from './readiness.ts';
import { spokenOn } from './spoken.ts';

/** How long a request may take to arrive, ms. */
const REQUEST_MS = 5_000;

/** A port that accepts HTTP connections. */
export interface HttpPort {
  readonly address: AddressInfo;
  /** Stops accepting, closes idle connections (after `lingerMs`), lets requests in flight finish for `drainMs`. */
  close(drainMs: number): Promise<void>;
}

/** What {@link openHttpPort} needs. */
export interface HttpPortOptions {
  readonly listen: ListenOn;
  readonly readiness: Readiness;
  readonly version: string;
  readonly tenant: string | undefined;
  /**
   * How long a connection without a request is left open once the service is stopping, ms. A client may be sending on it just now, and would
   * find it closed: HTTP/1.1 has no word for "no more" but in an answer (RFC 9112, section 9.6). So the next request is answered with
   * `Connection: close`, and only who is silent for so long is cut off.
   */
  readonly lingerMs: number;
  /** Takes the connections of clients that speak gRPC; unless told, nobody does. */
  readonly grpc?: GrpcConnections;
  readonly log: (line: string) => void;
}

interface Reply {
  readonly status: number;
  readonly body: Readonly<Record<string, string | number>>;
  readonly headers?: Readonly<Record<string, string>>;
}

type Route = () => Reply;

function reply(request: IncomingMessage, routes: ReadonlyMap<string, Route>): Reply {
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  const route = routes.get(path);
  if (route === undefined) return { status: 404, body: { error: 'not found' } };
  if (request.method !== 'GET' && request.method !== 'HEAD')
    // The body of such a request is not read, so the connection cannot be used again.
    return {
      status: 405,
      body: { error: 'method not allowed' },
      headers: { allow: 'GET, HEAD', connection: 'close' },
    };
  return route();
}

function send(response: ServerResponse, { status, body, headers }: Reply): void {
  const bytes = Buffer.from(`${JSON.stringify(body)}\n`);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': bytes.length,
    'cache-control': 'no-store',
    ...headers,
  });
  // Node leaves the body away for HEAD.
  response.end(bytes);
}

function routesOf({ readiness, version, tenant }: HttpPortOptions): ReadonlyMap<string, Route> {
  return new Map<string, Route>([
    [
      '/healthz',
      () => {
        const { status, body } = readiness.now();
        return { status, body: { ...body, version } };
      },
    ],
    [
      '/version',
      () => ({
        status: 200,
        body: {
          version,
          pid: process.pid,
          uptime_s: Math.floor(process.uptime()),
          ...(tenant === undefined ? {} : { tenant }),
        },
      }),
    ],
  ]);
}

/**
 * Gives a server's connections to another one where a client begins to speak HTTP/2.
 *
 * @returns closes those of which it is not known yet
 */
function divert(server: Server, grpc: GrpcConnections): () => void {
  const undecided = new Set<Socket>();
  const serveHttp = server.listeners('connection');
  server.removeAllListeners('connection').on('connection', (socket: Socket) => {
    undecided.add(socket);
    void spokenOn(socket, REQUEST_MS).then((spoken) => {
      undecided.delete(socket);
      if (spoken === 'http2') grpc.serve(socket);
      else if (spoken === 'http1') for (const listener of serveHttp) listener.call(server, socket);
    });
  });
  return () => {
    for (const socket of undecided) socket.destroy();
  };
}

/**
 * Serves `GET /healthz` → `{"status","version"}` with 200, 500, or 503 while it is stopping, and `GET /version` →
 * `{"version","pid","uptime_s"}` (and `tenant`); HEAD too; else 404, other methods 405, all JSON. Where `grpc` is given, it
 * answers gRPC at the same address.
 *
 * @returns once it accepts connections
 * @throws UpdateError `CONFIG_INVALID` when it cannot listen there
 */
export async function openHttpPort(options: HttpPortOptions): Promise<HttpPort> {
  const { listen, readiness, lingerMs, grpc, log } = options;
  const routes = routesOf(options);
  const server = createServer(
    {
      requestTimeout: REQUEST_MS,
      headersTimeout: REQUEST_MS,
      keepAliveTimeout: REQUEST_MS,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: 8 * 1024,
    },
    (request, response) => {
      // Else the client would keep its connection, and hold up the stop.
      if (readiness.draining.aborted) response.setHeader('connection', 'close');
      send(response, reply(request, routes));
    },
  );
  const closeUndecided = grpc === undefined ? () => undefined : divert(server, grpc);
  const address = await listenOn(server, listen);
  server.on('error', (error) => {
    log(`http: ${error.message}`);
  });
  return {
    address,
    close: (drainMs) =>
      new Promise((resolve) => {
        const linger = setTimeout(
          () => {
            // Closes idle connections, and ends the server's own timers.
            server.close();
            closeUndecided();
          },
          Math.min(lingerMs, drainMs),
        );
        const drain = setTimeout(() => {
          log('closing connections whose requests did not finish in time');
          server.closeAllConnections();
          grpc?.cut();
        }, drainMs);
        void grpc?.drain();
        const closed = (): void => {
          clearTimeout(linger);
          clearTimeout(drain);
          server.close();
          void grpc?.end();
          resolve();
        };
        // Node's own way to close an HTTP server cuts idle connections off at once; this only stops accepting.
        NetServer.prototype.close.call(server, closed);
      }),
  };
}
