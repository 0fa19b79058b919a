/** Columns that stand below each other. */
import { widthOf } from './text-width.ts';

/**
 * Lines of a table, two blanks between the columns, nothing at the end of a line.
 *
 * @param rows - cells without control characters; the first row may be the titles
 */
export function tableLines(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, widthOf(cell));
  return rows.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - widthOf(cell))))
      .join('  ')
      .trimEnd(),
  );
}
