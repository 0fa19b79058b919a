/** A fact of `core sidecar status`: its name in the first column, its lines in the second. Pure. */
import type { Style } from './style.ts';

/** A fact: its name, its lines, and how it sounds. */
export interface Row {
  readonly name: string;
  readonly lines: readonly string[];
  readonly tone?: 'warn' | 'bad';
}

const NAME_WIDTH = 13;

/** The row as it is shown. */
export function rowText({ name, lines, tone }: Row, style: Style): string {
  const title = name.padEnd(NAME_WIDTH);
  const indent = ' '.repeat(NAME_WIDTH);
  const [first = '', ...rest] = lines;
  const emphasis = tone === undefined ? style.bold : style[tone];
  return [`${emphasis(title)}${first}`, ...rest.map((line) => `${indent}${line}`)].join('\n');
}
