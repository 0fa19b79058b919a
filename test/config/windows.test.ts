import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Window } from '../../src/config/config.ts';
import { windowAt } from '../../src/config/windows.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;

const at = (text: string): number => Date.parse(text);
const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

function window(start: string, lengthMs: number, more: Partial<Window> = {}): Window {
  const [hours = '', minutes = ''] = start.split(':');
  return {
    startMinute: Number(hours) * 60 + Number(minutes),
    lengthMs,
    days: [],
    timeZone: 'UTC',
    ...more,
  };
}

/** When the next window opens, as ISO 8601. */
const opens = (windows: readonly Window[], now: string): string | null =>
  iso(windowAt(windows, at(now)).opensAt);
const closes = (windows: readonly Window[], now: string): string | null =>
  iso(windowAt(windows, at(now)).closesAt);

describe('a window', () => {
  const nightly = [window('02:00', HOUR)];

  it('contains its first instant, and not its last', () => {
    const open = (now: string): boolean => windowAt(nightly, at(now)).open;
    expect(open('2026-11-23T01:59:59.999Z')).toBe(false);
    expect(open('2026-11-23T02:00:00Z')).toBe(true);
    expect(open('2026-11-23T02:59:59.999Z')).toBe(true);
    expect(open('2026-11-23T03:00:00Z')).toBe(false);
  });

  it('says when it closes while it is open, and when it opens while it is not', () => {
    expect(windowAt(nightly, at('2026-11-23T02:30:00Z'))).toEqual({
      open: true,
      opensAt: null,
      closesAt: at('2026-11-23T03:00:00Z'),
      timeZone: 'UTC',
    });
    expect(windowAt(nightly, at('2026-11-23T03:00:00Z'))).toEqual({
      open: false,
      opensAt: at('2026-11-24T02:00:00Z'),
      closesAt: null,
      timeZone: 'UTC',
    });
  });

  it('goes over midnight, and belongs to the day on which it opens', () => {
    // 2026-11-27 is a Friday.
    const friday = [window('23:00', 3 * HOUR, { days: [5] })];
    expect(windowAt(friday, at('2026-11-28T01:59:00Z')).open).toBe(true);
    expect(windowAt(friday, at('2026-11-27T01:00:00Z')).open).toBe(false);
    expect(opens(friday, '2026-11-28T02:00:00Z')).toBe('2026-12-04T23:00:00.000Z');
  });

  it('opens on its days alone, by the calendar of its own time zone', () => {
    // Monday 01:00 in Auckland (UTC+13) is Sunday 12:00 UTC.
    const monday = [window('01:00', HOUR, { days: [1], timeZone: 'Pacific/Auckland' })];
    expect(opens(monday, '2026-11-23T00:00:00Z')).toBe('2026-11-29T12:00:00.000Z');
  });

  it('of a week is closed for no time in a week of ordinary length', () => {
    const weekly = [window('02:00', WEEK, { days: [1] })];
    expect(windowAt(weekly, at('2026-07-01T00:00:00Z'))).toMatchObject({ open: true, closesAt: null });
  });

  it('of a week is closed for the hour by which the week in autumn is longer', () => {
    // Clocks go back on Sunday, 2026-10-25; the week that begins on Monday 19 has 169 hours.
    const weekly = [window('02:00', WEEK, { days: [1], timeZone: 'Europe/Berlin' })];
    expect(closes(weekly, '2026-10-24T00:00:00Z')).toBe('2026-10-26T00:00:00.000Z');
    expect(opens(weekly, '2026-10-26T00:30:00Z')).toBe('2026-10-26T01:00:00.000Z');
  });

  it('that lasts until the next one opens never closes', () => {
    expect(windowAt([window('00:00', DAY)], at('2026-11-23T12:00:00Z'))).toMatchObject({
      open: true,
      opensAt: null,
      closesAt: null,
    });
  });
});

describe('several windows', () => {
  it('count as one where they overlap or touch', () => {
    const chain = [window('02:00', 2 * HOUR), window('03:00', 2 * HOUR), window('05:00', HOUR)];
    expect(closes(chain, '2026-11-23T02:10:00Z')).toBe('2026-11-23T06:00:00.000Z');
    expect(opens(chain, '2026-11-23T06:00:00Z')).toBe('2026-11-24T02:00:00.000Z');
  });

  it('count as one, where a short one lies inside of a long one', () => {
    const inside = [window('02:00', 5 * HOUR), window('03:00', HOUR)];
    expect(closes(inside, '2026-11-23T03:30:00Z')).toBe('2026-11-23T07:00:00.000Z');
  });

  it('open by whichever comes first, told in its own time zone', () => {
    const two = [
      window('02:00', HOUR, { timeZone: 'America/New_York' }),
      window('02:00', HOUR, { timeZone: 'Europe/Berlin' }),
    ];
    expect(windowAt(two, at('2026-11-23T00:00:00Z'))).toMatchObject({
      opensAt: at('2026-11-23T01:00:00Z'),
      timeZone: 'Europe/Berlin',
    });
    expect(windowAt(two, at('2026-11-23T03:00:00Z'))).toMatchObject({
      opensAt: at('2026-11-23T07:00:00Z'),
      timeZone: 'America/New_York',
    });
  });

  it('that are open at all times in turn never close', () => {
    const days = [window('08:00', 12 * HOUR), window('20:00', 12 * HOUR)];
    expect(windowAt(days, at('2026-11-23T03:00:00Z'))).toMatchObject({ open: true, closesAt: null });
  });
});

describe('on the day when clocks are changed, a window', () => {
  it.each([
    // [zone, local start, a moment before it, when it opens]
    ['Europe/Berlin', '02:30', '2026-03-28T12:00:00Z', '2026-03-29T01:30:00.000Z'],
    ['America/New_York', '02:30', '2026-03-07T12:00:00Z', '2026-03-08T07:30:00.000Z'],
    ['Australia/Lord_Howe', '02:10', '2026-10-03T01:00:00Z', '2026-10-03T15:40:00.000Z'],
  ])('in %s opens as much later where its time %s is skipped', (timeZone, start, now, expected) => {
    expect(opens([window(start, HOUR, { timeZone })], now)).toBe(expected);
  });

  it.each([
    [
      'Europe/Berlin',
      '02:30',
      '2026-10-24T12:00:00Z',
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ],
    [
      'America/New_York',
      '01:30',
      '2026-10-31T12:00:00Z',
      '2026-11-01T05:30:00.000Z',
      '2026-11-02T06:30:00.000Z',
    ],
    [
      'Australia/Lord_Howe',
      '01:45',
      '2026-04-03T20:00:00Z',
      '2026-04-04T14:45:00.000Z',
      '2026-04-05T15:15:00.000Z',
    ],
  ])('in %s opens once where its time %s comes twice, at the first', (timeZone, start, now, first, next) => {
    const once = [window(start, 20 * MINUTE, { timeZone })];
    expect(opens(once, now)).toBe(first);
    // The second time is passed over: the next one is tomorrow's.
    expect(opens(once, new Date(at(first) + 20 * MINUTE).toISOString())).toBe(next);
  });

  it.each([
    ['2026-03-28T23:00:00Z', '2026-03-29T05:00:00.000Z'],
    ['2026-10-24T22:00:00Z', '2026-10-25T04:00:00.000Z'],
  ])('is open for its length, whatever clocks do meanwhile (%s)', (from, to) => {
    const night = [window('00:00', 6 * HOUR, { timeZone: 'Europe/Berlin' })];
    expect(windowAt(night, at(from) - 1).open).toBe(false);
    expect(closes(night, from)).toBe(to);
  });
});

/** The local time of an instant, as ms on the same scale, by `Intl` alone. */
function wallTime(instant: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat('en', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(instant);
  const part = (type: string): number => Number(parts.find((it) => it.type === type)?.value);
  return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
}

/** The instant of a local time by RFC 5545, found without Temporal. */
function instantOf(local: number, timeZone: string): number {
  const offset = (instant: number): number => wallTime(instant, timeZone) - instant;
  const before = local - offset(local - DAY);
  if (wallTime(before, timeZone) === local) return before;
  const after = local - offset(local + DAY);
  return wallTime(after, timeZone) === local ? after : before;
}

/** All openings that may matter around an instant. */
function spans(windows: readonly Window[], now: number): { from: number; to: number }[] {
  return windows.flatMap(({ startMinute, lengthMs, days, timeZone }) => {
    const today = Math.floor(wallTime(Math.floor(now / 1000) * 1000, timeZone) / DAY) * DAY;
    return Array.from({ length: 21 }, (_, index) => today + (index - 10) * DAY)
      .filter((date) => days.length === 0 || days.includes(((new Date(date).getUTCDay() + 6) % 7) + 1))
      .map((date) => instantOf(date + startMinute * MINUTE, timeZone))
      .map((from) => ({ from, to: from + lengthMs }));
  });
}

describe('any windows at any time', () => {
  const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Auckland'];
  const anyWindow: fc.Arbitrary<Window> = fc.record({
    startMinute: fc.oneof(fc.integer({ min: 0, max: 24 * 60 - 1 }), fc.integer({ min: 60, max: 200 })),
    lengthMs: fc.oneof(
      fc.integer({ min: 1, max: 48 * 60 }).map((minutes) => minutes * MINUTE),
      fc.constantFrom(MINUTE, DAY, WEEK),
    ),
    days: fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { maxLength: 7 }),
    timeZone: fc.constantFrom(...zones),
  });
  /** Two days around a change of clocks as often as any time of three years. */
  const anyTime = fc.oneof(
    fc.integer({ min: at('2026-01-01'), max: at('2028-12-31') }),
    fc
      .tuple(
        fc.constantFrom('2026-03-08', '2026-03-29', '2026-04-05', '2026-10-04', '2026-10-25', '2026-11-01'),
        fc.integer({ min: -DAY, max: DAY }),
      )
      .map(([date, offset]) => at(date) + offset),
  );

  it('are open exactly while one of them is, open at the first instant that they say, and close at the first gap', () => {
    fc.assert(
      fc.property(fc.array(anyWindow, { minLength: 1, maxLength: 3 }), anyTime, (windows, now) => {
        const all = spans(windows, now);
        const isOpen = (instant: number): boolean =>
          all.some(({ from, to }) => from <= instant && instant < to);
        const { open, opensAt, closesAt } = windowAt(windows, now);
        expect(open).toBe(isOpen(now));
        if (!open) {
          expect(closesAt).toBeNull();
          expect(opensAt).toBe(Math.min(...all.map(({ from }) => from).filter((from) => from > now)));
          return;
        }
        expect(opensAt).toBeNull();
        const ends = all.map(({ to }) => to).filter((to) => to > now && !isOpen(to));
        const end = Math.min(...ends);
        expect(closesAt).toBe(end <= now + WEEK ? end : null);
      }),
      { numRuns: 300 },
    );
  });
});
