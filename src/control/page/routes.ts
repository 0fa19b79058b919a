import type { FastifyInstance } from 'fastify';
import type { PageFiles } from './assemble.ts';
import { PAGE_HEADERS } from './headers.ts';

/**
 * The routes of the live page, for the `pages` of `startControlServer`: static files, which need no token; what they ask for does.
 *
 * @example
 * await startControlServer({ …, pages: pageRoutes(await pageFiles()) });
 */
export function pageRoutes(files: PageFiles): (app: FastifyInstance) => void {
  return (app) => {
    for (const [path, { type, body }] of Object.entries(files))
      app.get(path, (_request, reply) => reply.headers(PAGE_HEADERS).type(type).send(body));
  };
}
