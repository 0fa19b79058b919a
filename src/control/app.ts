/**
 * The application behind a listener.
 *
 * Invariants: it decides nothing (`ControlApi` does); everything is bounded: the size of a request, its time, connections, streams.
 */
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { UpdateError } from '../errors.ts';
import { failedAnswer, malformedAnswer, unknownRoute } from './answers.ts';
import type { GuardOptions, SessionHandlers } from './access/guard.ts';
import type { ControlApi } from './api.ts';
import { RETRY_AFTER_S, type EventStreams } from './event-streams.ts';
import type { ControlLimits } from './limits.ts';
import { addRoutes, type Handler, type SpecialHandlers } from './routes.ts';
import { eventId, eventsQuery, readRequest } from './schemas/requests.ts';

/** The largest request body, bytes: the longest is a path. */
const BODY_LIMIT = 16 * 1024;

/** Metrics as they are served. */
export interface MetricsAnswer {
  readonly contentType: string;
  readonly body: string;
}

/** Adds routes that need no token: static files, by GET, outside of `/v1/`. */
export type Pages = (app: FastifyInstance) => void;

/** What {@link createApp} needs. */
export interface AppOptions {
  readonly api: ControlApi;
  readonly streams: EventStreams;
  /** The updater's version, sent with every answer as `server`. */
  readonly version: string;
  readonly onFault: (error: unknown) => void;
  readonly limits: ControlLimits;
  /** The OpenAPI document. */
  readonly openApi: () => string;
  readonly metrics: (() => Promise<MetricsAnswer>) | null;
  /** Who gets through; null: everybody who can connect. */
  readonly guard: GuardOptions | null;
  readonly pages: Pages | null;
}

function serveEvents({ streams }: AppOptions): Handler {
  return async (request, reply) => {
    const { after } = readRequest(eventsQuery, 'query', request.query);
    const last = request.headers['last-event-id'];
    const from = last === undefined ? after : readRequest(eventId, 'Last-Event-ID', last);
    try {
      streams.open(reply.raw, { server: String(reply.getHeader('server')) }, from);
    } catch (error) {
      const refused = UpdateError.from(error);
      const { body } = failedAnswer(refused, () => undefined);
      return reply.code(503).header('retry-after', String(RETRY_AFTER_S)).send(body);
    }
    return reply.hijack();
  };
}

function specialHandlers(options: AppOptions): SpecialHandlers {
  const { metrics, openApi } = options;
  return {
    events: serveEvents(options),
    openapi: (_request, reply) => reply.type('application/json; charset=utf-8').send(openApi()),
    ...(metrics !== null && {
      metrics: async (_request: unknown, reply: FastifyReply) => {
        const { contentType, body } = await metrics();
        return reply.type(contentType).send(body);
      },
    }),
  };
}

/** Adds the pages; whatever else than a static file would be reached without a token is a fault. */
function addPages(app: FastifyInstance, pages: Pages): void {
  app.addHook('onRoute', (route) => {
    const methods = [route.method].flat();
    if (methods.some((method) => method !== 'GET' && method !== 'HEAD') || /^\/(v\d|metrics)/.test(route.url))
      throw new UpdateError('INTERNAL', `expected a page, found ${methods.join(' ')} ${route.url}`);
    route.config = { ...route.config, open: true };
  });
  pages(app);
}

/** Most daemons have no TCP listener: what only that needs is read when there is one. */
async function guarded(app: FastifyInstance, options: GuardOptions): Promise<SessionHandlers> {
  const { addGuard } = await import('./access/guard.ts');
  return addGuard(app, options);
}

/** Makes the application; it is ready, and listens nowhere yet. */
export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const { api, version, onFault, limits, guard, pages } = options;
  const fail = (error: unknown, reply: FastifyReply): FastifyReply => {
    const { status, body } = failedAnswer(error, onFault);
    return reply.code(status).send(body);
  };
  const app = fastify({
    bodyLimit: BODY_LIMIT,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionTimeout: limits.silenceMs,
    http: { headersTimeout: limits.headersTimeoutMs, connectionsCheckingInterval: limits.lookEveryMs },
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
    reply.header('x-content-type-options', 'nosniff');
  });
  app.setErrorHandler((error, _request, reply) => fail(error, reply));
  app.setNotFoundHandler(({ method, url }, reply) => {
    const { status, body } = unknownRoute(method, url);
    return reply.code(status).send(body);
  });
  const sessions = guard === null ? {} : await guarded(app, guard);
  addRoutes(app, api, { ...specialHandlers(options), ...sessions });
  if (pages !== null)
    await app.register(async (scope) => {
      addPages(scope, pages);
    });
  await app.ready();
  return app;
}
