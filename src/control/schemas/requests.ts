/** What may be asked for: every body and query, strict, so that a misspelt member is never a silent default. */
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { UpdateError } from '../../errors.ts';

/** The most attempts that one answer holds. */
export const HISTORY_MAX = 500;

/** Attempts in an answer unless told. */
export const HISTORY_DEFAULT = 50;

/** The most lines of the log that one answer holds; the daemon remembers no more. */
export const LOGS_MAX = 500;

/** Lines in an answer unless told. */
export const LOGS_DEFAULT = 100;

/** A request without a body is the same as one with `{}`. */
const body = <T extends z.ZodRawShape>(shape: T) =>
  z.preprocess((value) => value ?? {}, z.strictObject(shape));

/** What asks for nothing more than its path says. */
export const emptyBody = body({});

/** `POST /v1/update`. */
export const updateBody = body({
  dry_run: z.boolean().default(false).describe('Only say what would happen.'),
});

/** `POST /v1/apply`. */
export const applyBody = body({
  path: z
    .string()
    .min(1)
    .max(4096)
    .refine((path) => isAbsolute(path) && !path.includes('\0'), 'expected an absolute path')
    .describe('Absolute path of the bundle, as the daemon sees it.'),
});

/** `POST /v1/rollback`. */
export const rollbackBody = body({
  version: z.string().min(1).max(64).nullable().default(null).describe('null: to the version before.'),
});

/** `POST /v1/pause`. */
export const pauseBody = body({
  reason: z.string().min(1).max(500).nullable().default(null).describe('Told by the status.'),
});

/** `POST /v1/approve`. */
export const approveBody = body({
  release: z
    .string()
    .min(1)
    .max(64)
    .nullable()
    .default(null)
    .describe('A version, or at least 8 digits of a release digest; null: the release that waits.'),
});

/** `POST /v1/session`. */
export const sessionBody = body({
  token: z.string().min(1).max(4096).describe('The token in `control.token_file`.'),
});

const limit = (max: number, otherwise: number) =>
  z
    .string()
    .regex(/^[0-9]{1,4}$/, 'expected a whole number')
    .transform(Number)
    .pipe(z.int().min(1).max(max))
    .default(otherwise);

/** `GET /v1/history`. */
export const historyQuery = z.strictObject({ limit: limit(HISTORY_MAX, HISTORY_DEFAULT) });

/** `GET /v1/logs`. */
export const logsQuery = z.strictObject({ limit: limit(LOGS_MAX, LOGS_DEFAULT) });

/** An event's id, in a query or in `Last-Event-ID`. */
export const eventId = z
  .string()
  .regex(/^[0-9]{1,15}$/, 'expected the id of an event')
  .transform(Number)
  .pipe(z.int().min(0));

/** `GET /v1/events`. */
export const eventsQuery = z.strictObject({
  after: eventId
    .optional()
    .describe(
      'First what is remembered since the event with this id; `Last-Event-ID` says the same, and wins.',
    ),
});

/** `GET /v1/attempts/{id}`. */
export const attemptParams = z.strictObject({ id: z.string().min(1).max(100) });

/** `DELETE /v1/quarantine/{digest}`. */
export const quarantineParams = z.strictObject({
  digest: z.string().min(1).max(64).describe('The release digest, at least 8 digits of it, or the version.'),
});

/**
 * Reads a part of a request.
 *
 * @param what - `body` or `query`, for the message
 * @throws UpdateError `USAGE`, which names the first member that is wrong
 */
export function readRequest<T>(schema: z.ZodType<T>, what: string, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const place = [what, ...(issue?.path ?? []).map(String)].join('.');
  throw new UpdateError('USAGE', `${place}: ${issue?.message ?? 'not understood'}`, { cause: parsed.error });
}
