import { beforeEach, describe, expect, it } from 'vitest';
import type { ControlEvent, LogView } from '../../src/control/api.ts';
import { createEventHub, type EventHub } from '../../src/daemon/events.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';

let clock: FakeClock;
let hub: EventHub;
let heard: ControlEvent[];
beforeEach(() => {
  clock = createFakeClock();
  hub = createEventHub(clock);
  heard = [];
});
const hear = (event: ControlEvent): void => {
  heard.push(event);
};
const line = (message: string): LogView => ({ at: '', level: 'info', message, attempt: null, code: null });
const log = (message: string): void => {
  hub.publish({ kind: 'log', line: line(message) });
};
const waiting = (): void => {
  hub.publish({ kind: 'waiting', attempt: null, waiting: null });
};
/** Ids count from the time at which the hub was made. */
const since = (id: number): number => id - Date.parse('2026-11-23T00:00:00.000Z');
const from = (count: number): number => count + Date.parse('2026-11-23T00:00:00.000Z');
const ids = (): number[] => heard.map(({ id }) => since(id));

describe('events', () => {
  it('are numbered from the time of the start, so that ids grow over restarts, and say when they happened', async () => {
    hub.subscribe(hear);
    waiting();
    await clock.advance(1_000);
    waiting();
    expect(heard).toEqual([
      { kind: 'waiting', attempt: null, waiting: null, id: from(1), at: '2026-11-23T00:00:00.000Z' },
      { kind: 'waiting', attempt: null, waiting: null, id: from(2), at: '2026-11-23T00:00:01.000Z' },
    ]);
  });

  it('are heard by everybody who listens, from then on, until they stop', () => {
    waiting();
    const other: ControlEvent[] = [];
    const stop = hub.subscribe(hear);
    hub.subscribe((event) => other.push(event));
    waiting();
    stop();
    stop();
    waiting();
    expect(ids()).toEqual([2]);
    expect(other.map(({ id }) => since(id))).toEqual([2, 3]);
  });

  it('that came after a known one are told again, in order and once, and then the new ones', () => {
    for (let count = 0; count < 5; count += 1) waiting();
    hub.subscribe(hear, from(3));
    waiting();
    expect(ids()).toEqual([4, 5, 6]);
  });

  it('are all told again to whoever has heard of none', () => {
    waiting();
    waiting();
    hub.subscribe(hear, 0);
    expect(ids()).toEqual([1, 2]);
  });

  it('are none for whoever has heard of the last, or claims to know more than there was', () => {
    waiting();
    hub.subscribe(hear, from(1));
    hub.subscribe(hear, from(99));
    expect(ids()).toEqual([]);
  });

  it('are forgotten from the oldest: the last thousand are kept', () => {
    for (let count = 0; count < 1_005; count += 1) waiting();
    hub.subscribe(hear, 0);
    expect([heard.length, ids()[0], ids().at(-1)]).toEqual([1_000, 6, 1_005]);
  });
});

describe('lines of the log', () => {
  it('are the newest so many, oldest first', () => {
    for (const message of ['one', 'two', 'three']) log(message);
    expect(hub.logs(2).map(({ message }) => message)).toEqual(['two', 'three']);
    expect(hub.logs(10)).toHaveLength(3);
  });

  it('are not pushed out by other events', () => {
    log('one');
    for (let count = 0; count < 1_005; count += 1) waiting();
    expect(hub.logs(10)).toEqual([line('one')]);
  });

  it('are forgotten from the oldest: the last five hundred are kept', () => {
    for (let count = 1; count <= 505; count += 1) log(String(count));
    const kept = hub.logs(1_000);
    expect([kept.length, kept[0]?.message, kept.at(-1)?.message]).toEqual([500, '6', '505']);
  });
});
