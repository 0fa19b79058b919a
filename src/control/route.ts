import type { z } from 'zod';
import type { ErrorCode } from '../error-codes.ts';
import type { ControlApi } from './api.ts';

/** What is served by code of its own, since its answer is no JSON or needs more than the `ControlApi`. */
export type SpecialRoute = 'events' | 'openapi' | 'metrics' | 'session' | 'endSession';

/** A request's parts, as their schemas gave them. */
export interface RouteInput<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
}

interface RouteFacts {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** With its parameters in braces, as OpenAPI writes them. */
  readonly path: string;
  /** Stable name of the operation. */
  readonly operation: string;
  /** One line. */
  readonly summary: string;
  readonly description?: string;
  /** Codes that it answers with besides those of every route. */
  readonly errors: readonly ErrorCode[];
  /** What a request may hold, for the document; has to fit the schema. */
  readonly bodyExample?: unknown;
  /** What an answer may be, for the document; has to fit the schema. */
  readonly answerExample?: unknown;
}

/** The answer of a route that succeeds. */
export interface RouteAnswer<Answer = unknown> {
  readonly status: 200 | 202 | 204;
  readonly description: string;
  /** null: no body, or a body that is no JSON. */
  readonly schema: z.ZodType<Answer> | null;
  /** `application/json` unless told. */
  readonly contentType?: string;
}

/** One route of the control API: what the server serves, and what the OpenAPI document says of it. */
export interface Route extends RouteFacts {
  readonly params: z.ZodType | null;
  readonly query: z.ZodType | null;
  readonly body: z.ZodType | null;
  readonly answer: RouteAnswer;
  /** null where `special` serves it. */
  readonly run: ((api: ControlApi, input: RouteInput<unknown, unknown, unknown>) => Promise<unknown>) | null;
  readonly special: SpecialRoute | null;
  /** `tcp`: only on the TCP listener. */
  readonly listener: 'both' | 'tcp';
  /** Whether it is served without a token. */
  readonly open: boolean;
}

/** A row of the table as it is written: the types of its parts are those of its schemas. */
export interface RouteRow<Params, Query, Body, Answer> extends RouteFacts {
  readonly params?: z.ZodType<Params>;
  readonly query?: z.ZodType<Query>;
  readonly body?: z.ZodType<Body>;
  readonly answer: RouteAnswer<Answer>;
  readonly run: (api: ControlApi, input: RouteInput<Params, Query, Body>) => Promise<Answer>;
}

/** A route that the `ControlApi` answers. */
export function route<Answer, Params = undefined, Query = undefined, Body = undefined>(
  row: RouteRow<Params, Query, Body, Answer>,
): Route {
  const { params = null, query = null, body = null, run } = row;
  return {
    ...row,
    params,
    query,
    body,
    // The server hands in nothing but what these very schemas gave.
    run: run as NonNullable<Route['run']>,
    special: null,
    listener: 'both',
    open: false,
  };
}

/** A route with code of its own. */
export function specialRoute(
  special: SpecialRoute,
  row: RouteFacts &
    Pick<Route, 'answer'> &
    Partial<Pick<Route, 'params' | 'query' | 'body' | 'listener' | 'open'>>,
): Route {
  return { params: null, query: null, body: null, listener: 'both', open: false, ...row, run: null, special };
}
