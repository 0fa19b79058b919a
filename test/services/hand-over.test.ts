import { beforeEach, describe, expect, it } from 'vitest';
import { releaseDigest, type Manifest } from '../../src/bundle/manifest.ts';
import { handOver } from '../../src/services/hand-over.ts';
import { quarantine } from '../../src/services/quarantine.ts';
import { recover } from '../../src/services/recover.ts';
import { daemonIn } from '../../src/services/successor.ts';
import type { Settings } from '../../src/services/settings.ts';
import type { Attempt, Successor } from '../../src/types.ts';
import { memorySuccession, type MemorySuccession } from '../fakes/succession.ts';
import { manifestOf, packed } from '../fixtures/forge.ts';
import { refusal } from '../fixtures/refusal.ts';
import { createRig, install, NEVER, NOW, SETTINGS, type Rig } from './rig.ts';

const ATTEMPT: Attempt = { id: 'id-9', trigger: 'update', mode: 'apply' };

let rig: Rig & { succession: MemorySuccession };
beforeEach(() => {
  const fresh = createRig();
  rig = {
    ...fresh,
    succession: memorySuccession({ version: '1.0.0', sha256: 'a'.repeat(64), ref: null }, fresh.calls),
  };
});

/** Puts a release with a daemon into the store, and with a workload too unless told. */
function installDaemon(version: string, workload = true): Successor {
  const daemon = packed('daemon', Buffer.from(`daemon ${version}`), { mode: 0o755 });
  const program = packed('run', Buffer.from(`program ${version}`));
  const files = workload ? [program, daemon] : [daemon];
  const manifest = JSON.parse(
    manifestOf(files, {
      version,
      daemon: 'daemon',
      ...(workload ? {} : { entrypoint: undefined }),
    }).toString(),
  ) as Manifest;
  const digest = releaseDigest(manifest.files);
  rig.store.versions.set(version, {
    manifest,
    digest,
    files: new Map([
      ['daemon', { mode: 0o755, bytes: Buffer.from(`daemon ${version}`) }],
      ...(workload ? ([['run', { mode: 0o755, bytes: Buffer.from(`program ${version}`) }]] as const) : []),
    ]),
    mark: workload ? { at: NOW, previous: rig.store.baseline, watched: true } : null,
  });
  return { ref: { origin: 'store', version, digest }, sha256: daemon.entry.sha256 };
}

const failedState = (successor: Successor): void => {
  rig.succession.now = {
    kind: 'failed',
    attempt: ATTEMPT.id,
    successor,
    error: { code: 'DAEMON_FAILED', message: 'it died' },
    evidence: ['start 1'],
  };
};

describe('the daemon in a release', () => {
  it('takes over where it is newer', async () => {
    const successor = installDaemon('1.1.0');
    expect(await daemonIn(rig, successor.ref)).toEqual({
      successor,
      workload: true,
      runs: false,
      objection: null,
    });
  });

  it('is none in a release of the workload alone', async () => {
    const ref = install(rig, '1.1.0');
    expect(await daemonIn(rig, ref)).toMatchObject({ successor: null, workload: true, objection: null });
  });

  it('runs already where its bytes do, whatever release they came with', async () => {
    const { ref, sha256 } = installDaemon('1.1.0', false);
    rig.succession.self = { version: '1.1.0', sha256, ref: null };
    expect(await daemonIn(rig, ref)).toEqual({
      successor: null,
      workload: false,
      runs: true,
      objection: null,
    });
  });

  it.each(['1.0.0', '0.9.0'])('never takes the place of 1.0.0 as %s', async (version) => {
    const { ref } = installDaemon(version);
    expect(await daemonIn(rig, ref)).toMatchObject({
      successor: null,
      objection: { code: 'VERSION_TOO_LOW' },
    });
  });

  it('is not tried again once it failed', async () => {
    const { ref, sha256 } = installDaemon('1.1.0');
    const reason = { code: 'DAEMON_FAILED', message: 'it died' } as const;
    await rig.quarantine.add({
      digest: sha256,
      role: 'daemon',
      version: '1.1.0',
      at: NOW,
      attempt: 'x',
      reason,
      evidence: [],
    });
    expect(await daemonIn(rig, ref)).toMatchObject({
      successor: null,
      objection: { code: 'RELEASE_QUARANTINED', message: expect.stringContaining('it died') },
    });
  });

  it('stays away from a daemon that cannot replace itself', async () => {
    const { ref } = installDaemon('1.1.0', false);
    rig.succession.self = { version: '1.0.0', sha256: null, ref: null };
    expect(await daemonIn(rig, ref)).toMatchObject({
      successor: null,
      objection: { code: 'HANDOVER_FAILED' },
    });
  });
});

describe('handing over', () => {
  const run = (successor: Successor, settings: Pick<Settings, 'disabled'> = SETTINGS): Promise<unknown> =>
    handOver(rig, settings)(
      {
        attempt: ATTEMPT,
        plan: { from: rig.store.baseline, to: successor.ref },
        successor,
        afterCommit: false,
      },
      NEVER,
    );

  it('tests the new daemon, and then becomes it', async () => {
    const successor = installDaemon('1.1.0');
    const became = Promise.withResolvers<undefined>();
    rig.succession.onBecome = () => {
      became.resolve(undefined);
    };
    void run(successor).catch(() => undefined);
    await became.promise;
    expect(rig.calls).toEqual(['selfTest 1.1.0', 'become 1.1.0']);
  });

  it('is acknowledged by the new daemon', async () => {
    const successor = installDaemon('1.1.0');
    rig.succession.self = { version: '1.1.0', sha256: successor.sha256, ref: successor.ref };
    expect(await run(successor)).toEqual({ note: 'the daemon is 1.1.0 now' });
    expect(rig.calls).toContain('acknowledge');
    expect(rig.calls).not.toContain('become 1.1.0');
  });

  it('says so in the old daemon when the new one failed, and forgets nothing yet', async () => {
    const successor = installDaemon('1.1.0');
    failedState(successor);
    expect(await refusal(run(successor))).toBe('DAEMON_FAILED');
    expect(rig.calls).toEqual([]);
    expect(rig.succession.now.kind).toBe('failed');
  });

  it('tries nothing again that is in quarantine already', async () => {
    const successor = installDaemon('1.1.0');
    const reason = { code: 'DAEMON_FAILED', message: 'it died' } as const;
    await rig.quarantine.add({
      digest: successor.sha256,
      role: 'daemon',
      version: '1.1.0',
      at: NOW,
      attempt: 'x',
      reason,
      evidence: [],
    });
    expect(await refusal(run(successor))).toBe('DAEMON_FAILED');
    expect(rig.calls).toEqual([]);
  });

  it('goes nowhere when a newer daemon was installed meanwhile', async () => {
    const successor = installDaemon('1.1.0');
    rig.succession.self = { version: '1.2.0', sha256: 'd'.repeat(64), ref: null };
    expect(await refusal(run(successor))).toBe('HANDOVER_FAILED');
    expect(rig.calls).toEqual([]);
  });

  it('goes nowhere where updates were switched off meanwhile', async () => {
    const successor = installDaemon('1.1.0');
    expect(await refusal(run(successor, { disabled: 'CORESDK_UPDATE_DISABLED is set' }))).toBe(
      'HANDOVER_FAILED',
    );
    expect(rig.calls).toEqual([]);
  });

  it('has an earlier daemon, which failed and of which nobody has told, in quarantine before it is forgotten', async () => {
    const failed = installDaemon('1.1.0');
    failedState(failed);
    const successor = installDaemon('1.2.0');
    void run(successor).catch(() => undefined);
    await expect.poll(() => rig.calls).toContain('become 1.2.0');
    expect(await rig.quarantine.get(failed.sha256)).toMatchObject({
      role: 'daemon',
      version: '1.1.0',
      attempt: ATTEMPT.id,
      reason: { code: 'DAEMON_FAILED' },
      evidence: ['start 1'],
    });
  });

  it('goes nowhere when the new daemon does not pass its self-test', async () => {
    const successor = installDaemon('1.1.0');
    rig.succession.fate = 'failsSelfTest';
    expect(await refusal(run(successor))).toBe('DAEMON_SELF_TEST_FAILED');
    expect(rig.succession.now).toEqual({ kind: 'none' });
  });

  it('goes nowhere when its files were changed on disk', async () => {
    const successor = installDaemon('1.1.0');
    rig.store.versions.get('1.1.0')!.files.get('daemon')!.bytes = Buffer.from('other');
    expect(await refusal(run(successor))).toBe('VERSION_DAMAGED');
  });
});

describe('a daemon that failed', () => {
  const verdict = {
    error: { code: 'DAEMON_FAILED' as const, message: 'it died' },
    evidence: ['start 1'],
    interruptions: 0,
  };

  it('is in quarantine before it is forgotten, and the workload of its release is not', async () => {
    const successor = installDaemon('1.1.0');
    failedState(successor);
    const plan = { from: rig.store.baseline, to: successor.ref };
    await quarantine(rig)({ attempt: ATTEMPT, plan, verdict, successor, afterCommit: true }, NEVER);
    const [only, ...more] = await rig.quarantine.list();
    expect(only).toMatchObject({ digest: successor.sha256, role: 'daemon', evidence: ['start 1'] });
    expect(more).toEqual([]);
    expect(rig.succession.now).toEqual({ kind: 'none' });
  });

  it('takes its release into quarantine where that carries nothing else', async () => {
    const successor = installDaemon('1.1.0', false);
    const plan = { from: rig.store.baseline, to: successor.ref };
    await quarantine(rig)({ attempt: ATTEMPT, plan, verdict, successor, afterCommit: false }, NEVER);
    expect((await rig.quarantine.list()).map(({ digest }) => digest).sort()).toEqual(
      [successor.sha256, successor.ref.digest].sort(),
    );
  });
});

describe('a start', () => {
  const start = () => recover(rig, SETTINGS)({ watch: null }, NEVER);
  const current = async (): Promise<Successor['ref']> => {
    const ref = install(rig, '1.0.5');
    await rig.store.activate(ref);
    rig.workload.survivor = { pid: 77, version: '1.0.5' };
    return ref;
  };
  const inFlight = async (successor: Successor, state: 'handingOver' | 'rolledBack'): Promise<void> => {
    const plan = { from: rig.store.baseline, to: successor.ref };
    await rig.journal.enter(ATTEMPT, 'handingOver', { plan, successor, afterCommit: false });
    if (state === 'rolledBack')
      await rig.journal.enter(ATTEMPT, state, { error: { code: 'DAEMON_FAILED', message: 'it died' } });
  };
  const trialOf = (successor: Successor, acknowledged = false): void => {
    rig.succession.now = { kind: 'trial', attempt: ATTEMPT.id, successor, starts: 1, acknowledged };
    rig.succession.self = { version: successor.ref.version, sha256: successor.sha256, ref: successor.ref };
  };

  it('of the new daemon takes over the workload as it runs, and goes on with the hand-over', async () => {
    await current();
    const successor = installDaemon('1.1.0', false);
    await inFlight(successor, 'handingOver');
    trialOf(successor);
    expect(await start()).toMatchObject({
      next: 'handingOver',
      attempt: ATTEMPT,
      successor,
      afterCommit: false,
    });
    expect(rig.calls.filter((call) => /start|stop|endSurvivor/.test(call))).toEqual([]);
    expect(rig.workload.running?.pid).toBe(77);
  });

  it('after a power cut in the hand-over starts the workload', async () => {
    await current();
    rig.workload.survivor = null;
    const successor = installDaemon('1.1.0', false);
    await inFlight(successor, 'handingOver');
    trialOf(successor);
    expect(await start()).toMatchObject({ next: 'handingOver' });
    expect(rig.calls).toContain('start 1.0.5');
  });

  it('does not take over a workload that is not the one to run', async () => {
    await current();
    rig.workload.survivor = { pid: 78, version: '0.1.0' };
    const successor = installDaemon('1.1.0', false);
    await inFlight(successor, 'handingOver');
    trialOf(successor);
    await start();
    expect(rig.calls.filter((call) => /start|endSurvivor/.test(call))).toEqual([
      'endSurvivor',
      'start 1.0.5',
    ]);
  });

  it('without a hand-over ends what is left, as ever', async () => {
    await current();
    await start();
    expect(rig.calls.filter((call) => /start|adopt|endSurvivor/.test(call))).toEqual([
      'endSurvivor',
      'start 1.0.5',
    ]);
  });

  it('on probation takes over the workload, and the probation goes on', async () => {
    await current();
    const successor = installDaemon('1.1.0', false);
    trialOf(successor, true);
    expect(await start()).toMatchObject({ next: 'idle' });
    expect(rig.calls).toEqual(expect.arrayContaining(['adopt 1.0.5', 'acknowledge']));
  });

  it('on probation says that it is up, though an update of the workload was interrupted', async () => {
    const from = await current();
    const to = install(rig, '1.0.6');
    await rig.journal.enter(ATTEMPT, 'swapping', { plan: { from, to } });
    trialOf(installDaemon('1.1.0', false));
    expect(await start()).toMatchObject({ next: 'rollingBack' });
    expect(rig.succession.now).toMatchObject({ kind: 'trial', acknowledged: true });
  });

  it('on probation says that it is up, though it was about to give way to a newer one', async () => {
    await current();
    await inFlight(installDaemon('1.2.0', false), 'handingOver');
    trialOf(installDaemon('1.1.0', false));
    expect(await start()).toMatchObject({ next: 'handingOver' });
    expect(rig.succession.now).toMatchObject({ kind: 'trial', acknowledged: true });
  });

  it('in its own hand-over is up when that is done, and not before', async () => {
    await current();
    const successor = installDaemon('1.1.0', false);
    await inFlight(successor, 'handingOver');
    trialOf(successor);
    await start();
    expect(rig.succession.now).toMatchObject({ kind: 'trial', acknowledged: false });
  });

  it('of the old daemon, after the new one failed on probation, tells of it in an attempt of its own', async () => {
    await current();
    const successor = installDaemon('1.1.0', false);
    failedState(successor);
    const recovered = await start();
    expect(recovered).toMatchObject({
      next: 'handingOver',
      attempt: { trigger: 'recovery' },
      successor,
      afterCommit: false,
    });
    expect(rig.reporter.warnings().map(({ code }) => code)).toContain('DAEMON_FAILED');
  });

  it('in `rolledBack` of a daemon touches no workload', async () => {
    await current();
    const successor = installDaemon('1.1.0', false);
    failedState(successor);
    await inFlight(successor, 'rolledBack');
    expect(await start()).toMatchObject({ next: 'handingOver', attempt: ATTEMPT });
    expect(rig.workload.running?.pid).toBe(77);
  });

  it('after a power cut between commit and hand-over hands over now', async () => {
    const successor = installDaemon('1.1.0');
    await rig.store.activate(successor.ref);
    expect(await start()).toMatchObject({ next: 'handingOver', successor, afterCommit: true });
  });

  it('hands nothing over by itself where updates are off', async () => {
    const successor = installDaemon('1.1.0');
    await rig.store.activate(successor.ref);
    expect(
      await recover(rig, { ...SETTINGS, channel: 'edge', disabled: 'off' })({ watch: null }, NEVER),
    ).toMatchObject({
      next: 'idle',
    });
  });
});
