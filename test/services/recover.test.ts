import { beforeEach, describe, expect, it } from 'vitest';
import { UpdateError } from '../../src/errors.ts';
import { recover } from '../../src/services/recover.ts';
import type { AttemptFacts } from '../../src/services/ports.ts';
import type { Settings } from '../../src/services/settings.ts';
import type { Recovered } from '../../src/steps.ts';
import type { StateName, VersionRef } from '../../src/types.ts';
import { refusal } from '../fixtures/refusal.ts';
import { attempt, ended, RECORD } from '../machines/values.ts';
import { createRig, damage, install, manifestFor, NEVER, SETTINGS, type Rig } from './rig.ts';

let rig: Rig;
let from: VersionRef;
let to: Extract<VersionRef, { origin: 'store' }>;
beforeEach(async () => {
  rig = createRig();
  from = install(rig, '1.0.0');
  to = install(rig, '1.1.0', null);
  await rig.store.activate(from);
  rig.calls.length = 0;
});
const run = (signal = NEVER, settings: Partial<Settings> = {}): Promise<Recovered> =>
  recover(rig, { ...SETTINGS, ...settings })(null, signal);
const flying = (state: StateName, facts: AttemptFacts = {}): Promise<void> =>
  rig.journal.enter(attempt(), state, facts);
const swapped = (state: StateName, facts: AttemptFacts = {}): Promise<void> =>
  flying(state, { plan: { from, to }, digest: to.digest, version: to.version, ...facts });
const runs = (): string | undefined => rig.workload.running?.target.ref.version;
/** An attempt for the same release that was interrupted before. */
const interruptedBefore = async (): Promise<void> => {
  const earlier = attempt({ id: 'a-0' });
  await rig.journal.enter(earlier, 'probing', { plan: { from, to }, digest: to.digest });
  await rig.journal.close(
    ended({
      attempt: earlier,
      outcome: 'rolledBack',
      stage: 'rolledBack',
      error: { code: 'ATTEMPT_INTERRUPTED', message: 'x' },
      from,
      to,
    }),
  );
};

describe('with nothing under way', () => {
  it('starts what is current', async () => {
    expect(await run()).toEqual({ next: 'idle', ended: null, watch: null, paused: null });
    expect(rig.calls).toEqual(['endSurvivor', 'start 1.0.0']);
  });

  it('starts the program that was there before any update on a new host', async () => {
    const fresh = createRig();
    expect(await recover(fresh, SETTINGS)(null, NEVER)).toEqual({
      next: 'idle',
      ended: null,
      watch: null,
      paused: null,
    });
    expect(fresh.workload.running?.target).toEqual({ ref: fresh.store.baseline, entry: '/opt/sidecar' });
    // What is current already is not pointed to again.
    expect(fresh.calls).toEqual(['endSurvivor', 'start 0.9.0']);
  });

  it('ends what an earlier daemon left running before anything is started', async () => {
    rig.workload.survivor = { pid: 7, version: '1.0.0' };
    await run();
    expect(rig.calls[0]).toBe('endSurvivor');
    expect(rig.workload.survivor).toBeNull();
  });

  it('goes on watching a fresh commit', async () => {
    const fresh = install(rig, '1.1.0', { previous: from, watched: false });
    await rig.store.activate(fresh);
    expect(await run()).toMatchObject({ next: 'idle', watch: { version: fresh, previous: from } });
  });

  it('probes a version that is current though nothing says that it was ever healthy', async () => {
    await rig.store.activate(to);
    const recovered = await run();
    expect(recovered).toEqual({
      next: 'probing',
      attempt: { id: 'id-1', trigger: 'recovery', mode: 'apply' },
      plan: { from, to },
      pid: rig.workload.running?.pid,
      watch: null,
      paused: null,
    });
    expect(runs()).toBe('1.1.0');
  });

  it('would go back from such a version to the baseline when nothing else was committed', async () => {
    rig.store.versions.delete('1.0.0');
    await rig.store.activate(to);
    expect(await run()).toMatchObject({ next: 'probing', plan: { from: rig.store.baseline, to } });
  });

  it('would go back from such a version to one that was committed, not to a newer one that was not', async () => {
    install(rig, '1.2.0', null);
    await rig.store.activate(to);
    expect(await run()).toMatchObject({ next: 'probing', plan: { from, to } });
  });

  it('falls back from a damaged current version to the newest whole one, and points there', async () => {
    const damaged = install(rig, '1.1.0');
    await rig.store.activate(damaged);
    damage(rig, '1.1.0');
    expect(await run()).toMatchObject({ next: 'idle' });
    expect(runs()).toBe('1.0.0');
    expect(await rig.store.current()).toEqual(from);
    expect(rig.reporter.warnings()).toMatchObject([{ code: 'VERSION_DAMAGED' }]);
  });

  it('falls back to the baseline when no version is whole', async () => {
    damage(rig, '1.0.0');
    await run();
    expect(runs()).toBe('0.9.0');
    expect(await rig.store.current()).toEqual(rig.store.baseline);
  });

  it('comes up though the workload cannot be started at once: the supervisor tries again', async () => {
    rig.workload.startFault = new UpdateError('WORKLOAD_START_FAILED', 'no such file');
    expect(await run()).toMatchObject({ next: 'idle' });
    expect(rig.reporter.warnings()).toEqual([{ code: 'WORKLOAD_START_FAILED', message: 'no such file' }]);
  });

  it('goes back from what was never committed and cannot be started: nobody else ever would', async () => {
    await rig.store.activate(to);
    rig.workload.startFault = new UpdateError('WORKLOAD_START_FAILED', 'no such file');
    expect(await run()).toMatchObject({
      next: 'rollingBack',
      attempt: { trigger: 'recovery', mode: 'apply' },
      plan: { to },
      verdict: {
        error: { code: 'WORKLOAD_START_FAILED', message: 'no such file' },
        evidence: ['no such file'],
        interruptions: 0,
      },
    });
  });

  it('starts the workload though the disk cannot be tidied, nor pointed to it', async () => {
    const fault = new UpdateError('STATE_DIR_UNUSABLE', 'EIO');
    rig.workload.endSurvivor = () => Promise.reject(fault);
    rig.store.tidy = () => Promise.reject(fault);
    rig.downloads.remove = () => Promise.reject(fault);
    damage(rig, '1.0.0');
    rig.store.activate = () => Promise.reject(fault);
    expect(await run()).toMatchObject({ next: 'idle' });
    expect(runs()).toBe('0.9.0');
    expect(rig.reporter.warnings().filter(({ code }) => code === 'STATE_DIR_UNUSABLE')).toHaveLength(4);
  });

  it('starts the workload though the disk has no space to forget a survivor', async () => {
    rig.workload.endSurvivor = () => Promise.reject(new UpdateError('DISK_FULL', 'ENOSPC'));
    expect(await run()).toMatchObject({ next: 'idle' });
    expect(rig.reporter.warnings()).toEqual([{ code: 'DISK_FULL', message: 'ENOSPC' }]);
  });

  it('removes what was half unpacked, and keeps what was downloaded', async () => {
    rig.downloads.files.set('x.jws', Buffer.from('part'));
    rig.downloads.folders.set('unpacked', new Map());
    await run();
    expect([...rig.downloads.files.keys()]).toEqual(['x.jws']);
    expect(rig.downloads.folders.size).toBe(0);
  });

  it('lets the store remove what an interrupted stage left', async () => {
    let tidied = 0;
    rig.store.tidy = async () => void (tidied += 1);
    await run();
    expect(tidied).toBe(1);
  });
});

describe('an attempt that was interrupted before the swap', () => {
  it.each<StateName>(['checking', 'downloading', 'verifying', 'staging', 'waiting'])(
    'in %s is ended, and what runs is left alone',
    async (state) => {
      await flying(state, { digest: to.digest, version: to.version });
      const message = `the daemon or the host stopped in ${state}`;
      expect(await run()).toEqual({
        next: 'idle',
        ended: ended({ reason: message, error: { code: 'ATTEMPT_INTERRUPTED', message }, stage: state }),
        watch: null,
        paused: null,
      });
      expect(runs()).toBe('1.0.0');
    },
  );

  it('does not count as an interruption of the release', async () => {
    await flying('staging', { digest: to.digest });
    const recovered = await run();
    if (recovered.next === 'idle' && recovered.ended !== null)
      await rig.journal.close({ ...recovered.ended, outcome: 'interrupted' });
    await swapped('probing');
    expect(await run()).toMatchObject({ next: 'rollingBack' });
  });
});

describe('an attempt that was interrupted from the swap on', () => {
  it.each<StateName>(['swapping', 'probing'])(
    'in %s goes back, and is the first interruption',
    async (state) => {
      await swapped(state);
      await rig.store.activate(to);
      const message = `the daemon or the host stopped in ${state}`;
      expect(await run()).toEqual({
        next: 'rollingBack',
        attempt: attempt(),
        plan: { from, to },
        verdict: {
          error: { code: 'ATTEMPT_INTERRUPTED', message },
          evidence: [message, 'interruption 1 of this release'],
          interruptions: 1,
        },
        watch: null,
        paused: null,
      });
      expect(rig.calls).toEqual(['activate 1.1.0', 'endSurvivor']);
    },
  );

  it('is the second interruption when the release was interrupted before', async () => {
    await interruptedBefore();
    await swapped('probing');
    expect(await run()).toMatchObject({ next: 'rollingBack', verdict: { interruptions: 2 } });
  });

  it('hands on what earlier attempts owe', async () => {
    const owed = { attempt: attempt({ id: 'a-0' }), plan: { from, to } };
    const facts = { error: RECORD, interruptions: 0 };
    await swapped('rollingBack', { ...facts, owed: [{ ...owed, ...facts }] });
    const verdict = { error: RECORD, evidence: [], interruptions: 0 };
    expect(await run()).toMatchObject({ next: 'rollingBack', owed: [{ ...owed, verdict }] });
  });

  it.each<StateName>(['rollingBack', 'rolledBack', 'failed'])(
    'in %s goes back for the reason that it had',
    async (state) => {
      await swapped(state, { error: RECORD, interruptions: 0 });
      expect(await run()).toMatchObject({
        next: 'rollingBack',
        verdict: { error: RECORD, evidence: [], interruptions: 0 },
      });
    },
  );

  it('keeps the number of interruptions over another one', async () => {
    await swapped('rollingBack', { error: { code: 'ATTEMPT_INTERRUPTED', message: 'x' }, interruptions: 2 });
    expect(await run()).toMatchObject({
      verdict: { error: { code: 'ATTEMPT_INTERRUPTED' }, interruptions: 2 },
    });
  });

  it('goes on watching the version that it goes back to', async () => {
    from = install(rig, '1.0.0', { watched: false, previous: rig.store.baseline });
    await swapped('probing');
    expect(await run()).toMatchObject({
      next: 'rollingBack',
      watch: { version: from, previous: rig.store.baseline },
    });
  });

  it('watches nothing where the version that it goes back to was never committed', async () => {
    from = install(rig, '1.0.0', null);
    await swapped('probing');
    expect(await run()).toMatchObject({ next: 'rollingBack', watch: null });
  });

  it('after its commit is started again and shows its health again', async () => {
    await swapped('committed');
    await rig.store.activate(to);
    expect(await run()).toEqual({
      next: 'probing',
      attempt: attempt(),
      plan: { from, to },
      pid: rig.workload.running?.pid,
      watch: null,
      paused: null,
    });
    expect(runs()).toBe('1.1.0');
  });
});

describe('after its commit', () => {
  it('has the whole time again to show its health: it was healthy once, and starts anew', async () => {
    await swapped('committed');
    await rig.store.activate(to);
    await rig.journal.spend(`probe:${attempt().id}`, 50_000);
    await run();
    expect(await rig.journal.spent(`probe:${attempt().id}`)).toBe(0);
  });
});

describe('an orderly stop in probing', () => {
  beforeEach(async () => {
    await swapped('probing');
    await rig.journal.suspend();
    await rig.store.activate(to);
    rig.calls.length = 0;
  });

  it('goes on probing', async () => {
    expect(await run()).toMatchObject({
      next: 'probing',
      attempt: attempt(),
      plan: { from, to },
      pid: expect.any(Number),
    });
    expect(rig.calls).toEqual(['endSurvivor', 'start 1.1.0']);
  });

  it('goes on with the time that was left, not with the whole of it', async () => {
    await rig.journal.spend(`probe:${attempt().id}`, 50_000);
    expect(await run()).toMatchObject({ next: 'probing' });
    expect(await rig.journal.spent(`probe:${attempt().id}`)).toBe(50_000);
  });

  it('goes back when the new version is damaged now, without starting it', async () => {
    damage(rig, '1.1.0');
    expect(await run()).toMatchObject({
      next: 'rollingBack',
      verdict: { evidence: [expect.stringContaining('in good order'), expect.anything()] },
    });
    expect(rig.calls).toEqual(['endSurvivor']);
  });

  it('goes back when the new version cannot be started', async () => {
    rig.workload.startFault = new UpdateError('WORKLOAD_START_FAILED', 'no such file');
    expect(await run()).toMatchObject({ next: 'rollingBack' });
  });
});

describe('an orderly stop in swapping', () => {
  it('goes back all the same: nothing says how far the swap had come', async () => {
    await swapped('swapping');
    await rig.journal.suspend();
    await rig.store.activate(to);
    expect(await run()).toMatchObject({ next: 'rollingBack', verdict: { interruptions: 1 } });
    expect(runs()).toBeUndefined();
  });
});

describe('an operator’s pause', () => {
  const PAUSED = { code: 'UPDATES_PAUSED', message: 'a freeze' } as const;

  it.each<[string, () => unknown]>([
    ['idle', () => undefined],
    ['rollingBack', () => swapped('swapping')],
    ['probing', () => rig.store.activate(to)],
  ])('is there again, when start-up leads to %s', async (next, arrange) => {
    await arrange();
    await rig.pauses.write(PAUSED);
    expect(await run()).toMatchObject({ next, paused: PAUSED });
  });

  it('that cannot be read holds, and says so; the workload starts all the same', async () => {
    rig.pauses.fault = new UpdateError('STATE_DIR_UNUSABLE', 'EIO');
    expect(await run()).toMatchObject({
      next: 'idle',
      paused: {
        code: 'UPDATES_PAUSED',
        message: 'whether an operator paused updates cannot be read: EIO',
      },
    });
    expect(runs()).toBe('1.0.0');
    expect(rig.reporter.warnings()).toEqual([{ code: 'STATE_DIR_UNUSABLE', message: 'EIO' }]);
  });
});

/** The same host, on which another image or package was installed; 1.0.0 runs, and 1.1.0 is new. */
async function withBaseline(version: string, applied: string | null = null): Promise<void> {
  rig = createRig({ baseline: version });
  from = install(rig, '1.0.0', applied === null ? {} : { appliedOver: applied });
  to = install(rig, '1.1.0', null);
  await rig.store.activate(from);
  rig.calls.length = 0;
}

describe('the program of the image or package', () => {
  const wins = async (settings: Partial<Settings> = {}): Promise<boolean> => {
    const recovered = await run(NEVER, settings);
    expect(recovered).toMatchObject({ next: 'idle' });
    const wentOver = rig.workload.running?.target.ref.origin === 'baseline';
    expect(await rig.store.current()).toEqual(wentOver ? rig.store.baseline : from);
    expect(rig.reporter.warnings().map(({ code }) => code)).toEqual(wentOver ? ['BASELINE_PREFERRED'] : []);
    return wentOver;
  };

  it.each<[string, boolean]>([
    ['0.9.0', false],
    ['1.0.0', false],
    ['1.0.1-rc.1', true],
    ['1.0.1', true],
    ['2.0.0', true],
    ['0.0.0-0', false],
    ['0.0.0-source', false],
    ['not a version', false],
  ])('%s takes the place of 1.0.0: %s', async (version, expected) => {
    await withBaseline(version);
    expect(await wins()).toBe(expected);
  });

  it.each<[string, string, string | null, Partial<Settings>, boolean]>([
    ['on manual, an older one', '0.9.0', null, { channel: 'manual' }, true],
    ['where updates are switched off, an older one', '0.9.0', null, { disabled: 'it is set' }, true],
    ['on manual, the one that a bundle was applied over', '0.9.0', '0.9.0', { channel: 'manual' }, false],
    ['switched off, the one that a bundle was applied over', '0.9.0', '0.9.0', { disabled: 'set' }, false],
    ['on manual, another one than a bundle was applied over', '0.9.1', '0.9.0', { channel: 'manual' }, true],
    ['a newer one than a bundle was applied over', '1.2.0', '0.9.0', { channel: 'manual' }, true],
    ['on manual, one whose version nobody knows', '0.0.0-0', null, { channel: 'manual' }, false],
    ['on stable, one that a bundle was applied over', '0.9.0', '0.9.0', {}, false],
  ])('%s: %s (applied over %s)', async (_, version, applied, settings, expected) => {
    await withBaseline(version, applied);
    expect(await wins(settings)).toBe(expected);
  });

  it('says so in the history, behind what was interrupted before', async () => {
    await withBaseline('2.0.0');
    await flying('downloading', { digest: to.digest, version: to.version });
    expect(await run()).toMatchObject({ next: 'idle', ended: { outcome: 'interrupted' } });
    const reason = 'the program of this image or package, 2.0.0, is newer than 1.0.0';
    expect(await rig.journal.history(10)).toMatchObject([
      { trigger: 'recovery', outcome: 'committed', reason, from: '1.0.0', to: '2.0.0', error: null },
      { id: 'a-1', outcome: 'interrupted' },
    ]);
    expect(await rig.journal.inFlight()).toBeNull();
    expect(rig.reporter.warnings()).toEqual([{ code: 'BASELINE_PREFERRED', message: reason }]);
  });

  it('says on manual why an older one runs', async () => {
    await run(NEVER, { channel: 'manual' });
    expect(rig.reporter.warnings()).toMatchObject([
      {
        message:
          'the program of this image or package, 0.9.0, runs instead of 1.0.0, which no operator applied over it (the channel is manual)',
      },
    ]);
  });

  it('is said once: the next start finds it current', async () => {
    await withBaseline('2.0.0');
    await run();
    await run();
    expect(await rig.journal.history(10)).toHaveLength(1);
    expect(rig.reporter.warnings()).toHaveLength(1);
  });

  it('runs though nothing of that can be written', async () => {
    await withBaseline('2.0.0');
    rig.store.activate = () => Promise.reject(new UpdateError('STATE_DIR_UNUSABLE', 'read-only'));
    rig.journal.end();
    expect(await run()).toMatchObject({ next: 'idle', watch: null });
    expect(runs()).toBe('2.0.0');
    expect(rig.reporter.warnings().map(({ code }) => code)).toEqual([
      'STATE_DIR_UNUSABLE',
      'BASELINE_PREFERRED',
      'JOURNAL_WRITE_FAILED',
    ]);
  });

  it('ends no attempt by a power cut in the middle of saying so', async () => {
    await withBaseline('2.0.0');
    const journal = { ...rig.journal };
    rig.journal.close = () => Promise.reject(new UpdateError('JOURNAL_WRITE_FAILED', 'the power went'));
    await run();
    rig.journal.close = (...args) => journal.close(...args);
    expect(await run()).toMatchObject({ next: 'idle', ended: { stage: 'recovering' } });
    expect(runs()).toBe('2.0.0');
  });

  it('is what a half-done swap goes back to where it is newer than what ran before', async () => {
    await withBaseline('1.0.5');
    await swapped('swapping');
    expect(await run()).toMatchObject({ next: 'rollingBack', plan: { from: rig.store.baseline, to } });
    expect(rig.reporter.warnings()).toMatchObject([
      { code: 'BASELINE_PREFERRED', message: expect.stringContaining('is newer than 1.0.0') },
    ]);
  });

  it('keeps a new version from being probed on where it is newer than that', async () => {
    await withBaseline('2.0.0');
    await swapped('probing');
    await rig.journal.suspend();
    expect(await run()).toMatchObject({
      next: 'rollingBack',
      plan: { from: rig.store.baseline, to },
      verdict: { error: { code: 'ATTEMPT_INTERRUPTED' } },
    });
    expect(rig.calls).toEqual(['endSurvivor']);
    expect(rig.reporter.warnings()).toMatchObject([{ code: 'BASELINE_PREFERRED' }]);
  });

  it('is what a new version that is probed on is gone back from to, without a word while that is open', async () => {
    await withBaseline('1.0.5');
    await swapped('committed');
    await rig.store.activate(to);
    expect(await run()).toMatchObject({ next: 'probing', plan: { from: rig.store.baseline, to } });
    expect(rig.reporter.warnings()).toEqual([]);
  });

  it('on manual, is not what an operator’s rollback between two bundles leads to', async () => {
    from = install(rig, '1.0.0', { appliedOver: '0.9.0' });
    to = install(rig, '1.1.0', { appliedOver: '0.9.0' });
    const rollback = attempt({ trigger: 'rollback' });
    const error = { code: 'ROLLED_BACK_BY_OPERATOR', message: 'asked' } as const;
    await rig.journal.enter(rollback, 'rollingBack', { plan: { from, to }, error, interruptions: 0 });
    expect(await run(NEVER, { channel: 'manual' })).toMatchObject({
      next: 'rollingBack',
      plan: { from, to },
      verdict: { error },
    });
    expect(rig.reporter.warnings()).toEqual([]);
  });

  it.each<['bundle' | 'schedule', string]>([
    ['bundle', 'probing'],
    ['schedule', 'rollingBack'],
  ])('on manual, lets only an operator’s own bundle be probed on: %s → %s', async (trigger, next) => {
    const facts = { plan: { from, to }, digest: to.digest, version: to.version };
    await rig.journal.enter(attempt({ trigger }), 'probing', facts);
    await rig.journal.suspend();
    await rig.store.activate(to);
    expect(await run(NEVER, { channel: 'manual' })).toMatchObject({ next });
  });
});

describe('what recovery cannot do', () => {
  it.each<[string, () => void]>([
    [
      'end a survivor',
      () => {
        rig.workload.endSurvivor = () => Promise.reject(new UpdateError('WORKLOAD_STOP_FAILED', 'x'));
      },
    ],
    [
      'read the store',
      () => {
        rig.store.list = () => Promise.reject(new UpdateError('WORKLOAD_STOP_FAILED', 'x'));
      },
    ],
  ])('is passed on: %s', async (_, fail) => {
    fail();
    expect(await refusal(run())).toBe('WORKLOAD_STOP_FAILED');
    expect(runs()).toBeUndefined();
  });

  it('is passed on: that the start of the workload was cancelled', async () => {
    rig.workload.startFault = new UpdateError('CANCELLED', 'stopped');
    expect(await refusal(run())).toBe('CANCELLED');
    expect(rig.reporter.warnings()).toEqual([]);
  });

  it('is passed on: the signal', async () => {
    expect(await refusal(run(AbortSignal.abort()))).toBe('CANCELLED');
  });
});

it('can be run again', async () => {
  await swapped('probing');
  const first = await run();
  expect(await run()).toEqual(first);
  expect(manifestFor('1.1.0').digest).toBe(to.digest);
});
