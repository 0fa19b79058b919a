import { describe, expect, it } from 'vitest';
import { createLeaseGate } from '../../src/adapters/lease-gate.ts';
import type { LeaseRecord, LeaseRecords } from '../../src/adapters/lease-record.ts';
import { immediateGate } from '../../src/adapters/immediate-gate.ts';
import { UpdateError } from '../../src/errors.ts';
import type { Gate } from '../../src/services/ports.ts';
import type { Attempt, Plan } from '../../src/types.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';
import { createFakePlaces, type FakePlaces } from '../fakes/lease.ts';
import { createFakeReporter, type FakeReporter } from '../fakes/reporter.ts';

const PLAN: Plan = {
  from: { origin: 'baseline', version: '1.0.0' },
  to: { origin: 'store', version: '1.1.0', digest: 'a'.repeat(64) },
};
const attempt = (id: string, trigger: Attempt['trigger'] = 'schedule'): Attempt => ({
  id,
  trigger,
  mode: 'apply',
});
const never = new AbortController().signal;

/** A state directory's `lease.json`, in memory; it outlives the gate, as the file outlives the daemon. */
interface Memory extends LeaseRecords {
  record: LeaseRecord | null;
  fault: UpdateError | null;
}

function memory(): Memory {
  const guard = <T>(work: () => T): Promise<T> =>
    it.fault === null ? Promise.resolve(work()) : Promise.reject(it.fault);
  const it: Memory = {
    record: null,
    fault: null,
    read: () => guard(() => it.record),
    write: (record) =>
      guard(() => {
        it.record = record;
      }),
    clear: () =>
      guard(() => {
        it.record = null;
      }),
  };
  return it;
}

interface Host {
  readonly gate: Gate & { close(): Promise<void> };
  readonly records: Memory;
  readonly reporter: FakeReporter;
}

interface World {
  readonly places: FakePlaces;
  readonly clock: FakeClock;
  /** A host; or the same again with the memory of the one that crashed. */
  readonly host: (name: string, records?: Memory, inner?: Gate) => Host;
}

function world(slots = 1): World {
  const places = createFakePlaces(slots);
  const clock = createFakeClock();
  return {
    places,
    clock,
    host: (name, records = memory(), inner = immediateGate) => {
      const reporter = createFakeReporter();
      const gate = createLeaseGate({ gate: inner, lease: places.lease(name), records, clock, reporter });
      return { gate, records, reporter };
    },
  };
}

/** Whether a promise is settled by now. */
async function isDone(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  const tell = (): void => {
    done = true;
  };
  promise.then(tell, tell);
  await new Promise((resolve) => setImmediate(resolve));
  return done;
}

describe('a gate with a lease', () => {
  it('lets one host of a group pass, and the next once it gave back', async () => {
    const { places, clock, host } = world();
    const [one, two] = [host('one'), host('two')];
    await one.gate.pass(attempt('a'), PLAN, never);
    const passing = two.gate.pass(attempt('b'), PLAN, never);
    await clock.advance(60_000);
    expect(await isDone(passing)).toBe(false);
    expect([...places.holders]).toEqual(['one']);

    await one.gate.release(attempt('a'));
    await clock.advance(120_000);
    await passing;
    expect([...places.holders]).toEqual(['two']);
    expect(places.log.filter((line) => !line.startsWith('refuse'))).toEqual([
      'acquire one',
      'release one',
      'acquire two',
    ]);
    expect(one.records.record).toBeNull();
  });

  it('says what it waits for and when it asks again, and then that it waits no longer', async () => {
    const { clock, host } = world();
    const [one, two] = [host('one'), host('two')];
    await one.gate.pass(attempt('a'), PLAN, never);
    const leave = new AbortController();
    const passing = two.gate.pass(attempt('b'), PLAN, leave.signal);
    await clock.advance(1);
    expect(two.reporter.of('waiting').at(-1)?.waiting).toEqual({
      for: 'lease',
      reason: 'no place from the fake places of two',
      until: clock.now() - 1 + 3_750,
    });
    leave.abort();
    await expect(passing).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(two.reporter.of('waiting').at(-1)?.waiting).toBeNull();
    // It was refused, so there was nothing to give back.
    expect(two.records.record).toBeNull();
  });

  it('asks less and less often, at least every two minutes', async () => {
    const { places, clock, host } = world();
    await host('one').gate.pass(attempt('a'), PLAN, never);
    const leave = new AbortController();
    const passing = host('two').gate.pass(attempt('b'), PLAN, leave.signal);
    const refusals = (): number => places.log.filter((line) => line === 'refuse two').length;
    await clock.advance(60_000);
    expect(refusals()).toBe(5);
    await clock.advance(3_600_000);
    expect(refusals()).toBeGreaterThan(5 + 3600 / 120);
    expect(refusals()).toBeLessThan(5 + 3600 / 60);
    leave.abort();
    await expect(passing).rejects.toThrow();
  });

  it('makes an operator’s own update wait as well', async () => {
    const { clock, host } = world();
    await host('one').gate.pass(attempt('a'), PLAN, never);
    const leave = new AbortController();
    const passing = host('two').gate.pass(attempt('b', 'update'), PLAN, leave.signal);
    await clock.advance(1_000);
    expect(await isDone(passing)).toBe(false);
    leave.abort();
    await expect(passing).rejects.toThrow();
  });

  it('asks for the lease only once the rest is open, and again before each try', async () => {
    const { places, clock, host } = world();
    const one = host('one');
    await one.gate.pass(attempt('a'), PLAN, never);
    let open = Promise.withResolvers<undefined>();
    let passes = 0;
    const inner: Gate = {
      pass: async () => {
        passes += 1;
        await open.promise;
      },
      release: () => Promise.resolve(),
    };
    const passing = host('two', memory(), inner).gate.pass(attempt('b'), PLAN, never);
    await clock.advance(60_000);
    expect(places.log).toEqual(['acquire one']);
    open.resolve(undefined);
    await clock.advance(1);
    expect(places.log).toContain('refuse two');
    // The window closes while it waits for the lease.
    open = Promise.withResolvers();
    await one.gate.release(attempt('a'));
    await clock.advance(600_000);
    expect([passes, places.holders.size]).toEqual([2, 0]);
    open.resolve(undefined);
    await passing;
  });

  it('gives back what it may have taken when it is left meanwhile', async () => {
    const { places, clock, host } = world();
    const one = host('one');
    const leave = new AbortController();
    places.meanwhile = () => {
      leave.abort();
    };
    await expect(one.gate.pass(attempt('a'), PLAN, leave.signal)).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    places.meanwhile = null;
    await clock.advance(1);
    expect([places.holders.size, one.records.record]).toEqual([0, null]);
  });

  it('gives back what was granted by an answer that never came, and then asks again', async () => {
    const { places, clock, host } = world();
    const one = host('one');
    places.away = 'after';
    const passing = one.gate.pass(attempt('a'), PLAN, never);
    await clock.advance(1);
    expect([...places.holders]).toEqual([]);
    expect(one.records.record).toMatchObject({ attempt: 'a' });
    places.away = null;
    await clock.advance(600_000);
    await passing;
    expect(places.log).toEqual(['release one', 'acquire one']);
    expect([...places.holders]).toEqual(['one']);
  });

  it('waits while nobody answers, says so, and goes on when somebody does', async () => {
    const { places, clock, host } = world();
    const one = host('one');
    places.away = 'before';
    const passing = one.gate.pass(attempt('a'), PLAN, never);
    await clock.advance(3_600_000);
    expect(await isDone(passing)).toBe(false);
    expect(one.reporter.of('waiting').at(-1)?.waiting).toMatchObject({
      for: 'lease',
      reason: expect.stringContaining('nobody is there') as string,
    });
    places.away = null;
    await clock.advance(300_000);
    await passing;
  });

  it('never waits to give back, tries until it is acknowledged, and does so once', async () => {
    const { places, clock, host } = world();
    const one = host('one');
    await one.gate.pass(attempt('a'), PLAN, never);
    places.away = 'before';
    await one.gate.release(attempt('a'));
    await one.gate.release(attempt('a'));
    await clock.advance(3_600_000);
    expect([...places.holders]).toEqual(['one']);
    expect(one.reporter.warnings()).toEqual([
      { code: 'FLEET_UNREACHABLE', message: expect.any(String) as string },
    ]);
    places.away = null;
    await clock.advance(300_000);
    await one.gate.release(attempt('a'));
    await one.gate.settle?.();
    await clock.advance(300_000);
    expect(places.log).toEqual(['acquire one', 'release one']);
    expect(one.records.record).toBeNull();
  });

  it('keeps the lease of one attempt when another ends', async () => {
    const { places, host, clock } = world();
    const one = host('one');
    await one.gate.pass(attempt('a'), PLAN, never);
    await one.gate.release(attempt('b', 'rollback'));
    await clock.advance(1);
    expect([...places.holders]).toEqual(['one']);
  });

  it('takes nothing that it could not write down', async () => {
    const { places, host, clock } = world();
    const one = host('one');
    one.records.fault = new UpdateError('DISK_FULL', 'no space');
    await expect(one.gate.pass(attempt('a'), PLAN, never)).rejects.toMatchObject({ code: 'DISK_FULL' });
    await clock.advance(1);
    expect(places.log).toEqual([]);
  });

  it('gives back though the disk is full, and hands nothing out twice', async () => {
    const { places, host, clock } = world();
    const one = host('one');
    await one.gate.pass(attempt('a'), PLAN, never);
    one.records.fault = new UpdateError('DISK_FULL', 'no space');
    await one.gate.release(attempt('a'));
    await clock.advance(1);
    expect([...places.holders]).toEqual([]);
    expect(one.reporter.warnings()).toEqual([{ code: 'DISK_FULL', message: 'no space' }]);
    one.records.fault = null;
    await one.gate.pass(attempt('b'), PLAN, never);
    expect(one.records.record).toMatchObject({ attempt: 'b' });
  });
});

describe('after a crash', () => {
  it('a lease goes on with its attempt, and is given back at its end', async () => {
    const { places, host, clock } = world();
    const before = host('one');
    await before.gate.pass(attempt('a'), PLAN, never);
    const after = host('one', before.records);
    await clock.advance(60_000);
    expect([...places.holders]).toEqual(['one']);
    await after.gate.release(attempt('a'));
    await clock.advance(1);
    expect([places.holders.size, before.records.record]).toEqual([0, null]);
  });

  it('a lease whose attempt has ended is given back once nothing is under way', async () => {
    const { places, host, clock } = world();
    const before = host('one');
    await before.gate.pass(attempt('a'), PLAN, never);
    const after = host('one', before.records);
    await after.gate.settle?.();
    await clock.advance(1);
    expect(places.log).toEqual(['acquire one', 'release one']);
    expect(before.records.record).toBeNull();
  });

  it('a lease that may have been granted while it happened is given back before the next is asked for', async () => {
    const { places, host, clock } = world();
    const before = host('one');
    const crash = Promise.withResolvers<undefined>();
    places.meanwhile = () => crash.promise;
    const passing = before.gate.pass(attempt('a'), PLAN, never);
    await clock.advance(1);
    expect([...places.holders]).toEqual(['one']);
    const after = host('one', { ...before.records });
    places.meanwhile = null;
    const again = after.gate.pass(attempt('b'), PLAN, never);
    await clock.advance(1);
    await again;
    expect(places.log).toEqual(['release one', 'acquire one']);
    crash.resolve(undefined);
    await passing;
  });

  it('a lease that was being given back is given back', async () => {
    const { places, host, clock } = world();
    const before = host('one');
    await before.gate.pass(attempt('a'), PLAN, never);
    places.away = 'before';
    await before.gate.release(attempt('a'));
    const closing = before.gate.close();
    await clock.advance(10_000);
    await closing;
    expect(before.records.record).toMatchObject({ attempt: 'a' });
    places.away = null;
    const after = host('one', before.records);
    await after.gate.settle?.();
    await clock.advance(1);
    expect(places.holders.size).toBe(0);
  });
});

it('a place that was taken elsewhere, at an address that is configured no more, is told: nobody else can give it back', async () => {
  const { host, clock } = world();
  const [before, elsewhere] = [host('one'), createFakePlaces()];
  await before.gate.pass(attempt('a'), PLAN, never);
  const reporter = createFakeReporter();
  const { records } = before;
  const gate = createLeaseGate({
    gate: immediateGate,
    lease: elsewhere.lease('two'),
    records,
    clock,
    reporter,
  });
  await gate.settle?.();
  await clock.advance(1);
  expect(reporter.warnings()).toEqual([
    {
      code: 'FLEET_UNREACHABLE',
      message:
        'a place may still be held at the fake places of one, which is configured no more: give it back there, as docs/rollout.md says',
    },
  ]);
  expect(records.record).toBeNull();
  await gate.pass(attempt('b'), PLAN, never);
  await gate.release(attempt('b'));
  await clock.advance(1);
  expect(reporter.warnings()).toHaveLength(1);
});

it('a daemon that ends gives back what it can in a moment', async () => {
  const { places, host, clock } = world();
  const one = host('one');
  await one.gate.pass(attempt('a'), PLAN, never);
  await one.gate.release(attempt('a'));
  await one.gate.close();
  expect(places.holders.size).toBe(0);
  expect(clock.sleeping).toBe(0);
});
