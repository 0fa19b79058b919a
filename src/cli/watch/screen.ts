/**
 * A few lines of a terminal that are drawn over again and again.
 *
 * Invariant: whatever happens, `close` leaves the cursor visible and below what was drawn last.
 */
import { stripVTControlCharacters } from 'node:util';
import { sizeOf, type Output } from '../output.ts';
import { widthOf } from '../text-width.ts';

/** Lines that are drawn over. */
export interface Screen {
  /** Draws `lines` in the place of the last ones; none may be wider than the terminal is now. */
  readonly draw: (lines: readonly string[]) => void;
  /** Restores the terminal; what was drawn last stays. Again: does nothing. */
  readonly close: () => void;
}

const HIDE_CURSOR = '\u001B[?25l';
const SHOW_CURSOR = '\u001B[?25h';
const CLEAR_TO_LINE_END = '\u001B[K';
const CLEAR_BELOW = '\u001B[J';
const up = (rows: number): string => (rows === 0 ? '' : `\u001B[${String(rows)}A`);

/** Makes a screen; it draws nothing yet. */
export function openScreen(output: Output): Screen {
  let drawn: readonly string[] = [];
  let open = false;
  /** Rows that the last lines take now: a terminal that was made narrower has wrapped them. */
  const rowsDrawn = (): number => {
    const { columns } = sizeOf(output);
    return drawn.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(widthOf(stripVTControlCharacters(line)) / columns)),
      0,
    );
  };
  return {
    draw: (lines) => {
      const start = open ? up(rowsDrawn()) : HIDE_CURSOR;
      // In one write, so that nobody sees half of it.
      output.write(
        `${start}\r${lines.map((line) => `${line}${CLEAR_TO_LINE_END}\n`).join('')}${CLEAR_BELOW}`,
      );
      open = true;
      drawn = lines;
    },
    close: () => {
      if (open) output.write(SHOW_CURSOR);
      open = false;
    },
  };
}
