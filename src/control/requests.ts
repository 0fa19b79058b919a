/** What may be asked for: every body and query, strict, so that a misspelt member is never a silent default. */
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { UpdateError } from '../errors.ts';

/** The most attempts that one answer holds. */
export const HISTORY_MAX = 500;

/** Attempts in an answer unless told. */
export const HISTORY_DEFAULT = 50;

/** A request without a body is the same as one with `{}`. */
const body = <T extends z.ZodRawShape>(shape: T) =>
  z.preprocess((value) => value ?? {}, z.strictObject(shape));

/** `POST /v1/check`, `/v1/resume` and `/v1/retry`. */
export const emptyBody = body({});

/** `POST /v1/update`. */
export const updateBody = body({ dry_run: z.boolean().default(false) });

/** `POST /v1/apply`. */
export const applyBody = body({
  path: z
    .string()
    .min(1)
    .max(4096)
    .refine((path) => isAbsolute(path) && !path.includes('\0'), 'expected an absolute path'),
});

/** `POST /v1/rollback`; null or absent: to the version before. */
export const rollbackBody = body({ version: z.string().min(1).max(64).nullable().default(null) });

/** `GET /v1/history`. */
export const historyQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^[0-9]{1,4}$/, 'expected a whole number')
    .transform(Number)
    .pipe(z.number().min(1).max(HISTORY_MAX))
    .default(HISTORY_DEFAULT),
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
