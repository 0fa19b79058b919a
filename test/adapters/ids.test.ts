import { describe, expect, it } from 'vitest';
import { createIds } from '../../src/adapters/ids.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';

const START = Date.UTC(2026, 10, 23, 14, 15, 2);

describe('ids', () => {
  it('can be read as date and time', () => {
    expect(createIds(createFakeClock(START)).next()).toMatch(/^20261123-141502-[0-9a-z]{4}$/);
  });

  it('sort by time, to the millisecond', async () => {
    const clock = createFakeClock(START, [0.99, 0, 0.5]);
    const ids = createIds(clock);
    const made: string[] = [];
    for (const step of [0, 1, 1, 997, 1, 60_000]) {
      await clock.advance(step);
      made.push(ids.next());
    }
    expect(made).toEqual([...made].sort());
    expect(new Set(made).size).toBe(made.length);
  });

  it('differ and keep their order within one millisecond, and over the end of a second', () => {
    const ids = createIds(createFakeClock(START + 999, [0.9999]));
    const made = Array.from({ length: 2000 }, () => ids.next());
    expect(made).toEqual([...made].sort());
    expect(new Set(made).size).toBe(made.length);
    expect(made.at(-1)).toMatch(/^20261123-141503-/);
  });

  it('keep their order when the host’s clock goes back', () => {
    const clock = createFakeClock(START);
    const ids = createIds(clock);
    const before = ids.next();
    clock.setNow(START - 3_600_000);
    expect(ids.next() > before).toBe(true);
  });

  it('of two daemons differ in the same millisecond', () => {
    expect(createIds(createFakeClock(START, [0.1])).next()).not.toBe(
      createIds(createFakeClock(START, [0.2])).next(),
    );
  });
});
