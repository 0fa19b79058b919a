/**
 * The control API's server: HTTP with JSON over a unix socket, for the daemon's user, root, and a group where one is configured; and
 * over TCP, for whoever has the token, where that is configured.
 *
 * Invariants: it listens only once it can answer; a bad token file, group or address keeps it from listening anywhere.
 */
import type { FastifyInstance } from 'fastify';
import { createCredentials } from './access/credentials.ts';
import { groupId, whyUnreachable } from './access/group.ts';
import { createHostGuard } from './access/host.ts';
import { exposure, listenTcp, parseListenAddress } from './access/tcp.ts';
import { readTokenFile } from './access/token-file.ts';
import type { ControlApi } from './api.ts';
import { createApp, type AppOptions, type MetricsAnswer, type Pages } from './app.ts';
import { createEventStreams } from './event-streams.ts';
import { CONTROL_LIMITS, type ControlLimits } from './limits.ts';
import { openApiText } from './openapi.ts';
import { shareAnswers } from './shared-answers.ts';
import { clearSocketPath, listenPrivately } from './socket-file.ts';

/** How long requests under way are waited for when the server closes, ms. */
const CLOSE_GRACE_MS = 1_000;

/** The TCP listener. */
export interface TcpOptions {
  /** `host:port`; the port 0 takes a free one. */
  readonly address: string;
  /** The file that holds the token; absolute. */
  readonly tokenFile: string;
  /** Names by which it may be called, besides its own address. */
  readonly hosts: readonly string[];
}

/** What {@link startControlServer} needs. */
export interface ControlServerOptions {
  readonly api: ControlApi;
  /** Absolute path of the socket; a dead one is replaced. */
  readonly socket: string;
  /** Name or number of a group that may use the socket too; nobody else unless given. */
  readonly group?: string | null;
  /** None unless given. */
  readonly tcp?: TcpOptions | null;
  /** The updater's version, sent with every answer as `server`. */
  readonly version: string;
  /** What `GET /metrics` answers; it is not there unless given. */
  readonly metrics?: (() => Promise<MetricsAnswer>) | null;
  /** Adds static files to the TCP listener, which need no token; none unless given. */
  readonly pages?: Pages | null;
  /** Hears of faults of this program, which clients see only as `INTERNAL`. */
  readonly onFault: (error: unknown) => void;
  /** Hears of what an operator should know, such as a listener that others can reach. */
  readonly onWarning?: (message: string) => void;
  /** {@link CONTROL_LIMITS} unless told. */
  readonly limits?: ControlLimits;
}

/** A server that listens. */
export interface ControlServer {
  /** Where the TCP listener is; null where there is none. */
  readonly url: string | null;
  /** Streams that are open. */
  readonly streams: () => number;
  /** Stops listening, ends the streams, waits for the requests under way (a second at most), and removes the socket. */
  close(): Promise<void>;
}

async function closeApp(app: FastifyInstance): Promise<void> {
  const late = setTimeout(() => {
    app.server.closeAllConnections();
  }, CLOSE_GRACE_MS);
  await app.close();
  clearTimeout(late);
}

/**
 * Starts the control API on a unix socket with mode 0600 (0660 with a group), and on TCP where that is asked for.
 *
 * @throws UpdateError `CONFIG_INVALID` when no socket can be made at the path (too long, another file there, no folder), there is no
 *   such group, the token file is not as it has to be, or the address cannot be listened at; `ALREADY_RUNNING` when another daemon
 *   answers at the socket
 * @example
 * const server = await startControlServer({ api, socket: '/var/lib/coresdk/control.sock', version: '1.2.0', onFault });
 */
export async function startControlServer(options: ControlServerOptions): Promise<ControlServer> {
  const { socket, group = null, tcp = null, version, onFault, pages = null, metrics = null } = options;
  const { limits = CONTROL_LIMITS, onWarning = () => undefined } = options;
  const gid = group === null ? null : await groupId(group);
  const token = tcp === null ? null : await readTokenFile(tcp.tokenFile);
  await clearSocketPath(socket);

  const shared = shareAnswers(options.api);
  const { api } = shared;
  const streams = createEventStreams(api, limits.streams);
  let document: string | null = null;
  const openApi = (): string => (document ??= openApiText());
  const common: Omit<AppOptions, 'guard' | 'pages'> = {
    api,
    streams,
    version,
    onFault,
    limits,
    metrics,
    openApi,
  };
  const apps: FastifyInstance[] = [];
  const close = async (): Promise<void> => {
    streams.close();
    shared.close();
    await Promise.all(apps.map(closeApp));
  };
  try {
    let url: string | null = null;
    if (tcp !== null && token !== null) {
      const address = parseListenAddress(tcp.address);
      let port = address.port;
      const guard = {
        credentials: createCredentials({ token, port: () => port, now: Date.now }),
        host: createHostGuard(address.host, tcp.hosts),
        limits: limits.rates,
      };
      const app = await createApp({ ...common, guard, pages });
      apps.push(app);
      app.server.maxConnections = limits.tcpConnections;
      const at = await listenTcp(app.server, address);
      ({ port, url } = at);
      const exposed = exposure(at);
      if (exposed !== null) onWarning(exposed);
    }
    const app = await createApp({ ...common, guard: null, pages: null });
    apps.push(app);
    app.server.maxConnections = limits.socketConnections;
    await listenPrivately(app.server, socket, gid);
    const closedTo = gid === null ? null : await whyUnreachable(socket, gid);
    if (closedTo !== null) onWarning(closedTo);
    return { url, streams: streams.count, close };
  } catch (error) {
    await close();
    throw error;
  }
}
