import { beforeEach, describe, expect, it } from 'vitest';
import { createActor, type ActorRefFrom } from 'xstate';
import type { ControlApi } from '../../src/control/api.ts';
import { createBoard, type Board } from '../../src/daemon/board.ts';
import { createEventHub, type EventHub } from '../../src/daemon/events.ts';
import { createCommands, type CommandsOptions } from '../../src/daemon/commands.ts';
import { UpdateError } from '../../src/errors.ts';
import { updateMachine } from '../../src/machines/update.machine.ts';
import type { Recovered, Steps } from '../../src/steps.ts';
import type { VersionRef } from '../../src/types.ts';
import { configFrom } from '../fixtures/config.ts';
import { refusal } from '../fixtures/refusal.ts';
import { scripted, settle, type Scripted } from '../machines/scripted.ts';
import { FOUND, HALF_DONE, NOTHING_LEFT, STEPS } from '../machines/update.harness.ts';
import { attempt, DOWNLOADED, ended, EVIDENCE, PLAN, RECORD, VERDICT, VERIFIED } from '../machines/values.ts';
import { signedHead, trustingRig } from '../services/head-fixture.ts';
import { install, NOW, type Rig } from '../services/rig.ts';

let rig: Rig;
let script: Scripted<Steps>;
let actor: ActorRefFrom<typeof updateMachine>;
let board: Board;
let api: ControlApi;
let hub: EventHub;
beforeEach(async () => {
  rig = await trustingRig();
  script = scripted<Steps>(STEPS);
  actor = createActor(updateMachine.provide({ actors: script.actors }));
  hub = createEventHub(rig.clock);
  board = createBoard({
    clock: rig.clock,
    onProgress: () => undefined,
    publish: (event) => {
      hub.publish(event);
    },
  });
  actor.subscribe(({ context }) => {
    if (context.ended !== null) board.ended(context.ended);
  });
  actor.start();
  api = commands();
});
const commands = (change: Partial<CommandsOptions> = {}): ControlApi =>
  createCommands({
    ports: rig,
    actor,
    board,
    hub,
    config: configFrom(),
    settings: [],
    doctor: () => Promise.reject(new Error('not asked for here')),
    disabled: null,
    status: () => Promise.reject(new Error('not asked for here')),
    ...change,
  });
const state = (): string => actor.getSnapshot().value;
const idle = (recovered: Recovered = NOTHING_LEFT): Promise<void> => script.say('recover', recovered);
const owing = async (): Promise<void> => {
  await idle(HALF_DONE);
  await script.say('rollback', EVIDENCE);
  await script.say('quarantine', new UpdateError('QUARANTINE_FAILED', 'full'));
};
const failed = async (): Promise<void> => {
  await idle(HALF_DONE);
  await script.say('rollback', new UpdateError('ROLLBACK_FAILED', 'no'));
};

/** Every command that begins an attempt. */
const BEGINNING: readonly (readonly [string, (it: ControlApi) => Promise<unknown>])[] = [
  ['check', (it) => it.check()],
  ['update', (it) => it.update({ dryRun: false })],
  ['update --dry-run', (it) => it.update({ dryRun: true })],
  ['apply', (it) => it.apply('/x.jws')],
  ['rollback', (it) => it.rollback(null)],
];

describe.each(BEGINNING)('%s', (name, command) => {
  beforeEach(async () => {
    await rig.store.activate(install(rig, '1.0.0'));
  });

  it('begins one attempt, and says which', async () => {
    await idle();
    expect(await command(api)).toBe('id-1');
    expect(actor.getSnapshot().context.attempt?.id).toBe('id-1');
    expect(state()).not.toBe('idle');
  });

  it('is refused while another attempt is under way', async () => {
    await idle();
    await api.check();
    await expect(command(api)).rejects.toMatchObject({
      code: 'BUSY',
      message: 'attempt id-1 is in checking',
    });
    expect(state()).toBe('checking');
  });

  it('is refused during start-up', async () => {
    await expect(command(api)).rejects.toMatchObject({
      code: 'BUSY',
      message: 'attempt (start-up) is in recovering',
    });
  });

  it('is refused after a failed rollback, with what to do', async () => {
    await failed();
    await expect(command(api)).rejects.toMatchObject({
      code: 'BUSY',
      message: expect.stringContaining('core sidecar retry'),
    });
  });

  it('is refused while a quarantine is owed, with what to do', async () => {
    await owing();
    await expect(command(api)).rejects.toMatchObject({
      code: 'UPDATES_PAUSED',
      message: expect.stringContaining('core sidecar resume'),
    });
    expect(state()).toBe('idle');
  });

  it('is refused where the updater is switched off', async () => {
    await idle();
    const off = commands({ disabled: 'CORESDK_UPDATE_DISABLED is set' });
    await expect(command(off)).rejects.toMatchObject({
      code: 'UPDATES_DISABLED',
      message: 'no updates on this host: CORESDK_UPDATE_DISABLED is set',
    });
    expect(state()).toBe('idle');
  });

  it('is taken while automatic updates are paused', async () => {
    await idle({ ...NOTHING_LEFT, paused: RECORD });
    expect(await command(api), name).toBe('id-1');
  });

  it('begins no second attempt when it comes twice at once', async () => {
    await idle();
    const both = await Promise.allSettled([command(api), command(api)]);
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });
});

describe('what a command sets off', () => {
  const begun = () => actor.getSnapshot().context.attempt;
  beforeEach(() => idle());

  it('check is the ordinary check', async () => {
    await api.check();
    expect(begun()).toEqual({ id: 'id-1', trigger: 'check', mode: 'apply' });
  });

  it('check only reports on manual', async () => {
    await commands({ config: configFrom({ update: { channel: 'manual' } }) }).check();
    expect(begun()).toEqual({ id: 'id-1', trigger: 'check', mode: 'report' });
  });

  it('update checks and applies', async () => {
    await api.update({ dryRun: false });
    expect(state()).toBe('checking');
    expect(begun()).toEqual({ id: 'id-1', trigger: 'update', mode: 'apply' });
  });

  it('update --dry-run only reports', async () => {
    await api.update({ dryRun: true });
    expect(begun()).toEqual({ id: 'id-1', trigger: 'update', mode: 'report' });
  });

  it('update applies the configured bundle on manual', async () => {
    const config = configFrom({ update: { channel: 'manual', bundle_path: '/media/x.jws' } });
    await commands({ config }).update({ dryRun: false });
    expect(state()).toBe('downloading');
    expect(actor.getSnapshot().context.offer?.source).toEqual({ kind: 'file', path: '/media/x.jws' });
  });

  it('update never applies the configured bundle on another channel', async () => {
    await commands({ config: configFrom({ update: { bundle_path: '/media/x.jws' } }) }).update({
      dryRun: false,
    });
    expect(state()).toBe('checking');
  });

  it('apply takes the file that it is given', async () => {
    await api.apply('/media/y.jws');
    expect(begun()).toMatchObject({ trigger: 'bundle', mode: 'apply' });
    expect(script.inputs('download')).toMatchObject([
      { offer: { source: { kind: 'file', path: '/media/y.jws' } } },
    ]);
  });
});

describe('rollback', () => {
  let current: VersionRef;
  beforeEach(async () => {
    await idle();
    install(rig, '1.0.0');
    const previous = install(rig, '1.1.0');
    install(rig, '1.1.5', null);
    current = install(rig, '1.2.0', { previous });
    await rig.store.activate(current);
  });
  const goesTo = async (version: string | null): Promise<string | undefined> => {
    await api.rollback(version);
    const { plan } = actor.getSnapshot().context;
    expect(plan?.to).toEqual(current);
    return plan?.from.version;
  };

  it('goes back to the version that was committed before', async () => {
    expect(await goesTo(null)).toBe('1.1.0');
    expect(script.inputs('rollback')).toMatchObject([
      {
        attempt: { trigger: 'rollback', mode: 'apply' },
        verdict: {
          error: {
            code: 'ROLLED_BACK_BY_OPERATOR',
            message: 'an operator asked to go back from 1.2.0 to 1.1.0',
          },
          interruptions: 0,
        },
      },
    ]);
  });

  it('goes back to the newest committed version below when that one is gone', async () => {
    rig.store.versions.delete('1.1.0');
    expect(await goesTo(null)).toBe('1.0.0');
  });

  it('goes back to the program that was there before when that is where it came from', async () => {
    current = install(rig, '1.2.0', { previous: rig.store.baseline });
    expect(await goesTo(null)).toBe('0.9.0');
    expect(actor.getSnapshot().context.plan?.from).toEqual(rig.store.baseline);
  });

  it('goes back to the program that was there before when nothing else was committed', async () => {
    rig.store.versions.delete('1.1.0');
    rig.store.versions.delete('1.0.0');
    expect(await goesTo(null)).toBe('0.9.0');
  });

  it.each(['1.0.0', '1.1.0', '0.9.0'])('goes back to %s when asked to', async (version) => {
    expect(await goesTo(version)).toBe(version);
  });

  it.each([
    ['never committed here', '1.1.5'],
    ['unknown', '0.1.0'],
    ['above the current one', '1.3.0'],
    ['the current one', '1.2.0'],
  ])('refuses a version that is %s, and names those that are there', async (_, version) => {
    install(rig, '1.3.0');
    await expect(api.rollback(version)).rejects.toMatchObject({
      code: 'VERSION_NOT_FOUND',
      message: `expected a version below 1.2.0 that was committed here (1.1.0, 1.0.0), found ${version}`,
    });
    expect(state()).toBe('idle');
  });

  it('refuses to go back from the program that was there before', async () => {
    await rig.store.activate(rig.store.baseline);
    expect(await refusal(api.rollback(null))).toBe('ROLLBACK_IMPOSSIBLE');
    expect(await refusal(api.rollback('0.9.0'))).toBe('ROLLBACK_IMPOSSIBLE');
    await expect(api.rollback('0.1.0')).rejects.toMatchObject({
      message: expect.stringContaining('(there is none)'),
    });
  });

  it('refuses a version that the publisher has blocked', async () => {
    await rig.heads.write('stable', await signedHead({ blocked: ['1.1.0'], version: '1.2.0' }));
    expect(await refusal(api.rollback(null))).toBe('VERSION_BLOCKED');
    expect(await goesTo('1.0.0')).toBe('1.0.0');
  });

  it('takes a version below min_version: going back is legal', async () => {
    await rig.heads.write('stable', await signedHead({ min_version: '1.2.0', version: '1.2.0' }));
    expect(await goesTo('1.0.0')).toBe('1.0.0');
  });
});

describe('attempt', () => {
  it('is nothing for an id that nobody knows', async () => {
    await idle();
    expect(await api.attempt('a-9')).toBeNull();
  });

  it('tells where an attempt is', async () => {
    await idle();
    const id = await api.check();
    expect(await api.attempt(id)).toEqual({
      id,
      state: 'checking',
      from: null,
      to: null,
      progress: null,
      ended: null,
    });
    await script.say('check', FOUND);
    board.reporter.report({ kind: 'download', received: 1, total: 2 });
    expect(await api.attempt(id)).toMatchObject({
      state: 'downloading',
      to: '1.1.0',
      progress: { kind: 'download' },
      ended: null,
    });
    await script.say('download', DOWNLOADED);
    await script.say('verify', VERIFIED);
    await script.say('stage', VERIFIED.release);
    await script.say('gate', { go: true, plan: PLAN, way: 'swap', successor: null });
    expect(await api.attempt(id)).toMatchObject({ state: 'swapping', from: '1.0.0', to: '1.1.0' });
  });

  it('tells how an attempt ended', async () => {
    await idle();
    const id = await api.check();
    await script.say('check', { found: 'nothing', reason: '1.0.0 runs here', error: null });
    expect(await api.attempt(id)).toMatchObject({
      state: 'checking',
      ended: { outcome: 'nothing', reason: '1.0.0 runs here' },
    });
  });

  it('tells that a rollback failed, and that it is under way again once it is retried', async () => {
    await failed();
    expect(await api.attempt('a-1')).toMatchObject({ ended: { outcome: 'failed' } });
    await api.retry();
    expect(await api.attempt('a-1')).toMatchObject({ state: 'rollingBack', ended: null });
    await script.say('rollback', EVIDENCE);
    await script.say('quarantine', { quarantined: true });
    expect(await api.attempt('a-1')).toMatchObject({ ended: { outcome: 'rolledBack' } });
  });
});

describe('history', () => {
  it('is newest first, for readers', async () => {
    await rig.journal.enter(attempt(), 'checking', {});
    await rig.journal.close(ended({ outcome: 'error' }));
    await rig.journal.enter(attempt({ id: 'a-2' }), 'checking', {});
    const seen = await api.history(10);
    expect(seen.map(({ id }) => id)).toEqual(['a-2', 'a-1']);
    expect(seen[1]).toMatchObject({
      outcome: 'error',
      started_at: new Date(NOW).toISOString(),
      error: { code: 'ATTEMPT_INTERRUPTED', next: expect.any(String) },
    });
    expect(await api.history(1)).toHaveLength(1);
  });
});

describe('resume and retry', () => {
  it('resume tries an owed quarantine again', async () => {
    await owing();
    await api.resume();
    expect(state()).toBe('rolledBack');
    expect(script.inputs('quarantine').at(-1)).toMatchObject({ verdict: VERDICT });
  });

  it('resume lets automatic updates go on', async () => {
    await idle({ ...NOTHING_LEFT, paused: RECORD });
    await api.resume();
    await settle();
    expect(actor.getSnapshot().context.paused).toBeNull();
  });

  it('retry runs a failed rollback again', async () => {
    await failed();
    await api.retry();
    expect(state()).toBe('rollingBack');
  });

  it('retry is refused when no rollback failed', async () => {
    await idle();
    expect(await refusal(api.retry())).toBe('BUSY');
  });
});

describe('clearQuarantine', () => {
  const DIGESTS = ['aaaaaaaa1', 'aaaaaaaa2', 'bbbbbbbb1'].map((start) => start.padEnd(64, '0'));
  beforeEach(async () => {
    for (const [index, digest] of DIGESTS.entries())
      await rig.quarantine.add({
        digest,
        version: `1.${String(index)}.0`,
        at: NOW,
        attempt: 'a',
        reason: RECORD,
        evidence: [],
      });
  });
  const left = async (): Promise<string[]> =>
    (await rig.quarantine.list()).map(({ version }) => version).sort();

  it.each([
    ['a digest', DIGESTS[2]!],
    ['a unique prefix', 'bbbbbbbb'],
    ['a version', '1.2.0'],
  ])('clears by %s', async (_, wanted) => {
    expect(await api.clearQuarantine(wanted)).toEqual({ version: '1.2.0', digest: DIGESTS[2] });
    expect(await left()).toEqual(['1.0.0', '1.1.0']);
  });

  it.each([
    ['a prefix of several', 'aaaaaaaa', '2'],
    ['a prefix that is too short', 'bbbbbbb', '0'],
    ['nothing that is there', 'cccccccc', '0'],
    ['an empty word', '', '0'],
  ])('clears nothing by %s', async (_, wanted, found) => {
    await expect(api.clearQuarantine(wanted)).rejects.toMatchObject({
      code: 'VERSION_NOT_FOUND',
      message: `expected one quarantined release that fits ${wanted}, found ${found}`,
    });
    expect(await left()).toHaveLength(3);
  });

  it('forgives the interruptions too: the next one is the first again', async () => {
    const to = { origin: 'store', version: '1.2.0', digest: DIGESTS[2]! } as const;
    const plan = { from: rig.store.baseline, to };
    for (const id of ['a-1', 'a-2']) {
      await rig.journal.enter(attempt({ id }), 'probing', { plan });
      const error = { code: 'ATTEMPT_INTERRUPTED', message: 'stopped' } as const;
      await rig.journal.close(ended({ attempt: attempt({ id }), outcome: 'rolledBack', error, to }));
    }
    expect(await rig.journal.interruptions(to.digest)).toBe(2);
    await api.clearQuarantine('1.2.0');
    expect(await rig.journal.interruptions(to.digest)).toBe(0);
  });

  it('keeps a release whose interruptions cannot be forgiven', async () => {
    rig.journal.end();
    expect(await refusal(api.clearQuarantine('1.2.0'))).toBe('JOURNAL_WRITE_FAILED');
    expect(await left()).toHaveLength(3);
  });

  it('clears nothing by a version of several releases', async () => {
    await rig.quarantine.add({
      digest: 'c'.repeat(64),
      version: '1.2.0',
      at: NOW,
      attempt: 'a',
      reason: RECORD,
      evidence: [],
    });
    expect(await refusal(api.clearQuarantine('1.2.0'))).toBe('VERSION_NOT_FOUND');
    await api.clearQuarantine('cccccccc');
    expect(await left()).toHaveLength(3);
  });
});
