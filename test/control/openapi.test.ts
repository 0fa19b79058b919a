import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { openApiDocument, openApiText } from '../../src/control/openapi.ts';
import { ROUTES } from '../../src/control/route-table.ts';
import { addRoutes } from '../../src/control/routes.ts';
import { controlEvent } from '../../src/control/schemas/events.ts';
import { errorView } from '../../src/control/schemas/views.ts';
import { raw, startControl, startTcp, TOKEN } from './support/control-fixture.ts';
import { sampleEvents, sampleProgress } from './support/samples.ts';
import { scriptedApi } from './support/scripted-api.ts';

const FILE = join(import.meta.dirname, '..', '..', 'docs', 'openapi.json');

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly responses: Readonly<Record<string, unknown>>;
}

const paths = openApiDocument()['paths'] as Record<string, Record<string, Operation>>;

describe('the OpenAPI document', () => {
  it('is the one that is checked in (`npm run openapi` writes it)', async () => {
    expect(await readFile(FILE, 'utf8')).toBe(openApiText());
  });

  it('is served', async () => {
    const { socket } = await startControl();
    const { text, headers } = await raw(socket, 'GET', '/openapi.json');
    expect(text).toBe(openApiText());
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
  });

  it('tells of every route that is served, and of no other', async () => {
    const served: string[] = [];
    const app = fastify({ exposeHeadRoutes: false });
    app.addHook('onRoute', ({ method, url }) => {
      served.push(`${String(method)} ${url.replaceAll(/:(\w+)/g, '{$1}')}`);
    });
    const nothing = (): null => null;
    addRoutes(app, scriptedApi(), {
      events: nothing,
      metrics: nothing,
      openapi: nothing,
      session: nothing,
      endSession: nothing,
    });
    const told = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(told.sort()).toEqual(served.sort());
  });

  it('gives each operation a name of its own, a summary, and its errors by status', () => {
    const operations = Object.values(paths).flatMap((of) => Object.values(of));
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    for (const { operationId, summary, responses } of operations) {
      expect(summary, operationId).not.toBe('');
      expect(Object.keys(responses), operationId).toEqual(expect.arrayContaining(['401', '500']));
    }
  });

  it('refers to nothing that is not in it', () => {
    const document = openApiDocument();
    const { schemas } = document['components'] as { schemas: Record<string, unknown> };
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)].map(([, to]) => to!);
    expect(references.length).toBeGreaterThan(50);
    const known = Object.keys(schemas).map((name) => `#/components/schemas/${name}`);
    expect(references.filter((to) => !known.includes(to))).toEqual([]);
  });

  it('has examples that fit', () => {
    for (const { operation, body, bodyExample, answer, answerExample } of ROUTES) {
      if (bodyExample !== undefined) expect(body?.safeParse(bodyExample).error, operation).toBeUndefined();
      if (answerExample !== undefined)
        expect(answer.schema?.safeParse(answerExample).error, operation).toBeUndefined();
    }
  });
});

describe('what the server answers', () => {
  const bodies: Readonly<Record<string, unknown>> = {
    apply: { path: '/tmp/a.jws' },
    session: { token: TOKEN },
  };

  it.each(
    ROUTES.filter(({ special }) => special !== 'events').map((route) => [route.operation, route] as const),
  )('fits the schema: %s', async (operation, { method, path, answer, listener }) => {
    const { socket, port } = await startTcp(
      {},
      { metrics: async () => ({ contentType: 'text/plain', body: 'a 1' }) },
    );
    const at = listener === 'tcp' ? port : socket;
    const url = path.replace('{id}', 'a2').replace('{digest}', 'cccccccc');
    const got = await raw(at, method, url, method === 'POST' ? JSON.stringify(bodies[operation] ?? {}) : '', {
      authorization: `Bearer ${TOKEN}`,
      ...(method === 'POST' && { 'content-type': 'application/json' }),
    });
    expect(got.status).toBe(answer.status);
    if (answer.schema === null) return;
    const schema: z.ZodType = answer.schema;
    expect(schema.safeParse(JSON.parse(got.text)).error).toBeUndefined();
  });

  it('fits the schema of errors', async () => {
    const { socket } = await startControl();
    const { text } = await raw(socket, 'GET', '/v1/attempts/nobody');
    expect(errorView.safeParse(JSON.parse(text)).error).toBeUndefined();
  });

  it('fits the schema of events, whatever the kind', () => {
    const events = sampleEvents();
    for (const event of events) expect(controlEvent.safeParse(event).error, event.kind).toBeUndefined();
    expect(new Set(events.map(({ kind }) => kind)).size).toBe(7);
  });

  it('is judged strictly: a member too many or too few is no answer', () => {
    const progress = ROUTES.find(({ operation }) => operation === 'attempt')!.answer.schema!;
    const { state: _, ...less } = sampleProgress();
    expect(progress.safeParse(sampleProgress()).success).toBe(true);
    expect(progress.safeParse({ ...sampleProgress(), more: 1 }).success).toBe(false);
    expect(progress.safeParse(less).success).toBe(false);
  });
});
