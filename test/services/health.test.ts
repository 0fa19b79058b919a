import { beforeEach, describe, expect, it } from 'vitest';
import { UpdateError } from '../../src/errors.ts';
import { pollHealth, type HealthVerdict, type HealthWatch } from '../../src/services/health.ts';
import { refusal } from '../fixtures/refusal.ts';
import type { Sight } from '../fakes/scripted-probe.ts';
import { createRig, NEVER, SETTINGS, type Rig } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = createRig();
  // The daemon has run for a while: times count from the start of the polling.
  await rig.clock.advance(7_000);
});
const forEver = (signal: AbortSignal): Promise<string> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      reject(new UpdateError('CANCELLED', 'stopped waiting'));
    });
  });
const poll = (change: Partial<HealthWatch> = {}, signal = NEVER): Promise<HealthVerdict> =>
  pollHealth(
    rig,
    SETTINGS,
    { budgetMs: 10_000, spentMs: 3_000, exited: forEver, onSpent: () => Promise.resolve(), ...change },
    signal,
  );

describe('polling for health', () => {
  it('counts the time from its start, and what was spent before', async () => {
    rig.probe.script = ['refused', 200];
    const polling = poll();
    await rig.clock.advance(1_000);
    expect(await polling).toEqual({
      kind: 'healthy',
      evidence: { polls: 2, tookMs: 4_000, last: 'HTTP 200' },
    });
    expect(rig.reporter.of('probe').map(({ elapsedMs, deadlineMs }) => [elapsedMs, deadlineMs])).toEqual([
      [3_000, 13_000],
      [4_000, 13_000],
    ]);
    expect(rig.clock.sleeping).toBe(0);
  });

  it('says that its time is over, and that nothing was seen where no look came to an end', async () => {
    rig.probe.look = async (signal) => {
      await forEver(signal);
      throw new Error('unreachable');
    };
    const polling = poll();
    await rig.clock.advance(10_000);
    expect(await polling).toEqual({
      kind: 'timeout',
      evidence: { polls: 0, tookMs: 13_000, last: 'nothing yet' },
    });
  });

  it('tells the whole time spent from time to time', async () => {
    const spent: number[] = [];
    const polling = poll({ onSpent: (ms) => Promise.resolve(void spent.push(ms)) });
    await rig.clock.advance(10_000);
    await polling;
    expect(spent).toEqual([5_000, 10_000]);
  });

  it('passes on a fault of the look itself, and leaves nothing waiting', async () => {
    rig.probe.look = () => Promise.reject(new UpdateError('INTERNAL', 'boom'));
    let stopped = 0;
    const exited = (signal: AbortSignal): Promise<string> => {
      signal.addEventListener('abort', () => (stopped += 1));
      return forEver(signal);
    };
    expect(await refusal(poll({ exited }))).toBe('INTERNAL');
    expect([rig.clock.sleeping, stopped]).toEqual([0, 1]);
  });

  it('leaves a workload alone for as long as it asks, and not shorter than the interval', async () => {
    const notYet = (retryAfterMs: number): Sight => ({ healthy: false, detail: 'HTTP 503', retryAfterMs });
    rig.probe.script = [notYet(4_000), notYet(10), 200];
    const polling = poll();
    await rig.clock.advance(10_000);
    await polling;
    expect(rig.reporter.of('probe').map(({ elapsedMs }) => elapsedMs - 3_000)).toEqual([0, 4_000, 5_000]);
  });

  it('looks once more before the end, however long it is asked to wait', async () => {
    rig.probe.script = [{ healthy: false, detail: 'HTTP 503', retryAfterMs: 60_000 }, 200];
    const polling = poll();
    await rig.clock.advance(9_000);
    expect(await polling).toMatchObject({ kind: 'healthy', evidence: { tookMs: 12_000 } });
  });

  it('does not look in a hurry at its end', async () => {
    rig.probe.script = [500, { healthy: false, detail: 'HTTP 503', retryAfterMs: 60_000 }];
    const polling = poll();
    await rig.clock.advance(10_000);
    expect(await polling).toMatchObject({ kind: 'timeout', evidence: { polls: 3 } });
    expect(rig.reporter.of('probe').map(({ elapsedMs }) => elapsedMs - 3_000)).toEqual([0, 1_000, 9_000]);
  });
});
