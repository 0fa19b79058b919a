/**
 * The built-in sidecar service: the workload that is run unless another is configured.
 *
 * Invariant: no client can hold it up. Requests have a time limit, and bodies are not read.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { health } from './health.ts';

/** How long a request may take to arrive, ms. */
const REQUEST_MS = 5_000;
/** How long requests in flight may take once the service is stopping, ms. */
const DRAIN_MS = 5_000;

/** What {@link startSidecar} needs. */
export interface SidecarOptions {
  readonly http: {
    /** A name or address; absent for every address of the host. */
    readonly host?: string | undefined;
    /** 0 for a free one. */
    readonly port: number;
  };
  readonly version: string;
  /** Shown by `/version`. */
  readonly tenant?: string | undefined;
  /** Told what people may want to know, one line each. */
  readonly log?: (line: string) => void;
  /** How long requests in flight may take once it is closed, ms; 5000 unless told. */
  readonly drainMs?: number;
}

/** A service that runs. */
export interface Sidecar {
  readonly address: AddressInfo;
  /** Stops accepting, closes idle connections, lets requests in flight finish for 5 s. Again: the same promise. */
  close(): Promise<void>;
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

/**
 * Starts the service: `GET /healthz` → 200 `{"status":"ok","version":…}`, `GET /version` →
 * `{"version","pid","uptime_s"}` (and `tenant`); HEAD too; else 404, other methods 405, all JSON.
 *
 * @returns once it accepts connections; rejects with Node's own error (`EADDRINUSE`, `EACCES`, …) when it cannot
 * @example
 * const sidecar = await startSidecar({ http: { host: '127.0.0.1', port: 7701 }, version: '1.0.0' });
 * await sidecar.close();
 */
export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { version, tenant, drainMs = DRAIN_MS } = options;
  const log = options.log ?? (() => undefined);
  const routes = new Map<string, Route>([
    [
      '/healthz',
      () => {
        const { status, body } = health();
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
  let closing: Promise<void> | null = null;
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
      if (closing !== null) response.setHeader('connection', 'close');
      send(response, reply(request, routes));
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.http.host, port: options.http.port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', (error) => {
    log(`http: ${error.message}`);
  });
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => {
        log('closing connections whose requests did not finish in time');
        server.closeAllConnections();
      }, drainMs);
      server.close(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  return {
    // A TCP server that listens has an address of this kind.
    address: server.address() as AddressInfo,
    close: () => (closing ??= close()),
  };
}
