import { writeFile } from 'node:fs/promises';

/** One row of a table: what stands in each column. Columns come in the order in which rows name them. */
export type Row = Readonly<Record<string, string>>;

/**
 * Prints rows as one table: the first column to the left, figures to the right.
 *
 * @example
 * printTable([{ what: 'verify', time: '0.31 s' }]);
 */
export function printTable(rows: readonly Row[]): void {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = [columns, ...rows.map((row) => columns.map((column) => row[column] ?? '–'))];
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => (row[index] ?? '').length)));
  const lines = cells.map((row) =>
    row
      .map((cell, index) => (index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0)))
      .join('  '),
  );
  lines.splice(1, 0, widths.map((width) => '-'.repeat(width)).join('  '));
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Writes results for machines. */
export async function writeJson(path: string, results: unknown): Promise<void> {
  await writeFile(path, `${JSON.stringify(results, null, 2)}\n`);
}
