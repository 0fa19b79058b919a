import { describe, expect, it } from 'vitest';
import { edgeIds, endedByError, stepsOf } from '../../src/control/page/browser/path.ts';
import { createEventReader } from '../../src/control/page/browser/stream.ts';
import { bytes, clock, nextText, outcomeTone, shown, span } from '../../src/control/page/browser/text.ts';
import { NOW, sampleAttempt, sampleStatus } from '../control/support/samples.ts';

const at = (seconds: number): string => new Date(NOW + seconds * 1000).toISOString();

describe('shown', () => {
  it('leaves a plain text as it is, bounds a long one, and makes every character visible', () => {
    expect(shown('1.2.0 – ok ✓\tx\ny')).toBe('1.2.0 – ok ✓\tx\ny');
    expect(shown('1.2.0\u202e0.9')).toBe('1.2.0\ufffd0.9');
    for (const hidden of ['\0', '\u0007', '\u200b', '\u200f', '\u2066', '\u2028', '\ufeff', '\u009b'])
      expect(shown(`a${hidden}b`)).toBe('a\ufffdb');
    expect(shown('w'.repeat(10_000), 10)).toBe('wwwwwwwwww… (10000 characters)');
  });
});

describe('numbers', () => {
  it('reads well', () => {
    expect([0, 5_000, 89_000, 720_000, 3_600_000 * 5, 86_400_000 * 3].map(span)).toEqual([
      '0 s',
      '5 s',
      '89 s',
      '12 min',
      '5 h',
      '3 days',
    ]);
    expect(span(-5)).toBe('0 s');
    expect([0, 999, 1500, 149_600, 9_990_000, 3e9].map(bytes)).toEqual([
      '0 B',
      '999 B',
      '1.5 kB',
      '150 kB',
      '10.0 MB',
      '3.0 GB',
    ]);
    expect(clock(at(0), NOW)).toMatch(/^\d\d:\d\d$/);
    expect(clock(at(5 * 86_400), NOW)).not.toBe(clock(at(0), NOW));
  });
});

describe('nextText', () => {
  const text = (changes: Parameters<typeof sampleStatus>[0]): string => nextText(sampleStatus(changes), NOW);
  const paused = { code: 'UPDATES_PAUSED', message: 'frozen', next: '' } as const;
  it('says what happens next', () => {
    expect(text({ next_check_at: at(720) })).toBe('Checks in 12 min');
    expect(text({ next_check_at: at(720), window: { open: true, opens_at: null, closes_at: null } })).toBe(
      'Checks in 12 min; the window is open',
    );
    expect(
      text({ next_check_at: at(720), window: { open: false, opens_at: at(3600), closes_at: null } }),
    ).toBe(`Checks in 12 min; the window opens ${clock(at(3600), NOW)}`);
    expect(text({ next_check_at: null, next_check_why: 'the channel is manual' })).toBe(
      'No check by itself: the channel is manual',
    );
    expect(text({ paused })).toBe('Paused: frozen');
    expect(text({ disabled: 'CORESDK_UPDATE_DISABLED is set', paused })).toBe(
      'No updates: CORESDK_UPDATE_DISABLED is set',
    );
    expect(text({ state: 'probing', to: '1.2.0' })).toBe('On the way to 1.2.0');
    expect(text({ state: 'recovering' })).toBe('An attempt is under way');
    expect(text({ state: 'failed', next_action: 'Act now.' })).toBe('A person is needed. Act now.');
    const waiting = { state: 'waiting', to: '1.2.0' } as const;
    expect(text({ ...waiting, waiting: { for: 'approval', reason: '', until: null } })).toBe(
      '1.2.0 waits for an approval',
    );
    expect(text({ ...waiting, waiting: { for: 'window', reason: 'nobody knows', until: null } })).toBe(
      '1.2.0 waits for the window: nobody knows',
    );
    expect(text({ ...waiting, waiting: { for: 'window', reason: '', until: at(7200) } })).toBe(
      `1.2.0 waits for the window, opens ${clock(at(7200), NOW)} (in 2 h)`,
    );
  });
});

describe('the way of an attempt', () => {
  it('begins where it was set off, and ends where it came to rest', () => {
    const states = (changes: Parameters<typeof sampleAttempt>[0]): string[] =>
      stepsOf(sampleAttempt(changes)).map(({ state }) => state);
    const [, ...way] = ['', 'checking', 'downloading', 'probing'];
    expect(states({})).toEqual(['idle', ...way, 'idle']);
    expect(states({ ended_at: null, outcome: null })).toEqual(['idle', ...way]);
    expect(states({ trigger: 'recovery', steps: [{ state: 'rollingBack', at: at(0) }] })).toEqual([
      'rollingBack',
      'idle',
    ]);
    expect(states({ outcome: 'failed', steps: [{ state: 'rollingBack', at: at(0) }] })).toEqual([
      'idle',
      'rollingBack',
      'failed',
    ]);
  });

  it('took the edge of an error only where there was one', () => {
    expect(edgeIds('probing', 'rollingBack', false)[0]).toBe('edge-probing-rollingBack-error');
    expect(edgeIds('idle', 'rollingBack', false)[0]).toBe('edge-idle-rollingBack-done');
    expect(edgeIds('verifying', 'idle', true)[0]).toBe('edge-verifying-idle-error');
    expect(edgeIds('rolledBack', 'idle', false)[0]).toBe('edge-rolledBack-idle-done');
    expect(endedByError(sampleAttempt({ outcome: 'refused' }))).toBe(true);
    expect(endedByError(sampleAttempt({ outcome: 'rolledBack' }))).toBe(false);
    expect(
      [null, 'committed', 'nothing', 'rolledBack'].map((outcome) => outcomeTone(outcome as 'nothing')),
    ).toEqual(['plain', 'good', 'plain', 'bad']);
  });
});

describe('createEventReader', () => {
  const stream =
    ': hello\n\nretry: 1000\nid: 7\nevent: log\ndata: {"a":1}\n\nid: 8\r\ndata: one\r\ndata:two\r\n\r\n:\n\ndata: x';
  it('reads events however they are cut', () => {
    const whole = [
      { id: '7', data: '{"a":1}' },
      { id: '8', data: 'one\ntwo' },
    ];
    expect(createEventReader()(stream)).toEqual(whole);
    for (let size = 1; size < 9; size += 1) {
      const read = createEventReader();
      const events = [];
      for (let from = 0; from < stream.length; from += size)
        events.push(...read(stream.slice(from, from + size)));
      expect(events, String(size)).toEqual(whole);
    }
  });

  it('gives up on a line without end', () => {
    const read = createEventReader();
    expect(() => {
      for (let count = 0; count < 20; count += 1) read('x'.repeat(100_000));
    }).toThrow(RangeError);
  });
});
