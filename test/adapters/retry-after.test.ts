import { describe, expect, it } from 'vitest';
import { parseRetryAfter } from '../../src/adapters/retry-after.ts';

const NOW = Date.UTC(1994, 10, 6, 8, 49, 0);

describe('Retry-After', () => {
  it.each([
    ['120', 120_000],
    [' 0 ', 0],
    ['9'.repeat(400), Infinity],
    // The three forms of RFC 9110 section 5.6.7.
    ['Sun, 06 Nov 1994 08:49:37 GMT', 37_000],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 37_000],
    ['Sun Nov  6 08:49:37 1994', 37_000],
    ['Sun, 06 Nov 1994 08:48:00 GMT', 0],
  ])('%j is %i ms', (header, ms) => {
    expect(parseRetryAfter(header, undefined, NOW)).toBe(ms);
  });

  it.each([undefined, '', 'soon', '-1', '1.5', '1e3', 'Sun, 99 Nov 1994 08:49:37 GMT'])(
    '%j is none',
    (header) => {
      expect(parseRetryAfter(header, undefined, NOW)).toBeNull();
    },
  );

  it('is measured by the server’s own clock, where it tells it', () => {
    const date = 'Sun, 06 Nov 1994 08:49:30 GMT';
    expect(parseRetryAfter('Sun, 06 Nov 1994 08:49:37 GMT', date, 0)).toBe(7_000);
    expect(parseRetryAfter('Sun, 06 Nov 1994 08:49:37 GMT', 'nonsense', NOW)).toBe(37_000);
  });
});
