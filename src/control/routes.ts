/** Serves the table of routes. Errors are answered in `answers.ts`. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ControlApi } from './api.ts';
import type { Route, SpecialRoute } from './route.ts';
import { ROUTES } from './route-table.ts';
import { readRequest } from './schemas/requests.ts';

/** Serves a route that the `ControlApi` does not answer. */
export type Handler = (request: FastifyRequest, reply: FastifyReply) => unknown;

/** The handlers of special routes; a route without one is not there. */
export type SpecialHandlers = Readonly<Partial<Record<SpecialRoute, Handler>>>;

/** A path as fastify writes it: `/v1/attempts/:id`. */
function pattern(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

function handler({ params, query, body, answer, run }: Route, api: ControlApi): Handler | undefined {
  if (run === null) return undefined;
  return async (request, reply) => {
    const found = await run(api, {
      params: params === null ? undefined : readRequest(params, 'path', request.params),
      query: query === null ? undefined : readRequest(query, 'query', request.query),
      body: body === null ? undefined : readRequest(body, 'body', request.body),
    });
    return reply.code(answer.status).send(found);
  };
}

/** Adds every route of the control API. */
export function addRoutes(app: FastifyInstance, api: ControlApi, special: SpecialHandlers): void {
  for (const route of ROUTES) {
    const { method, path, open } = route;
    const serve = route.special === null ? handler(route, api) : special[route.special];
    if (serve !== undefined) app.route({ method, url: pattern(path), config: { open }, handler: serve });
  }
}
