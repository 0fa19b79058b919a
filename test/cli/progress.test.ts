import { describe, expect, it } from 'vitest';
import { bar, createProgress } from '../../src/cli/progress.ts';
import { plainStyle } from '../../src/cli/style.ts';
import { sampleProgress } from '../control/support/samples.ts';
import { ended } from '../control/support/scripted-api.ts';
import { captured } from './support/core.ts';

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
