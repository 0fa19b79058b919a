/**
 * How many columns a text takes on a terminal.
 *
 * Invariant: never too few, so that a text which is said to fit does not wrap (Unicode Standard Annex 11: wide and fullwidth take two
 * columns; marks take none).
 */
const NONE = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
const NARROW = /^[\u0020-\u007E\u00A0-\u10FF\u2010-\u2027\u2030-\u205E\u2190-\u21FF\u2500-\u259F]$/u;
const WIDE =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Extended_Pictographic}\u3000-\u303F\uFF00-\uFF60\uFFE0-\uFFE6]$/u;

function columnsOf(char: string): number {
  if (NARROW.test(char) && !NONE.test(char)) return 1;
  if (NONE.test(char)) return 0;
  // What is outside of the basic plane may be anything; two is the most.
  return WIDE.test(char) || (char.codePointAt(0) ?? 0) > 0xffff ? 2 : 1;
}

/** The columns that `text` takes; it holds no control characters. */
export function widthOf(text: string): number {
  let width = 0;
  for (const char of text) width += columnsOf(char);
  return width;
}

/** As much of the beginning of `text` as fits into `width` columns. */
export function cut(text: string, width: number): string {
  let taken = '';
  let used = 0;
  for (const char of text) {
    used += columnsOf(char);
    if (used > width) return taken;
    taken += char;
  }
  return taken;
}
