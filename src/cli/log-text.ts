/** A line of the daemon's log for people. Pure. */
import type { LogView } from '../control/api.ts';
import { plain } from './plain.ts';
import type { Style } from './style.ts';
import { instant } from './time.ts';

const TONES = {
  debug: 'dim',
  info: null,
  warn: 'warn',
  error: 'bad',
  fatal: 'bad',
} as const satisfies Record<LogView['level'], keyof Style | null>;

/** One line: when, how grave, what, the code, the attempt. */
export function logText({ at, level, message, attempt, code }: LogView, style: Style): string {
  const tone = TONES[level];
  const word = level.padEnd(5);
  const parts = [
    style.dim(instant(at)),
    tone === null ? word : style[tone](word),
    `${plain(message)}${code === null ? '' : ` [${code}]`}`,
    ...(attempt === null ? [] : [style.dim(`(${plain(attempt)})`)]),
  ];
  return parts.join(' ');
}
