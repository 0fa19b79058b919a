/** Lines that are made of pieces with an emphasis each, and cut to a width. Pure. */
import type { Style } from '../style.ts';
import { cut, widthOf } from '../text-width.ts';

/** A piece of a line. */
export interface Piece {
  readonly text: string;
  readonly tone?: keyof Style | null;
}

/** A line. */
export type Line = readonly Piece[];

/** The columns that a line takes. */
export function lineWidth(line: Line): number {
  return line.reduce((sum, { text }) => sum + widthOf(text), 0);
}

/** A line with its emphasis, in at most `width` columns. */
export function lineText(line: Line, width: number, style: Style): string {
  let left = width;
  let text = '';
  for (const piece of line) {
    const taken = cut(piece.text, left);
    if (taken !== '')
      text += piece.tone === undefined || piece.tone === null ? taken : style[piece.tone](taken);
    left -= widthOf(taken);
    if (taken !== piece.text) break;
  }
  return text;
}
