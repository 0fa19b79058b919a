/** The OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.0), made from the table of routes and its schemas. */
import { z } from 'zod';
import { ERROR_CODES, type ErrorCode } from '../error-codes.ts';
import { httpStatus } from './http-status.ts';
import type { Route } from './route.ts';
import { ROUTES } from './route-table.ts';
import { attemptProgress, attemptView } from './schemas/attempts.ts';
import { controlEvent } from './schemas/events.ts';
import { statusSchema } from './schemas/status.ts';
import {
  checkView,
  configEntry,
  doctorReport,
  errorCode,
  errorView,
  logView,
  progressView,
  quarantineView,
  stateName,
  storedVersionView,
  versionView,
  waitingView,
  workloadView,
} from './schemas/views.ts';

/** Version of the control API: the major number is the one in the paths. */
const API_VERSION = '1.0.0';

/** Schemas that have a name of their own in the document. */
const COMPONENTS: Readonly<Record<string, z.ZodType>> = {
  Attempt: attemptView,
  AttemptProgress: attemptProgress,
  Check: checkView,
  ConfigEntry: configEntry,
  DoctorReport: doctorReport,
  Error: errorView,
  ErrorCode: errorCode,
  Event: controlEvent,
  LogLine: logView,
  Progress: progressView,
  QuarantinedRelease: quarantineView,
  StateName: stateName,
  Status: statusSchema,
  StoredVersion: storedVersionView,
  Version: versionView,
  Waiting: waitingView,
  Workload: workloadView,
};

type Json = Record<string, unknown>;

/** The errors that every route may answer with. */
const EVERYWHERE: readonly ErrorCode[] = ['INTERNAL'];

/** The errors that every route with a parameter, a query or a body may answer with. */
const WITH_INPUT: readonly ErrorCode[] = ['USAGE'];

/** The errors of the TCP listener. */
const OVER_TCP: readonly ErrorCode[] = ['UNAUTHORIZED', 'HOST_NOT_ALLOWED', 'RATE_LIMITED'];

/** What JSON Schema says of a time is enough; the pattern behind it helps nobody. */
function plainTime({ jsonSchema }: { jsonSchema: { format?: string; pattern?: string } }): void {
  if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
}

/** Answers may gain members, which a client must not mind; requests are strict. */
function openEnded(context: { jsonSchema: { additionalProperties?: unknown } }): void {
  plainTime(context as { jsonSchema: { format?: string; pattern?: string } });
  delete context.jsonSchema.additionalProperties;
}

function without(schema: Json, ...members: readonly string[]): Json {
  return Object.fromEntries(Object.entries(schema).filter(([name]) => !members.includes(name)));
}

/** All schemas of answers at once, so that they refer to each other by name. */
function answerSchemas(): { components: Json; ofRoutes: ReadonlyMap<Route, Json> } {
  const registry = z.registry<{ id: string }>();
  const names = new Map<z.ZodType, string>();
  for (const [id, schema] of Object.entries(COMPONENTS)) {
    registry.add(schema, { id });
    names.set(schema, id);
  }
  const rows = ROUTES.flatMap((route) =>
    route.answer.schema === null ? [] : [[route, route.answer.schema] as const],
  );
  // Answers that have no name of their own are put in by one that is taken out again.
  for (const [{ operation }, schema] of rows)
    if (!names.has(schema)) {
      registry.add(schema, { id: `answer ${operation}` });
      names.set(schema, `answer ${operation}`);
    }
  const { schemas } = z.toJSONSchema(registry, {
    uri: (id) => `#/components/schemas/${id}`,
    io: 'output',
    override: openEnded,
  });
  const made = (id: string): Json => without(schemas[id] as Json, '$schema', '$id');
  const components = Object.fromEntries(Object.keys(COMPONENTS).map((id) => [id, made(id)]));
  const ofRoutes = rows.map(([route, schema]) => {
    const name = names.get(schema) ?? '';
    return [route, name in components ? { $ref: `#/components/schemas/${name}` } : made(name)] as const;
  });
  return { components, ofRoutes: new Map(ofRoutes) };
}

function requestSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  return without(z.toJSONSchema(schema, { io, override: plainTime }), '$schema');
}

function parameters(schema: z.ZodType | null, where: 'path' | 'query'): Json[] {
  if (schema === null) return [];
  // Numbers come as text, so what they are read as is what has to be said.
  const { properties = {} } = requestSchema(schema, 'output') as { properties?: Record<string, Json> };
  return Object.entries(properties).map(([name, property]) => {
    const { description } = property;
    return {
      name,
      in: where,
      required: where === 'path',
      ...(description === undefined ? {} : { description }),
      schema: without(property, 'description'),
    };
  });
}

function errors({ errors: own, params, query, body, special }: Route): Json {
  const input = params !== null || query !== null || body !== null;
  const codes = [...own, ...(input ? WITH_INPUT : []), ...OVER_TCP, ...EVERYWHERE];
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set(codes)) {
    const status = special === 'events' && code === 'RATE_LIMITED' ? 503 : httpStatus(code);
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, found]) => [
      String(status),
      {
        description: found.map((code) => `\`${code}\`: ${ERROR_CODES[code].means}`).join(' '),
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    ]),
  );
}

function operation(route: Route, answers: ReadonlyMap<Route, Json>): Json {
  const { answer, body, description, summary, listener, bodyExample, answerExample } = route;
  const { contentType = 'application/json' } = answer;
  const schema = answers.get(route);
  const example = (value: unknown): Json => (value === undefined ? {} : { example: value });
  const content =
    answer.status === 204
      ? {}
      : { content: { [contentType]: { ...(schema && { schema }), ...example(answerExample) } } };
  const notes = [description, listener === 'tcp' ? 'On the TCP listener only.' : undefined];
  const told = notes.filter((note) => note !== undefined).join(' ');
  return {
    operationId: route.operation,
    summary,
    ...(told === '' ? {} : { description: told }),
    parameters: [...parameters(route.params, 'path'), ...parameters(route.query, 'query')],
    ...(body === null || route.method === 'DELETE'
      ? {}
      : {
          requestBody: {
            required: false,
            content: {
              'application/json': { schema: requestSchema(body, 'input'), ...example(bodyExample) },
            },
          },
        }),
    responses: { [String(answer.status)]: { description: answer.description, ...content }, ...errors(route) },
    ...(route.open ? { security: [] } : {}),
  };
}

/** Makes the document. It is the same for every program of the same version of the API. */
export function openApiDocument(): Json {
  const { components, ofRoutes } = answerSchemas();
  const paths: Record<string, Json> = {};
  for (const route of ROUTES)
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route, ofRoutes) };
  return {
    openapi: '3.1.0',
    info: {
      title: 'Control API of the CoreSDK sidecar updater',
      version: API_VERSION,
      description:
        'HTTP/JSON over a unix socket (`control.socket`), and over TCP where `control.http` is set. Who may open the socket needs no token. Answers may gain members, events may gain kinds and errors may gain codes within a major version; clients must not mind.',
    },
    servers: [
      { url: 'http://localhost', description: 'Over the unix socket: curl --unix-socket CONTROL.SOCK' },
      { url: 'http://127.0.0.1:7702', description: 'Over TCP, where `control.http` is 127.0.0.1:7702' },
    ],
    // Over the socket: nothing. Over TCP: one of the two.
    security: [{}, { token: [] }, { session: [] }],
    paths,
    components: {
      schemas: components,
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'The token in `control.token_file`.' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: 'coresdk_session_7702',
          description: 'From `POST /v1/session`; the number is the port of the listener.',
        },
      },
    },
  };
}

/** The document as it is served, and as it lies in `docs/openapi.json`. */
export function openApiText(): string {
  return `${JSON.stringify(openApiDocument(), null, 2)}\n`;
}
