import { beforeEach, describe, expect, it } from 'vitest';
import { UpdateError } from '../../src/errors.ts';
import { probe } from '../../src/services/probe.ts';
import type { ProbeResult } from '../../src/services/ports.ts';
import type { ProbeEvidence } from '../../src/types.ts';
import { refusal } from '../fixtures/refusal.ts';
import { attempt, PLAN } from '../machines/values.ts';
import { createRig, NEVER, SETTINGS, type Rig } from './rig.ts';

let rig: Rig;
let pid: number;
beforeEach(async () => {
  rig = createRig();
  ({ pid } = await rig.workload.start({ ref: PLAN.to, entry: '/x' }, NEVER));
});
const run = (settings: Partial<typeof SETTINGS> = {}, signal = NEVER): Promise<ProbeEvidence> =>
  probe(rig, { ...SETTINGS, ...settings })({ attempt: attempt(), plan: PLAN, pid }, signal);
const failure = async (running: Promise<unknown>): Promise<UpdateError> => {
  try {
    await running;
  } catch (error) {
    if (error instanceof UpdateError) return error;
  }
  throw new Error('expected an UpdateError');
};

describe('probe', () => {
  it('polls through a refused connection and a 500 until it sees a 200', async () => {
    rig.probe.script = ['refused', 500, 200];
    const probing = run();
    await rig.clock.advance(2_000);
    expect(await probing).toEqual({ polls: 3, tookMs: 2_000, last: 'HTTP 200' });
    expect(
      rig.reporter
        .of('probe')
        .map(({ result, elapsedMs, deadlineMs }) => [result.detail, elapsedMs, deadlineMs]),
    ).toEqual([
      ['connection refused', 0, 60_000],
      ['HTTP 500', 1_000, 60_000],
      ['HTTP 200', 2_000, 60_000],
    ]);
  });

  it('wants the threshold in a row', async () => {
    rig.probe.script = [200, 200, 503, 200, 200, 200];
    const probing = run({ probeSuccessThreshold: 3 });
    await rig.clock.advance(4_000);
    expect(rig.probe.looks).toBe(5);
    await rig.clock.advance(1_000);
    expect(await probing).toMatchObject({ polls: 6, last: 'HTTP 200' });
  });

  it('ends at once when the process ends', async () => {
    rig.probe.script = [503];
    const probing = failure(run());
    await rig.clock.advance(1_500);
    rig.workload.exitNow('exit code 3');
    const error = await probing;
    expect(error).toMatchObject({
      code: 'PROBE_EXITED',
      message: '1.1.0 ended with exit code 3 after 1500 ms; last seen: HTTP 503',
      evidence: ['exit code 3', '2 looks at http://probe.invalid/healthz in 1500 ms', 'last: HTTP 503'],
    });
    expect(rig.clock.sleeping).toBe(0);
  });

  it('says that nothing was seen of a process that had ended before the first look', async () => {
    rig.workload.exitNow('signal SIGSEGV');
    expect(await failure(run())).toMatchObject({ code: 'PROBE_EXITED' });
  });

  it('does not take the 200 of a look that was under way when the process ended', async () => {
    const looking = Promise.withResolvers<ProbeResult>();
    rig.probe.look = () => looking.promise;
    const probing = refusal(run());
    await rig.clock.advance(0);
    rig.workload.exitNow('exit code 1');
    await rig.clock.advance(0);
    looking.resolve({ healthy: true, detail: 'HTTP 200' });
    expect(await probing).toBe('PROBE_EXITED');
  });

  it('ends with the rollback timeout, and says what it saw last', async () => {
    rig.probe.script = ['refused', 500];
    const probing = failure(run());
    await rig.clock.advance(59_999);
    expect(rig.clock.sleeping).toBeGreaterThan(0);
    await rig.clock.advance(1);
    expect(await probing).toMatchObject({
      code: 'PROBE_TIMEOUT',
      message:
        'expected http://probe.invalid/healthz to be healthy within 60 s of starting 1.1.0; last seen: HTTP 500',
      evidence: ['60 looks at http://probe.invalid/healthz in 60000 ms', 'last: HTTP 500'],
    });
    expect(rig.clock.sleeping).toBe(0);
  });

  it('does not wait for a look that hangs', async () => {
    rig.probe.look = (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reject(new UpdateError('CANCELLED', 'cancelled'));
        });
      });
    const probing = refusal(run());
    await rig.clock.advance(60_000);
    expect(await probing).toBe('PROBE_TIMEOUT');
  });

  it('writes down the time that it spent', async () => {
    rig.probe.script = [500];
    const ended = new AbortController();
    const probing = refusal(run({}, ended.signal)).catch(() => 'aborted');
    await rig.clock.advance(12_000);
    ended.abort();
    await probing;
    expect(await rig.journal.spent('probe:a-1')).toBe(10_000);
  });

  it('goes on with what an earlier daemon left of the budget', async () => {
    await rig.journal.spend('probe:a-1', 50_000);
    rig.probe.script = [500];
    const probing = failure(run());
    await rig.clock.advance(10_000);
    expect((await probing).evidence[0]).toBe('10 looks at http://probe.invalid/healthz in 60000 ms');
  });

  it('still commits a version that is healthy with the last of the budget', async () => {
    await rig.journal.spend('probe:a-1', 59_000);
    rig.probe.script = [200];
    expect(await run()).toEqual({ polls: 1, tookMs: 59_000, last: 'HTTP 200' });
  });

  it('has no time left for a budget that is spent', async () => {
    await rig.journal.spend('probe:a-1', 70_000);
    rig.probe.script = [500];
    expect(await refusal(run())).toBe('PROBE_TIMEOUT');
  });

  it('gives each attempt a budget of its own', async () => {
    await rig.journal.spend('probe:a-0', 60_000);
    rig.probe.script = [200];
    expect(await run()).toMatchObject({ tookMs: 0 });
  });

  it('ends with the signal, and leaves nothing behind', async () => {
    rig.probe.script = [500];
    const ended = new AbortController();
    const probing = run({}, ended.signal);
    await rig.clock.advance(1_500);
    ended.abort();
    await expect(probing).rejects.toBeDefined();
    expect(rig.clock.sleeping).toBe(0);
  });

  it('does not condemn a version because the time cannot be written down: that is a warning', async () => {
    rig.probe.script = [500];
    rig.journal.spend = () => Promise.reject(new UpdateError('JOURNAL_WRITE_FAILED', 'read-only'));
    const probing = run();
    await rig.clock.advance(5_000);
    rig.probe.script = [200];
    await rig.clock.advance(SETTINGS.probeIntervalMs);
    expect((await probing).last).toBe('HTTP 200');
    expect(rig.reporter.warnings()).toMatchObject([{ code: 'JOURNAL_WRITE_FAILED' }]);
  });
});
