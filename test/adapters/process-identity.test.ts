import { describe, expect, it } from 'vitest';
import {
  hasEnded,
  parseStat,
  readBootId,
  readStat,
  sessionMembers,
} from '../../src/adapters/process-identity.ts';

const line = (name: string, state = 'S', threads = 1): string =>
  `4242 (${name}) ${state} 1 4240 4238 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 ${String(threads)} 0 987654 1000 10 18446744073709551615`;

describe('process identity', () => {
  it.each(['sleep', 'a b', 'x) S 1 1 1', '((', ')', 'new\nline'])('is read whatever the name: %j', (name) => {
    expect(parseStat(line(name))).toEqual({
      pid: 4242,
      state: 'S',
      group: 4240,
      session: 4238,
      startTime: 987_654,
      threads: 1,
    });
  });

  it.each(['', '1', '1 (x', '1 (x) S 1', 'x (y) S'])('is not guessed from %j', (text) => {
    expect(parseStat(text)).toBeNull();
  });

  it('takes a zombie for ended, unless other threads go on', () => {
    expect(hasEnded(null)).toBe(true);
    expect(hasEnded(parseStat(line('x', 'S')))).toBe(false);
    expect(hasEnded(parseStat(line('x', 'T')))).toBe(false);
    expect(hasEnded(parseStat(line('x', 'Z')))).toBe(true);
    expect(hasEnded(parseStat(line('x', 'X')))).toBe(true);
    expect(hasEnded(parseStat(line('x', 'Z', 3)))).toBe(false);
  });

  it('is known of this process', async () => {
    const own = await readStat(process.pid);
    expect(own).toMatchObject({ pid: process.pid });
    expect(await sessionMembers(own?.session ?? -1)).toContainEqual(
      expect.objectContaining({ pid: process.pid }),
    );
    expect(await readBootId()).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('is null of a process that is not there', async () => {
    // Above the highest pid that Linux gives out.
    expect(await readStat(4_194_305)).toBeNull();
  });
});
