import { expect, it } from 'vitest';
import type { NamedProcess } from '../../src/adapters/daemon-process.ts';
import { NO_RECORD, type DaemonRecord } from '../../src/adapters/daemon-record.ts';
import { guard, type GuardEnd } from '../../src/daemon/guard.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';

const TIMES = { selfTestMs: 1_000, acknowledgeMs: 10_000, probationMs: 60_000, graceMs: 5_000 };
const successor = {
  ref: { origin: 'store', version: '1.1.0', digest: 'c'.repeat(64) },
  sha256: 'b'.repeat(64),
} as const;
const process = (pid: number): NamedProcess => ({ bootId: 'boot', pid, startTime: 1 });
const trial = { attempt: 'id-1', successor, starts: 1, acknowledged: false, seen: [] };

/** A guard over processes that exist only here. */
function watched() {
  const clock = createFakeClock();
  const alive = new Set([7]);
  const signals: string[] = [];
  const told: string[] = [];
  const world = {
    fault: null as string | null,
    record: { ...NO_RECORD, trial, process: process(7) } as DaemonRecord,
    starts: 0,
    onStop: () => undefined as unknown,
  };
  let ended: GuardEnd | null = null;
  void guard({
    attempt: 'id-1',
    times: TIMES,
    clock,
    read: () => (world.fault === 'read' ? Promise.reject(new Error('read')) : Promise.resolve(world.record)),
    write: async (record) => {
      if (world.fault === 'write') throw new Error('write');
      world.record = await Promise.resolve(record);
    },
    isRunning: ({ pid }) => Promise.resolve(alive.has(pid)),
    signal: ({ pid }, name) => {
      signals.push(`${name} ${String(pid)}`);
      if (name === 'SIGSTOP') world.onStop();
      if (name === 'SIGKILL') alive.delete(pid);
    },
    start: () => {
      world.starts += 1;
      return world.fault === 'start' ? Promise.reject(new Error('start')) : Promise.resolve();
    },
    warn: ({ message }) => told.push(message),
  }).then((how) => (ended = how));
  return { clock, alive, signals, world, told, ended: () => ended };
}

it('leaves a daemon alone that acknowledges in time, and ends with its probation', async () => {
  const { clock, signals, world, ended } = watched();
  await clock.advance(TIMES.acknowledgeMs - 1_000);
  world.record = { ...world.record, trial: { ...trial, acknowledged: true } };
  await clock.advance(TIMES.probationMs - 10_000);
  expect([signals, ended()]).toEqual([[], null]);
  world.record = { ...NO_RECORD, current: successor };
  await clock.advance(1_000);
  expect(ended()).toBe('trusted');
});

it('ends a daemon that does not acknowledge, and has the one before it started where nobody else does', async () => {
  const { clock, alive, signals, world, ended } = watched();
  await clock.advance(TIMES.acknowledgeMs + 1_000);
  expect(signals).toEqual(['SIGSTOP 7', 'SIGKILL 7', 'SIGCONT 7']);
  expect(world.record).toMatchObject({
    trial: null,
    failed: {
      error: { code: 'DAEMON_FAILED', message: expect.stringContaining('did not acknowledge within 10 s') },
    },
  });
  expect(world.starts).toBe(0);
  await clock.advance(TIMES.graceMs);
  expect(world.starts).toBe(1);
  alive.add(8);
  world.record = { ...world.record, process: process(8) };
  await clock.advance(1_000);
  expect(ended()).toBe('fellBack');
});

it('lets a daemon go on that acknowledges while it is stopped', async () => {
  const { clock, signals, world } = watched();
  world.onStop = () => (world.record = { ...world.record, trial: { ...trial, acknowledged: true } });
  await clock.advance(TIMES.acknowledgeMs + 1_000);
  expect(signals).toEqual(['SIGSTOP 7', 'SIGCONT 7']);
  expect(world.record.failed).toBeNull();
});

it('leaves a start to the service manager, and watches the next one from its own start', async () => {
  const { clock, alive, signals, world } = watched();
  await clock.advance(9_000);
  alive.delete(7);
  await clock.advance(2_000);
  alive.add(8);
  world.record = { ...world.record, trial: { ...trial, starts: 2 }, process: process(8) };
  await clock.advance(9_000);
  expect([signals, world.starts]).toEqual([[], 0]);
  await clock.advance(2_000);
  expect(signals).toContain('SIGKILL 8');
});

it('ends when the daemon is stopped in good order, and starts nothing', async () => {
  const { clock, alive, world, ended } = watched();
  alive.delete(7);
  world.record = { ...world.record, process: null };
  await clock.advance(60_000);
  expect([ended(), world.starts]).toEqual(['stopped', 0]);
});

it('ends by itself when its time is over', async () => {
  const { clock, world, ended } = watched();
  world.record = { ...world.record, trial: { ...trial, acknowledged: true } };
  await clock.advance(4 * (TIMES.acknowledgeMs + TIMES.probationMs + TIMES.graceMs) + 1_000);
  expect(ended()).toBe('timeOver');
});

it('goes on watching when the record cannot be read for a while, and says so once', async () => {
  const { clock, world, told, signals, ended } = watched();
  world.fault = 'read';
  await clock.advance(5_000);
  world.fault = null;
  await clock.advance(TIMES.acknowledgeMs);
  expect([told, ended()]).toEqual([['read'], null]);
  expect(signals).toContain('SIGKILL 7');
});

it('ends a daemon that does not acknowledge, though that cannot be written down', async () => {
  const { clock, world, told, signals } = watched();
  world.fault = 'write';
  await clock.advance(TIMES.acknowledgeMs + 1_000);
  expect(signals).toEqual(['SIGSTOP 7', 'SIGKILL 7', 'SIGCONT 7']);
  expect(told).toEqual(['write']);
});

it('tries again to start a daemon where that failed', async () => {
  const { clock, alive, world } = watched();
  alive.delete(7);
  world.fault = 'start';
  await clock.advance(TIMES.graceMs + 1_000);
  expect(world.starts).toBe(1);
  world.fault = null;
  await clock.advance(TIMES.graceMs);
  expect(world.starts).toBe(2);
});
