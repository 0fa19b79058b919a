import { describe, expect, it } from 'vitest';
import { openScreen } from '../../../src/cli/watch/screen.ts';
import { captured, type Captured } from '../support/core.ts';

/** What a terminal of these columns shows: as much of one as the screen uses. */
function shows(text: string, columns: number): { lines: string[]; row: number; cursor: boolean } {
  const lines: string[] = [''];
  let row = 0;
  let column = 0;
  let cursor = true;
  for (const [token] of text.matchAll(/\u001B\[\??(\d*)([A-Za-z])|[\s\S]/g)) {
    const [, count = '', verb] = /^\u001B\[\??(\d*)([A-Za-z])$/.exec(token) ?? [];
    if (verb === 'A') row -= Number(count);
    else if (verb === 'K') lines[row] = (lines[row] ?? '').slice(0, column);
    else if (verb === 'J') lines.splice(row, lines.length, (lines[row] ?? '').slice(0, column));
    else if (verb === 'l' || verb === 'h') cursor = verb === 'h';
    else if (verb !== undefined) throw new Error(`expected a sequence that the screen uses, found ${token}`);
    else if (token === '\r') column = 0;
    else if (token === '\n') {
      row += 1;
      column = 0;
      lines[row] ??= '';
    } else {
      if (column === columns) {
        row += 1;
        column = 0;
        lines[row] ??= '';
      }
      const line = (lines[row] ?? '').padEnd(column);
      lines[row] = line.slice(0, column) + token + line.slice(column + 1);
      column += 1;
    }
    if (row < 0) throw new Error('expected the screen to stay below where it began');
  }
  return { lines, row, cursor };
}

const on = (
  columns: number,
): { output: Captured & { columns: number }; shown: () => ReturnType<typeof shows> } => {
  const output = Object.assign(captured(true), { columns });
  return { output, shown: () => shows(output.text, output.columns) };
};

describe('the screen', () => {
  it('draws over what it drew, also when there is less of it', () => {
    const { output, shown } = on(40);
    const screen = openScreen(output);
    screen.draw(['one', 'a longer second line', 'three', 'four']);
    screen.draw(['eins', 'zwei', '', 'vier']);
    expect(shown()).toEqual({ lines: ['eins', 'zwei', '', 'vier', ''], row: 4, cursor: false });
    screen.draw(['uno']);
    expect(shown()).toEqual({ lines: ['uno', ''], row: 1, cursor: false });
    screen.draw(['un', 'deux']);
    screen.close();
    screen.close();
    expect(shown()).toEqual({ lines: ['un', 'deux', ''], row: 2, cursor: true });
    expect(output.text.split('\u001B[?25h')).toHaveLength(2);
  });

  it('counts the rows that a narrower terminal made of a line, also of a coloured one', () => {
    const { output } = on(40);
    const screen = openScreen(output);
    screen.draw([`\u001B[1m${'x'.repeat(35)}\u001B[22m`, 'y']);
    output.columns = 20;
    screen.draw(['z']);
    // 35 columns are two rows of 20.
    expect(output.text).toContain('\u001B[3A\rz');
  });

  it('hides nothing where it drew nothing', () => {
    const { output } = on(40);
    openScreen(output).close();
    expect(output.text).toBe('');
  });
});
