/** The control API over HTTP: one line a route. Errors are answered in `answers.ts`. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { UpdateError } from '../errors.ts';
import type { ControlApi } from './api.ts';
import { applyBody, emptyBody, historyQuery, readRequest, rollbackBody, updateBody } from './requests.ts';

interface IdParams {
  readonly id: string;
}

interface DigestParams {
  readonly digest: string;
}

/** 202: the attempt has begun; `GET /v1/attempts/{id}` tells how it goes. */
async function begun(reply: FastifyReply, attempt: Promise<string>): Promise<FastifyReply> {
  return reply.code(202).send({ attempt: await attempt });
}

async function done(reply: FastifyReply, work: Promise<void>): Promise<FastifyReply> {
  await work;
  return reply.code(204).send();
}

/** Adds every route of the control API. */
export function addRoutes(app: FastifyInstance, api: ControlApi): void {
  app.get('/v1/status', () => api.status());

  app.get('/v1/history', async ({ query }) => {
    const { limit } = readRequest(historyQuery, 'query', query);
    return { attempts: await api.history(limit) };
  });

  app.get<{ Params: IdParams }>('/v1/attempts/:id', async ({ params: { id } }) => {
    const attempt = await api.attempt(id);
    if (attempt === null)
      throw new UpdateError('ATTEMPT_NOT_FOUND', `expected the id of an attempt, found ${id}`);
    return attempt;
  });

  app.post('/v1/check', ({ body }, reply) => {
    readRequest(emptyBody, 'body', body);
    return begun(reply, api.check());
  });

  app.post('/v1/update', ({ body }, reply) => {
    const { dry_run: dryRun } = readRequest(updateBody, 'body', body);
    return begun(reply, api.update({ dryRun }));
  });

  app.post('/v1/apply', ({ body }, reply) => {
    const { path } = readRequest(applyBody, 'body', body);
    return begun(reply, api.apply(path));
  });

  app.post('/v1/rollback', ({ body }, reply) => {
    const { version } = readRequest(rollbackBody, 'body', body);
    return begun(reply, api.rollback(version));
  });

  app.post('/v1/resume', ({ body }, reply) => {
    readRequest(emptyBody, 'body', body);
    return done(reply, api.resume());
  });

  app.post('/v1/retry', ({ body }, reply) => {
    readRequest(emptyBody, 'body', body);
    return done(reply, api.retry());
  });

  app.delete<{ Params: DigestParams }>('/v1/quarantine/:digest', ({ body, params: { digest } }) => {
    readRequest(emptyBody, 'body', body);
    return api.clearQuarantine(digest);
  });
}
