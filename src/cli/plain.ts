/**
 * Text on its way to a terminal.
 *
 * Invariant: whatever came from a release, a feed or a file name reaches a terminal without control characters, so that it
 * can neither hide nor forge a line.
 */

/** C0, DEL and C1 controls, the marks that change the direction of text, and the separators of lines. */
const CONTROLS = /[\p{Cc}\u061C\u200E\u200F\u2028\u2029\u202A-\u202E\u2066-\u2069\uFEFF]/gu;

/**
 * The text on one line, without control characters; white space and line breaks become one blank.
 *
 * @example
 * plain('1.2.0\n\u001b[2Jall is well'); // '1.2.0 [2Jall is well'
 */
export function plain(text: string): string {
  return text
    .replace(/[\s\u0085\u2028\u2029]+/gu, ' ')
    .replace(CONTROLS, '')
    .trim();
}

/** The text line by line, each made {@link plain}; empty lines at the end are dropped. */
export function plainLines(text: string): string[] {
  const lines = text
    .split(/\r\n|[\n\r\u2028\u2029]/u)
    .map((line) => line.replace(/\t/g, '  ').replace(CONTROLS, '').trimEnd());
  while (lines.at(-1) === '') lines.pop();
  return lines;
}

const escaped = (text: string): string =>
  text.replace(CONTROLS, (char) =>
    char === '\n' ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** JSON for people and programs: indented, and with every control character escaped, also those that JSON itself leaves. */
export function plainJson(value: unknown): string {
  return escaped(JSON.stringify(value, null, 2));
}

/** The same on one line, for JSON lines. */
export function plainLine(value: unknown): string {
  return escaped(JSON.stringify(value));
}
