import { beforeEach, describe, expect, it } from 'vitest';
import { UpdateError } from '../../src/errors.ts';
import { rollback } from '../../src/services/rollback.ts';
import type { Verdict } from '../../src/steps.ts';
import type { Plan, ProbeEvidence, VersionRef } from '../../src/types.ts';
import { refusal } from '../fixtures/refusal.ts';
import { createFakeDrain } from '../fakes/drain.ts';
import { attempt, VERDICT } from '../machines/values.ts';
import { createRig, damage, install, NEVER, SETTINGS, type Rig } from './rig.ts';

let rig: Rig;
let from: VersionRef;
let to: VersionRef;
beforeEach(async () => {
  rig = createRig();
  from = install(rig, '1.0.0');
  to = install(rig, '1.1.0', null);
  await rig.store.activate(to);
  await rig.workload.start({ ref: to, entry: '/memory/1.1.0/run' }, NEVER);
  rig.calls.length = 0;
  rig.probe.script = ['refused', 200];
});
const run = (signal = NEVER, plan: Plan = { from, to }, verdict: Verdict = VERDICT): Promise<ProbeEvidence> =>
  rollback(rig, SETTINGS)({ attempt: attempt(), plan, verdict }, signal);
const back = async (plan?: Plan): Promise<ProbeEvidence> => {
  const going = run(NEVER, plan);
  await rig.clock.advance(5_000);
  return going;
};

describe('rollback', () => {
  it('ends the new version, points back, starts and probes the old one', async () => {
    expect(await back()).toMatchObject({ last: 'HTTP 200' });
    expect(rig.calls).toEqual(['stop', 'address silent', 'activate 1.0.0', 'start 1.0.0']);
    expect(await rig.store.current()).toEqual(from);
    expect(rig.workload.running?.target).toEqual({ ref: from, entry: '/memory/1.0.0/run' });
  });

  it('drains a version only where an operator goes back from it: one that failed is not waited for', async () => {
    const drain = createFakeDrain({ tookMs: 1, connectionsLeft: 0, fault: null }, rig.calls);
    for (const trigger of ['schedule', 'rollback'] as const) {
      await rig.workload.start({ ref: to, entry: '/memory/1.1.0/run' }, NEVER);
      rig.calls.length = 0;
      rig.probe.script = ['refused', 200];
      const going = rollback({ ...rig, drain }, SETTINGS)(
        { attempt: { ...attempt(), trigger }, plan: { from, to }, verdict: VERDICT },
        NEVER,
      );
      await rig.clock.advance(5_000);
      await going;
      expect(rig.calls.slice(0, 2), trigger).toEqual(
        trigger === 'rollback' ? ['drain 1.1.0', 'stop'] : ['stop', 'address silent'],
      );
    }
  });

  it('starts the old version though it cannot be pointed to, and says that it failed', async () => {
    rig.store.activate = () => Promise.reject(new UpdateError('STAGE_FAILED', 'EIO'));
    const refused = expect(run()).rejects.toMatchObject({
      code: 'ROLLBACK_FAILED',
      message: 'going back to 1.0.0 failed: EIO (STAGE_FAILED)',
    });
    await rig.clock.advance(5_000);
    await refused;
    expect(rig.workload.running?.target.ref).toEqual(from);
  });

  it('does not stop the old version when the swap could not even begin', async () => {
    await rig.store.activate(from);
    await rig.workload.start({ ref: from, entry: '/memory/1.0.0/run' }, NEVER);
    rig.calls.length = 0;
    const verdict = { ...VERDICT, error: { code: 'JOURNAL_WRITE_FAILED', message: 'x' } } as const;
    rig.probe.script = [200];
    expect(await run(NEVER, { from, to }, verdict)).toMatchObject({ last: 'HTTP 200' });
    expect(rig.calls).toEqual([]);
  });

  it('ends the new version when its probe could not even begin', async () => {
    const verdict = { ...VERDICT, error: { code: 'JOURNAL_WRITE_FAILED', message: 'x' } } as const;
    const going = run(NEVER, { from, to }, verdict);
    await rig.clock.advance(5_000);
    await going;
    expect(rig.calls).toContain('stop');
  });

  it('can be run again at any point', async () => {
    await back();
    rig.probe.script = ['refused', 200];
    await back();
    expect(await rig.store.current()).toEqual(from);
    expect(rig.workload.running?.target.ref).toEqual(from);
  });

  it('goes back to the program that was there before any update', async () => {
    await back({ from: rig.store.baseline, to });
    expect(rig.workload.running?.target).toEqual({ ref: rig.store.baseline, entry: '/opt/sidecar' });
  });

  it('gives the old version until the time is over, even when it crashes first', async () => {
    rig.probe.script = ['refused', 'refused', 'refused', 200];
    const going = run();
    await rig.clock.advance(500);
    rig.workload.exitNow('exit code 1');
    await rig.clock.advance(5_000);
    expect(await going).toMatchObject({ polls: 4, last: 'HTTP 200' });
  });

  it('takes the newest other committed version when the old one is damaged, and says so', async () => {
    install(rig, '0.9.5');
    damage(rig, '1.0.0');
    await back();
    expect(rig.workload.running?.target.ref.version).toBe('0.9.5');
    expect((await rig.store.current()).version).toBe('0.9.5');
    expect(rig.reporter.warnings()).toMatchObject([{ code: 'VERSION_DAMAGED' }]);
  });

  it('never comes back to the version that it goes back from, though that was committed', async () => {
    to = install(rig, '1.1.0', { watched: false });
    damage(rig, '1.0.0');
    await back();
    expect(rig.workload.running?.target.ref).toEqual(rig.store.baseline);
  });
});

describe('the version to go back to', () => {
  const NOT_WRITTEN: Verdict = { ...VERDICT, error: { code: 'JOURNAL_WRITE_FAILED', message: 'x' } };
  const named = (name: 'old' | 'new' | 'baseline'): VersionRef =>
    ({ old: from, new: to, baseline: rig.store.baseline })[name];
  const stops = async (
    back: 'old' | 'baseline',
    state: { runs: Parameters<typeof named>[0]; current: Parameters<typeof named>[0] },
    verdict = NOT_WRITTEN,
  ): Promise<boolean> => {
    await rig.store.activate(named(state.current));
    await rig.workload.start({ ref: named(state.runs), entry: '/x' }, NEVER);
    rig.calls.length = 0;
    const going = run(NEVER, { from: named(back), to }, verdict);
    await rig.clock.advance(5_000);
    await going;
    return rig.calls.includes('stop');
  };

  it.each([
    ['old', 'old', 'old'],
    ['baseline', 'baseline', 'baseline'],
  ] as const)('%s, which runs and is current still, is left running', async (back, runs, current) => {
    expect(await stops(back, { runs, current })).toBe(false);
  });

  it.each([
    ['old', 'old', 'new'],
    ['old', 'new', 'old'],
    ['old', 'baseline', 'baseline'],
    ['baseline', 'old', 'old'],
    ['baseline', 'baseline', 'old'],
  ] as const)('%s is started anew where %s runs and %s is current', async (back, runs, current) => {
    expect(await stops(back, { runs, current })).toBe(true);
  });

  it('is started anew where it is in place but did not come up', async () => {
    const status = rig.workload.status.bind(rig.workload);
    rig.workload.status = () => ({ ...status(), state: 'crashed' });
    expect(await stops('old', { runs: 'old', current: 'old' })).toBe(true);
  });

  it('is started anew where nothing runs', async () => {
    await rig.store.activate(from);
    await rig.workload.stop(NEVER);
    rig.calls.length = 0;
    const going = run(NEVER, { from, to }, NOT_WRITTEN);
    await rig.clock.advance(5_000);
    expect(await going).toMatchObject({ last: 'HTTP 200' });
    expect(rig.calls).toContain('start 1.0.0');
  });

  it('runs on after any other failure, too, while it is healthy', async () => {
    expect(await stops('old', { runs: 'old', current: 'old' }, VERDICT)).toBe(false);
  });

  it('is started anew after any other failure where it is not healthy, though it runs and is current', async () => {
    rig.probe.script = [...Array.from({ length: 20 }, () => 'refused' as const), 200];
    await rig.store.activate(from);
    await rig.workload.start({ ref: from, entry: '/x' }, NEVER);
    rig.calls.length = 0;
    const going = run();
    await rig.clock.advance(SETTINGS.rollbackTimeoutMs);
    await going;
    expect(rig.calls).toContain('stop');
  });

  it('is not stopped for what failed beside it, which is ended first of all', async () => {
    await rig.store.activate(from);
    await rig.workload.start({ ref: from, entry: '/x' }, NEVER);
    await rig.workload.beside?.start({ ref: to, entry: '/y' }, NEVER);
    rig.calls.length = 0;
    rig.probe.script = [200];
    await run();
    expect(rig.calls).toEqual(['end 1.1.0 beside']);
    expect(rig.workload.second).toBeNull();
  });
});

describe('a rollback that fails', () => {
  const failed = async (change: Partial<Verdict> = {}): Promise<UpdateError> => {
    const going = run(NEVER, { from, to }, { ...VERDICT, ...change }).then(
      () => {
        throw new Error('expected a refusal');
      },
      (error: unknown) => error,
    );
    await rig.clock.advance(SETTINGS.rollbackTimeoutMs + SETTINGS.addressFreeMs + 1_000);
    const error = await going;
    if (error instanceof UpdateError) return error;
    throw error;
  };

  it('says that the old version is not healthy, and leaves it running', async () => {
    rig.probe.script = ['refused', 503];
    expect(await failed()).toMatchObject({
      code: 'ROLLBACK_FAILED',
      message:
        'going back to 1.0.0 failed: expected http://probe.invalid/healthz to be healthy within 60 s of starting 1.0.0 again; last seen: HTTP 503 (PROBE_TIMEOUT)',
    });
    expect(rig.workload.running?.target.ref).toEqual(from);
  });

  it('starts the old version even when somebody else answers, but takes no 200 from there', async () => {
    rig.probe.script = [200];
    const error = await failed();
    expect(error.message).toBe(
      'going back to 1.0.0 failed: something other than the workload answers at http://probe.invalid/healthz, so 1.0.0 cannot be seen to be healthy (PROBE_ADDRESS_TAKEN)',
    );
    expect(rig.workload.running?.target.ref).toEqual(from);
    expect(await rig.store.current()).toEqual(from);
  });

  it('says that the new version will not stop, or the old one not start', async () => {
    const { stopFault } = Object.assign(rig.workload, {
      stopFault: new UpdateError('WORKLOAD_STOP_FAILED', 'state D'),
    });
    expect(await failed()).toMatchObject({
      message: 'going back to 1.0.0 failed: state D (WORKLOAD_STOP_FAILED)',
      cause: stopFault,
    });
    rig.workload.stopFault = null;
    rig.workload.startFault = new UpdateError('WORKLOAD_SPAWN_FAILED', 'no more processes');
    expect((await failed()).message).toBe(
      'going back to 1.0.0 failed: no more processes (WORKLOAD_SPAWN_FAILED)',
    );
  });

  it('is in the journal as failed, and why it goes back is not lost by that', async () => {
    rig.probe.script = ['refused', 503];
    await failed({ interruptions: 2 });
    expect(await rig.journal.inFlight()).toEqual({
      attempt: attempt(),
      state: 'failed',
      facts: { plan: { from, to }, error: VERDICT.error, interruptions: 2 },
      suspended: false,
    });
  });

  it('is told even when the journal cannot be written', async () => {
    rig.probe.script = ['refused', 503];
    rig.journal.end();
    expect((await failed()).code).toBe('ROLLBACK_FAILED');
    expect(rig.reporter.warnings()).toMatchObject([{ code: 'JOURNAL_WRITE_FAILED' }]);
  });
});

describe('a rollback that is cancelled', () => {
  it('is not called failed', async () => {
    rig.probe.script = ['refused', 503];
    const ended = new AbortController();
    const going = run(ended.signal);
    await rig.clock.advance(1_500);
    ended.abort();
    await expect(going).rejects.toBeDefined();
    expect(await rig.journal.inFlight()).toBeNull();
    expect(rig.clock.sleeping).toBe(0);
  });

  it('ends even when the signal fires just before the polling', async () => {
    const ended = new AbortController();
    const start = rig.workload.start.bind(rig.workload);
    rig.workload.start = async (target, signal) => {
      const started = await start(target, signal);
      ended.abort();
      return started;
    };
    await expect(run(ended.signal)).rejects.toBeDefined();
  });

  it('does not begin', async () => {
    await expect(run(AbortSignal.abort())).rejects.toBeDefined();
    expect(rig.calls).toEqual([]);
  });
});

it('rejects with ROLLBACK_FAILED, whatever was thrown', async () => {
  rig.store.list = () => Promise.reject(new Error('boom'));
  expect(await refusal(run())).toBe('ROLLBACK_FAILED');
});
