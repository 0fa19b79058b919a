import { beforeEach, describe, expect, it } from 'vitest';
import { UpdateError } from '../../src/errors.ts';
import { probe } from '../../src/services/probe.ts';
import { afterLook, SOAK_BEGINS, whyFailed, type SoakState } from '../../src/services/soak.ts';
import type { ProbeEvidence } from '../../src/types.ts';
import type { Sight } from '../fakes/scripted-probe.ts';
import { attempt, PLAN } from '../machines/values.ts';
import { createRig, NEVER, SETTINGS, type Rig } from './rig.ts';

const SOAK = { ...SETTINGS, soakMs: 10_000, failureThreshold: 3, flapThreshold: 2 };
const NOT_YET: Sight = { healthy: false, detail: 'HTTP 503', retryAfterMs: 2_000 };

let rig: Rig;
let pid: number;
beforeEach(async () => {
  rig = createRig();
  ({ pid } = await rig.workload.start({ ref: PLAN.to, entry: '/x' }, NEVER));
});
const run = (settings: Partial<typeof SOAK> = {}, signal = NEVER): Promise<ProbeEvidence> =>
  probe(rig, { ...SOAK, ...settings })({ attempt: attempt(), plan: PLAN, pid }, signal);
const failure = async (running: Promise<unknown>): Promise<UpdateError> => {
  try {
    await running;
  } catch (error) {
    if (error instanceof UpdateError) return error;
  }
  throw new Error('expected an UpdateError');
};
/** What the soak alone has seen so far: a look a second, the first after the one that made it healthy. */
const soaking = (): unknown[] => rig.reporter.of('probe').filter(({ deadlineMs }) => deadlineMs === 10_000);

describe('a soak', () => {
  it('ends well when the version stays healthy until its end, and not before', async () => {
    rig.probe.script = [500, 200];
    const probing = run();
    let ended = false;
    void probing.then(() => (ended = true));
    await rig.clock.advance(10_999);
    expect(ended).toBe(false);
    await rig.clock.advance(1);
    expect(await probing).toEqual({ polls: 13, tookMs: 11_000, last: 'HTTP 200' });
    expect(rig.reporter.of('probe').map(({ elapsedMs, deadlineMs }) => [elapsedMs, deadlineMs])).toEqual([
      [0, 60_000],
      [1_000, 60_000],
      ...Array.from({ length: 11 }, (_, index) => [index * 1_000, 10_000]),
    ]);
    expect(rig.clock.sleeping).toBe(0);
  });

  it('is not there unless it is wanted', async () => {
    rig.probe.script = [200];
    expect(await run({ soakMs: 0 })).toEqual({ polls: 1, tookMs: 0, last: 'HTTP 200' });
    expect(await rig.journal.spent('soak:a-1')).toBe(0);
  });

  it('fails with unhealthy looks in a row, as many as are named', async () => {
    rig.probe.script = [200, 200, 500, 500, 200, 500, 'refused', 500];
    const probing = failure(run());
    await rig.clock.advance(6_000);
    const error = await probing;
    expect(error).toMatchObject({
      code: 'SOAK_FAILED',
      message:
        'expected 1.1.0 to stay healthy for 10 s, found after 6000 ms: 3 unhealthy looks in a row; last seen: HTTP 500',
      evidence: [
        '3 unhealthy looks in a row',
        'turned unhealthy after 1000 ms: HTTP 500',
        'turned healthy after 3000 ms: HTTP 200',
        'turned unhealthy after 4000 ms: HTTP 500',
        '7 looks at http://probe.invalid/healthz in 6000 ms',
        'last: HTTP 500',
        'healthy at first after 0 ms',
      ],
    });
    expect(error.info.blames).toBe('release');
    expect(rig.clock.sleeping).toBe(0);
  });

  it('fails when it turns unhealthy more often than it may', async () => {
    rig.probe.script = [200, 500, 200, 500, 200, 500, 200];
    const probing = failure(run());
    await rig.clock.advance(10_000);
    expect(await probing).toMatchObject({
      code: 'SOAK_FAILED',
      message: expect.stringContaining('found after 4000 ms: it turned unhealthy 3 times') as string,
    });
  });

  it('may turn unhealthy as often as is allowed', async () => {
    rig.probe.script = [200, 500, 200, 500, 200];
    const probing = run();
    await rig.clock.advance(10_000);
    expect(await probing).toMatchObject({ last: 'HTTP 200' });
  });

  it('fails with PROBE_EXITED when the process ends', async () => {
    rig.probe.script = [200];
    const probing = failure(run());
    await rig.clock.advance(4_500);
    rig.workload.exitNow('exit code 7');
    expect(await probing).toMatchObject({
      code: 'PROBE_EXITED',
      message: '1.1.0 ended with exit code 7 after 4500 ms of its soak; last seen: HTTP 200',
      evidence: [
        'exit code 7',
        '5 looks at http://probe.invalid/healthz in 4500 ms',
        'last: HTTP 200',
        'healthy at first after 0 ms',
      ],
    });
    expect(rig.clock.sleeping).toBe(0);
  });

  it('does not count "not yet" as a failure, nor as a turn, and waits as long as it is asked', async () => {
    rig.probe.script = [200, 200, NOT_YET, NOT_YET, NOT_YET, NOT_YET, 200];
    const probing = run({ failureThreshold: 1, flapThreshold: 1 });
    await rig.clock.advance(10_000);
    expect(await probing).toEqual({ polls: 8, tookMs: 10_000, last: 'HTTP 200' });
  });

  it('ends well only with a healthy look: at its end it waits for one', async () => {
    rig.probe.script = [...Array<Sight>(10).fill(200), 500, 500, 200];
    const probing = run();
    await rig.clock.advance(10_000);
    expect(soaking()).toHaveLength(11);
    await rig.clock.advance(1_000);
    expect(await probing).toMatchObject({ tookMs: 11_000, last: 'HTTP 200' });
  });

  it('does not wait for ever for a version that says "not yet" and nothing else', async () => {
    rig.probe.script = [200, NOT_YET];
    const probing = failure(run());
    await rig.clock.advance(70_000);
    expect(await probing).toMatchObject({
      code: 'SOAK_FAILED',
      message: expect.stringContaining('it was not healthy at its end') as string,
    });
  });

  it('goes on with what an earlier daemon left of it, once the version is healthy again', async () => {
    await rig.journal.spend('soak:a-1', 7_000);
    rig.probe.script = [500, 500, 200];
    const probing = run();
    await rig.clock.advance(5_000);
    expect(await probing).toMatchObject({ tookMs: 2_000 + 10_000 });
    expect(rig.reporter.of('probe').at(-1)).toMatchObject({ elapsedMs: 10_000, deadlineMs: 10_000 });
  });

  it('gives a daemon that starts again in the middle the whole time to find it healthy', async () => {
    await rig.journal.spend('probe:a-1', 55_000);
    rig.probe.script = [500, 200];
    const stopped = new AbortController();
    const probing = run({}, stopped.signal).catch(() => 'stopped');
    await rig.clock.advance(7_000);
    stopped.abort();
    expect(await probing).toBe('stopped');
    expect(await rig.journal.spent('probe:a-1')).toBe(0);
    expect(await rig.journal.spent('soak:a-1')).toBe(5_000);
    expect(rig.clock.sleeping).toBe(0);
  });

  it('does not condemn a version because the time cannot be written down', async () => {
    rig.probe.script = [200];
    rig.journal.spend = () => Promise.reject(new UpdateError('JOURNAL_WRITE_FAILED', 'read-only'));
    const probing = run();
    await rig.clock.advance(10_000);
    expect(await probing).toMatchObject({ last: 'HTTP 200' });
    expect(rig.reporter.warnings()).toContainEqual(expect.objectContaining({ code: 'JOURNAL_WRITE_FAILED' }));
  });
});

describe('what a soak remembers', () => {
  const after = (results: readonly boolean[]): SoakState =>
    results.reduce<SoakState>(
      (state, healthy, index) => afterLook(state, { healthy, detail: `#${String(index)}` }, index),
      SOAK_BEGINS,
    );

  it('counts failures in a row, and turns to unhealthy', () => {
    expect(after([true, false, false, true, false])).toMatchObject({ healthy: false, failures: 1, flaps: 2 });
    expect(after([false, false, true])).toMatchObject({ healthy: true, failures: 0, flaps: 1 });
  });

  it('keeps the last ten turns', () => {
    const { turns, flaps } = after(Array.from({ length: 40 }, (_, index) => index % 2 === 0));
    expect(flaps).toBe(20);
    expect(turns).toHaveLength(10);
    expect(turns.at(-1)).toBe('turned unhealthy after 39 ms: #39');
  });

  it('fails at the threshold of failures, and beyond that of flaps', () => {
    const rules = { soakMs: 1, failureThreshold: 2, flapThreshold: 1 };
    expect(whyFailed({ ...SOAK_BEGINS, failures: 1, flaps: 1 }, rules)).toBeNull();
    expect(whyFailed({ ...SOAK_BEGINS, failures: 2 }, rules)).toBe('2 unhealthy looks in a row');
    expect(whyFailed({ ...SOAK_BEGINS, flaps: 2 }, rules)).toBe('it turned unhealthy 2 times');
  });
});
