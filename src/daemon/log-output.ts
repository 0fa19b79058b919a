import { pino, type DestinationStream, type Logger } from 'pino';
import type { Config } from '../config/index.ts';
import { createScrub, secretsOf } from './log-secrets.ts';

/** Names of fields that never hold anything for a log; deeper than two levels no line of ours goes. */
const NEVER = ['authorization', 'Authorization', 'token', 'password', 'secret', 'headers', 'env', 'proxy'];

/** An error without whatever else hangs on it: libraries put requests, headers and sockets there. */
function errorFields(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error);
  const { name, message, stack, cause } = error;
  return {
    type: name,
    ...('code' in error && typeof error.code === 'string' ? { code: error.code } : {}),
    message,
    stack,
    ...(cause instanceof Error ? { cause: `${cause.name}: ${cause.message}` } : {}),
  };
}

/**
 * The daemon's logger: one JSON object a line, time in ISO 8601, secrets of the configuration taken out. The fields are listed in
 * `docs/observability.md`.
 *
 * @param config - its level, and the secrets to keep out
 * @param destination - where the lines go; stdout unless told
 * @example
 * createLogger(config).info({ attempt: '20261123-141502-k3f9' }, 'entered checking');
 */
export function createLogger(
  config: Pick<Config, 'log' | 'http' | 'probe' | 'workload'>,
  destination?: DestinationStream,
): Logger {
  return pino(
    {
      level: config.log.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: NEVER.flatMap((name) => [name, `*.${name}`]), censor: '***' },
      serializers: { err: errorFields },
      hooks: { streamWrite: createScrub(secretsOf(config)) },
    },
    ...(destination === undefined ? [] : [destination]),
  );
}
