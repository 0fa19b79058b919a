import { describe, expect, it } from 'vitest';
import { didYouMean, nearest } from '../../src/config/suggest.ts';

const KEYS = ['channel', 'check_interval', 'feed_url'];

describe('nearest', () => {
  it.each([
    ['chanel', 'channel'],
    ['chnanel', 'channel'],
    ['CHANNEL', 'channel'],
    ['checkInterval', 'check_interval'],
    ['check_interval_s', 'check_interval'],
    ['feedurl', 'feed_url'],
  ])('finds what %s means', (text, meant) => {
    expect(nearest(text, KEYS)).toBe(meant);
  });

  it.each(['', 'colour', 'x'.repeat(10_000)])('finds nothing near %.10s', (text) => {
    expect(nearest(text, KEYS)).toBeNull();
    expect(didYouMean(text, KEYS)).toBe('');
  });
});
