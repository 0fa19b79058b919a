/**
 * Who gets through to the TCP listener: in this order the name that is called, the page that calls, the token or the cookie, and how
 * often.
 *
 * Invariants: nothing but what is open answers without a token or a cookie; no answer ever has a CORS header, so that no page of
 * another origin reads one; whoever has no token spends from a small budget of its own, so that it can neither guess nor keep out those
 * who have one.
 */
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { UpdateError } from '../../errors.ts';
import type { RateLimits } from '../limits.ts';
import { readRequest, sessionBody } from '../schemas/requests.ts';
import type { Credentials } from './credentials.ts';
import { isOwnOrigin, type HostGuard } from './host.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Served without a token. */
    open?: boolean;
  }
}

const WINDOW_MS = 60_000;

/** What {@link addGuard} needs. */
export interface GuardOptions {
  readonly credentials: Credentials;
  readonly host: HostGuard;
  readonly limits: RateLimits;
}

/** The routes by which a browser gets its cookie. */
export interface SessionHandlers {
  session(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply>;
  endSession(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply>;
}

type Budget = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

function budget(app: FastifyInstance, max: number): Budget {
  const spend = app.createRateLimit({ max, timeWindow: WINDOW_MS });
  return async (request, reply) => {
    const spent = await spend(request);
    if (spent.isAllowed || !spent.isExceeded) return;
    reply.header('retry-after', String(spent.ttlInSeconds));
    throw new UpdateError(
      'RATE_LIMITED',
      `expected at most ${String(max)} such requests a minute from ${request.ip}, found more`,
    );
  };
}

function refuseForeignPages({ method, headers }: FastifyRequest, own: boolean): void {
  if (method === 'OPTIONS')
    throw new UpdateError('HOST_NOT_ALLOWED', 'expected no preflight: no page of another origin is served');
  if (method === 'GET' || own) return;
  throw new UpdateError(
    'HOST_NOT_ALLOWED',
    `expected a request from a page of this listener or from none, found Origin ${(headers.origin ?? '').slice(0, 200)}`,
  );
}

/**
 * Puts the guard before every route of `app`, also before those that are not there.
 *
 * @returns the handlers of the routes that give and take cookies
 */
export async function addGuard(
  app: FastifyInstance,
  { credentials, host, limits }: GuardOptions,
): Promise<SessionHandlers> {
  await app.register(rateLimit, { global: false });
  const known = budget(app, limits.requests);
  const unknown = budget(app, limits.failures);
  const open = budget(app, limits.open);

  const unauthorized = async (request: FastifyRequest, reply: FastifyReply): Promise<never> => {
    await unknown(request, reply);
    reply.header('www-authenticate', 'Bearer realm="coresdk-sidecar"');
    throw new UpdateError('UNAUTHORIZED', 'expected a valid token, found none or another');
  };

  app.addHook('onRequest', async (request, reply) => {
    const { origin, authorization, cookie } = request.headers;
    const called = host(request.raw);
    refuseForeignPages(request, origin === undefined || isOwnOrigin(origin, called));
    if (request.routeOptions.config.open === true) return open(request, reply);
    if (credentials.isAuthorized(authorization)) return known(request, reply);
    if (!credentials.hasSession(cookie)) return unauthorized(request, reply);
    // A cookie comes by itself: what it commands has to come from a page of this listener, and browsers say from where.
    if (request.method !== 'GET' && origin === undefined)
      throw new UpdateError('HOST_NOT_ALLOWED', 'expected an Origin beside the cookie, found none');
    return known(request, reply);
  });

  return {
    session: async (request, reply) => {
      const { token } = readRequest(sessionBody, 'body', request.body);
      if (!credentials.isToken(token)) return unauthorized(request, reply);
      return reply.code(204).header('set-cookie', credentials.startSession()).send();
    },
    endSession: async (_request, reply) =>
      reply.code(204).header('set-cookie', credentials.endSession()).send(),
  };
}
