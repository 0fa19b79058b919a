/**
 * The HTTP port of the sidecar service.
 *
 * Invariant: no client can hold it up. Requests have a time limit, and bodies are not read.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { listenOn, type ListenAddress } from './address.ts';
import type { Readiness } from './readiness.ts';

/** How long a request may take to arrive, ms. */
const REQUEST_MS = 5_000;

/** A port that accepts HTTP connections. */
export interface HttpPort {
  readonly address: AddressInfo;
  /** Stops accepting, closes idle connections, lets requests in flight finish for `drainMs`. */
  close(drainMs: number): Promise<void>;
}

/** What {@link openHttpPort} needs. */
export interface HttpPortOptions {
  readonly listen: ListenAddress;
  readonly readiness: Readiness;
  readonly version: string;
  readonly tenant: string | undefined;
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
 * Serves `GET /healthz` → `{"status","version"}` with 200, 500, or 503 while it is stopping, and `GET /version` →
 * `{"version","pid","uptime_s"}` (and `tenant`); HEAD too; else 404, other methods 405, all JSON.
 *
 * @returns once it accepts connections
 * @throws UpdateError `CONFIG_INVALID` when it cannot listen there
 */
export async function openHttpPort(options: HttpPortOptions): Promise<HttpPort> {
  const { listen, readiness, log } = options;
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
  const address = await listenOn(server, listen);
  server.on('error', (error) => {
    log(`http: ${error.message}`);
  });
  return {
    address,
    close: (drainMs) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => {
          log('closing connections whose requests did not finish in time');
          server.closeAllConnections();
        }, drainMs);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}
