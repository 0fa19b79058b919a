import type { Logger } from 'pino';
import { ERROR_CODES, type ErrorCode } from '../error-codes.ts';
import type { LogView } from '../control/api.ts';
import type { Scrub } from './log-secrets.ts';

/** The part of a logger that the daemon's own lines go through. */
export type LineLogger = Pick<Logger, 'debug' | 'info' | 'warn' | 'error' | 'fatal'>;

/** A logger whose lines can be told on. */
export type TeedLogger = LineLogger & Pick<Logger, 'isLevelEnabled'>;

const LEVELS = ['debug', 'info', 'warn', 'error', 'fatal'] as const;

const isCode = (value: unknown): value is ErrorCode =>
  typeof value === 'string' && Object.hasOwn(ERROR_CODES, value);

/**
 * A logger whose lines are also told to whoever watches the daemon. Only the message, the attempt and the code are: what else a
 * line holds stays in the log.
 *
 * @param logger - where the lines go
 * @param now - ms since 1970
 * @param onLine - hears of each line that the logger's level lets through
 * @param scrub - takes secrets out of its message
 */
export function teeLog(
  logger: TeedLogger,
  now: () => number,
  onLine: (line: LogView) => void,
  scrub: Scrub = (text) => text,
): LineLogger {
  const at =
    (level: LogView['level']) =>
    (first: unknown, text?: string, ...rest: unknown[]): void => {
      const write: (...args: unknown[]) => void = logger[level].bind(logger);
      write(first, ...(text === undefined ? [] : [text]), ...rest);
      if (!logger.isLevelEnabled(level)) return;
      const fields = typeof first === 'object' && first !== null ? (first as Record<string, unknown>) : {};
      const { attempt, code } = fields;
      onLine({
        at: new Date(now()).toISOString(),
        level,
        message: scrub(typeof first === 'string' ? first : (text ?? '')),
        attempt: typeof attempt === 'string' ? attempt : null,
        code: isCode(code) ? code : null,
      });
    };
  return Object.fromEntries(LEVELS.map((level) => [level, at(level)])) as unknown as LineLogger;
}
