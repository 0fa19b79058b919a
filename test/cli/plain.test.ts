import { describe, expect, it } from 'vitest';
import { bytes } from '../../src/cli/bytes.ts';
import { complaint, errorLine } from '../../src/cli/complain.ts';
import { plain, plainJson, plainLines } from '../../src/cli/plain.ts';
import { duration, instant, relative, span, when } from '../../src/cli/time.ts';
import { UpdateError } from '../../src/errors.ts';

const HOSTILE = 'a\u001B[2J\u009B31mb\u0007\u0000\u007F\u202Ec\uFEFF';

describe('text for a terminal', () => {
  it('holds no control characters and no line breaks', () => {
    expect(plain(HOSTILE)).toBe('a[2J31mbc');
    expect(plain(' 1.2.0\r\n\terror: x\u2028y\u0085z ')).toBe('1.2.0 error: x y z');
    expect(plain('ünïcode → 字 🎉')).toBe('ünïcode → 字 🎉');
  });

  it('keeps its lines where lines are wanted', () => {
    expect(plainLines('one\r\n\ttwo\u001B[31m\rthree\n\n')).toEqual(['one', '  two[31m', 'three']);
    expect(plainLines('')).toEqual([]);
  });

  it('is escaped in JSON, which stays the same value', () => {
    const value = { notes: HOSTILE, lines: ['a\nb'] };
    const text = plainJson(value);
    expect(JSON.parse(text)).toEqual(value);
    expect(text).not.toMatch(/[^\P{Cc}\n]|[\u202E\uFEFF]/u);
    expect(text.split('\n').length).toBeGreaterThan(3);
  });
});

describe('an error', () => {
  it('is one line: what, the code, what to do', () => {
    const error = new UpdateError('CONFIG_INVALID', 'a.yaml:1: x: wrong\na.yaml:2: y: wrong\u001B[2J');
    expect(complaint(error)).toBe(
      'error: a.yaml:1: x: wrong; a.yaml:2: y: wrong[2J [CONFIG_INVALID]: Correct the key that the message names.\n',
    );
    expect(errorLine({ code: 'BUSY', message: 'm', next: 'n\nn' })).toBe('error: m [BUSY]: n n');
  });

  it('that is a bug says so, with a stack', () => {
    const text = complaint(new TypeError('x is undefined'));
    expect(text).toMatch(
      /^error: x is undefined \[INTERNAL\]: this is a bug[^\n]*\nTypeError: x is undefined\n {4}at /,
    );
    expect(complaint('thrown text')).toMatch(/^error: thrown text \[INTERNAL\]/);
  });
});

describe('times and sizes', () => {
  const now = Date.UTC(2026, 0, 2, 3, 4, 5, 999);
  it('are told in the unit that fits', () => {
    expect([0, 59_000, 119_000, 180_000, 7_200_000, 180_000_000].map(span)).toEqual([
      '0 s',
      '59 s',
      '119 s',
      '3 min',
      '2 h',
      '2 d',
    ]);
    expect([-5, 850, 3210, 63_000, 7_500_000].map(duration)).toEqual([
      '0 ms',
      '850 ms',
      '3.2 s',
      '1 min 3 s',
      '2 h 5 min',
    ]);
    expect([0, 512, 1024, 12_900_000, 5e12].map(bytes)).toEqual([
      '0 B',
      '512 B',
      '1.0 KiB',
      '12.3 MiB',
      '4.5 TiB',
    ]);
  });

  it('are told from now, and as an instant', () => {
    const at = (ms: number): string => new Date(now + ms).toISOString();
    expect(relative(at(-200_000), now)).toBe('3 min ago');
    expect(relative(at(200_000), now)).toBe('in 3 min');
    expect(relative(at(300), now)).toBe('just now');
    expect(instant(at(0))).toBe('2026-01-02T03:04:05Z');
    expect(when(at(-10_000), now)).toBe('10 s ago (2026-01-02T03:03:55Z)');
  });
});
