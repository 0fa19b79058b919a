import { describe, expect, it } from 'vitest';
import { bar, createProgress } from '../../src/cli/progress.ts';
import { plainStyle } from '../../src/cli/style.ts';
import { sampleProgress } from '../control/support/samples.ts';
import { ended } from '../control/support/scripted-api.ts';
import { captured } from './support/core.ts';

/** Too little is known to tell how fast it is. */
const SLOW = { bytes_per_second: null, seconds_left: null } as const;

const looks = [
  sampleProgress(),
  sampleProgress({
    state: 'downloading',
    to: '1.2.0',
    progress: { kind: 'download', received_bytes: 0, total_bytes: 2048, ...SLOW },
  }),
  sampleProgress({
    state: 'downloading',
    to: '1.2.0',
    progress: { kind: 'download', received_bytes: 1024, total_bytes: 2048, ...SLOW },
  }),
  sampleProgress({
    state: 'probing',
    from: '1.1.0',
    to: '1.2.0',
    progress: { kind: 'probe', last: 'HTTP\u001B 500', elapsed_ms: 1500, deadline_ms: 60_000 },
  }),
  sampleProgress({ state: 'rollingBack', from: '1.1.0', to: '1.2.0' }),
  ended('rolledBack', 'rolledBack', 'HTTP 500', { from: '1.1.0', to: '1.2.0' }),
];

describe('progress', () => {
  it('is a line for each new state where nobody watches', () => {
    const output = captured();
    const display = createProgress(output, plainStyle);
    for (const look of looks) display.show(look);
    display.finish();
    expect(output.text).toBe('checking\ndownloading 1.2.0\nprobing 1.2.0\nrollingBack to 1.1.0\n');
  });

  it('is one line on a terminal, which is redrawn and never wraps, and is gone at the end', () => {
    const output = captured(true);
    const display = createProgress(output, plainStyle);
    for (const look of looks) display.show(look);
    display.finish();
    expect(output.text).not.toContain('\n');
    const drawn = output.text.split('\r\u001B[2K');
    expect(drawn).toEqual([
      '',
      'checking',
      `downloading 1.2.0 [${'.'.repeat(24)}] 0 B of 2.0 KiB`,
      `downloading 1.2.0 [${'#'.repeat(12)}${'.'.repeat(12)}] 1.0 KiB of 2.0 KiB`,
      `probing 1.2.0 [#${'.'.repeat(23)}] 1.5 of 60.0 s, last seen: HTTP 500`,
      'rollingBack to 1.1.0',
      '',
    ]);
    for (const line of drawn) expect(line.length).toBeLessThan(80);
  });

  it('draws what is out of range as empty or full', () => {
    expect(bar(-1)).toBe(`[${'.'.repeat(24)}]`);
    expect(bar(2)).toBe(`[${'#'.repeat(24)}]`);
  });
});

const downloading = (received: number, total: number, rate: number | null, left: number | null) =>
  sampleProgress({
    state: 'downloading',
    to: '1.2.0',
    progress: {
      kind: 'download',
      received_bytes: received,
      total_bytes: total,
      bytes_per_second: rate,
      seconds_left: left,
    },
  });

describe('a long download', () => {
  const MIB = 1024 ** 2;
  const shown = (look: ReturnType<typeof downloading>, columns: number): string => {
    const output = captured(true, columns);
    createProgress(output, plainStyle).show(look);
    return output.text.replace('\r\u001B[2K', '');
  };

  it('shows speed and time left on a terminal', () => {
    expect(shown(downloading(10 * MIB, 40 * MIB, 2 * MIB, 15), 80)).toBe(
      `downloading 1.2.0 [##........] 10.0 MiB of 40.0 MiB, 2.0 MiB/s, 15 s left`.replace(
        '##........',
        '###.......',
      ),
    );
    expect(shown(downloading(40 * MIB, 40 * MIB, 2 * MIB, 0), 120)).not.toContain('left');
    expect(shown(downloading(10 * MIB, 40 * MIB, 0, null), 120)).toContain('40.0 MiB, 0 B/s');
  });

  it.each([
    [120, `downloading 1.2.0 [######..................] 10.0 MiB of 40.0 MiB, 2.0 MiB/s, 15 s left`],
    [70, 'downloading 1.2.0 10.0 MiB of 40.0 MiB, 2.0 MiB/s, 15 s left'],
    [50, 'downloading 1.2.0 25 %, 2.0 MiB/s, 15 s left'],
    [30, 'downloading 1.2.0 25 %'],
    [18, 'downloading 1.2.0'],
    [8, 'downloa'],
    [1, 'd'],
  ])('never wraps: at %i columns', (columns, line) => {
    expect(shown(downloading(10 * MIB, 40 * MIB, 2 * MIB, 15), columns)).toBe(line);
  });

  it('never wraps, whatever the width', () => {
    for (let columns = 1; columns < 120; columns += 1)
      for (const left of [15, 1500])
        expect(shown(downloading(10 * MIB, 40 * MIB, 2 * MIB, left), columns).length).toBeLessThan(
          Math.max(2, columns),
        );
  });

  it('takes a terminal without a size for one of 80 columns', () => {
    const line = shown(downloading(10 * MIB, 40 * MIB, 2 * MIB, 15), 0);
    expect(line).toBe(shown(downloading(10 * MIB, 40 * MIB, 2 * MIB, 15), 80));
  });

  it('is a line each tenth elsewhere, once its speed is known', () => {
    const output = captured();
    const display = createProgress(output, plainStyle);
    for (let part = 0; part <= 100; part += 4)
      display.show(downloading(part * MIB, 100 * MIB, part < 8 ? null : MIB, 100 - part));
    display.show(sampleProgress({ state: 'verifying', to: '1.2.0' }));
    display.finish();
    const lines = output.text.trimEnd().split('\n');
    expect(lines).toHaveLength(12);
    expect(lines[1]).toBe('downloading 1.2.0: 10 %, 12.0 MiB of 100.0 MiB, 1.0 MiB/s, 88 s left');
    expect(lines.at(-2)).toBe('downloading 1.2.0: 100 %, 100.0 MiB of 100.0 MiB, 1.0 MiB/s');
    expect(output.text).not.toMatch(/[\r\u001B]/);
  });
});

describe('what holds an update', () => {
  const waiting = { for: 'window', reason: 'it opens\u001B at two', until: null } as const;
  const look = sampleProgress({ state: 'waiting', to: '1.2.0' });

  it.each([
    [true, '\r\u001B[2Kwaiting 1.2.0\r\u001B[2Kwaiting 1.2.0: it opens at two'],
    [false, 'waiting 1.2.0\nwaiting 1.2.0: it opens at two\n'],
  ])('is said, once, on a terminal: %s', (tty, text) => {
    const output = captured(tty);
    const display = createProgress(output, plainStyle);
    display.show(look);
    display.show(look, waiting);
    display.show(look, waiting);
    expect(output.text).toBe(text);
  });
});

it('draws nothing on a terminal that cannot be drawn over', () => {
  const output = captured(true);
  createProgress(output, plainStyle, false).show(sampleProgress());
  expect(output.text).toBe('checking\n');
});
