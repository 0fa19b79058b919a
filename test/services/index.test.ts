import { beforeEach, describe, expect, it } from 'vitest';
import { createActor, type PromiseActorLogic } from 'xstate';
import { UpdateError } from '../../src/errors.ts';
import { services, type StepEvent, type UpdateActors } from '../../src/services/index.ts';
import type { StepName, Steps } from '../../src/steps.ts';
import type { StateName } from '../../src/types.ts';
import { settle } from '../machines/scripted.ts';
import {
  attempt,
  DOWNLOADED,
  EVIDENCE,
  NEW,
  OFFER,
  OLD,
  PLAN,
  RELEASE,
  VERDICT,
  VERIFIED,
} from '../machines/values.ts';
import { createRig, SETTINGS, type Rig } from './rig.ts';

let rig: Rig;
let events: StepEvent[];
let actors: UpdateActors;
let settled: () => Promise<void>;
beforeEach(() => {
  rig = createRig();
  events = [];
  ({ actors, settled } = services(rig, SETTINGS, (event) => events.push(event)));
});

interface Run {
  readonly result: Promise<unknown>;
  stop(): void;
}

/** Runs a step as the machine does. */
function start<Name extends StepName>(step: Name, input: Steps[Name]['input']): Run {
  const actor = createActor(actors[step] as PromiseActorLogic<unknown>, { input });
  const result = new Promise((resolve, reject) => {
    actor.subscribe({
      next: ({ status, output }) => {
        if (status === 'done') resolve(output);
      },
      error: reject,
    });
  });
  // Some tests look at the observer only.
  result.catch(() => undefined);
  actor.start();
  return {
    result,
    stop: () => {
      actor.stop();
    },
  };
}
const about = attempt();
const INPUTS: { [Name in StepName]: Steps[Name]['input'] } = {
  recover: { watch: null },
  schedule: { ended: null, paused: null, watch: null },
  watch: { watch: null },
  check: { attempt: about },
  download: { attempt: about, offer: OFFER },
  verify: { attempt: about, offer: OFFER, downloaded: DOWNLOADED },
  stage: { attempt: about, downloaded: DOWNLOADED, verified: VERIFIED },
  gate: { attempt: about, offer: OFFER, release: RELEASE },
  swap: { attempt: about, plan: PLAN },
  overlap: { attempt: about, plan: PLAN },
  drain: { attempt: about, plan: PLAN, pid: 7 },
  handOver: {
    attempt: about,
    plan: PLAN,
    successor: { ref: NEW, sha256: 'd'.repeat(64) },
    afterCommit: false,
  },
  probe: { attempt: about, plan: PLAN, pid: 7 },
  commit: { attempt: about, plan: PLAN, evidence: EVIDENCE },
  rollback: { attempt: about, plan: PLAN, verdict: VERDICT },
  quarantine: { attempt: about, plan: PLAN, verdict: VERDICT },
};
const NAMED = { digest: NEW.digest, version: NEW.version };

describe('the intent', () => {
  it.each<[StepName, StateName, object]>([
    ['check', 'checking', {}],
    ['download', 'downloading', NAMED],
    ['verify', 'verifying', NAMED],
    ['stage', 'staging', NAMED],
    ['gate', 'waiting', NAMED],
    ['swap', 'swapping', { plan: PLAN, ...NAMED }],
    ['probe', 'probing', { plan: PLAN, ...NAMED }],
    ['commit', 'committed', { plan: PLAN, ...NAMED }],
    ['rollback', 'rollingBack', { plan: PLAN, ...NAMED, error: VERDICT.error, interruptions: 0 }],
    ['quarantine', 'rolledBack', { plan: PLAN, ...NAMED, error: VERDICT.error, interruptions: 0 }],
  ])('of %s says %s, and what is known', async (step, state, facts) => {
    let written: unknown = null;
    rig.journal.enter = async (...entered) => {
      written = entered;
      // Nothing of the state has been done yet.
      expect([rig.calls, rig.feed.requests, rig.reporter.reports, events]).toEqual([[], [], [], []]);
    };
    const run = start(step, INPUTS[step]);
    await settle();
    run.stop();
    expect(written).toStrictEqual([about, state, facts]);
  });

  it.each<StepName>(['recover', 'schedule', 'watch'])('is not written for %s', async (step) => {
    const run = start(step, INPUTS[step]);
    await settle();
    run.stop();
    expect(await rig.journal.inFlight()).toBeNull();
  });

  it('names no release for a local bundle that is not verified yet', async () => {
    const run = start('download', {
      attempt: about,
      offer: { source: { kind: 'file', path: '/x' }, release: null, channel: null },
    });
    await settle();
    run.stop();
    expect(await rig.journal.inFlight()).toMatchObject({ state: 'downloading', facts: {} });
    expect((await rig.journal.inFlight())?.facts.digest).toBeUndefined();
  });

  it('names no digest of a rollback from the program that was there before', async () => {
    const plan = { from: OLD, to: rig.store.baseline };
    const run = start('rollback', { ...INPUTS.rollback, plan });
    await settle();
    run.stop();
    expect((await rig.journal.inFlight())?.facts).toEqual({ plan, error: VERDICT.error, interruptions: 0 });
  });

  it.each<[string, () => Run]>([
    [
      'of an offer',
      () => start('gate', { ...INPUTS.gate, offer: { ...OFFER, note: 'took the full bundle' } }),
    ],
    [
      'of a verified bundle, which came with none',
      () => start('stage', { ...INPUTS.stage, verified: { ...VERIFIED, note: 'took the full bundle' } }),
    ],
  ])('keeps the note %s', async (_, begin) => {
    const run = begin();
    await settle();
    run.stop();
    expect((await rig.journal.inFlight())?.facts).toStrictEqual({ ...NAMED, note: 'took the full bundle' });
  });

  it.each(['rollback', 'quarantine'] as const)('of %s keeps what earlier attempts owe', async (step) => {
    let facts: unknown = null;
    rig.journal.enter = async (_attempt, _state, entered) => void (facts = entered);
    const earlier = attempt({ id: 'a-0' });
    const run = start(step, {
      ...INPUTS[step],
      owed: [{ attempt: earlier, plan: PLAN, verdict: { ...VERDICT, interruptions: 1 } }],
    });
    await settle();
    run.stop();
    expect(facts).toMatchObject({
      owed: [{ attempt: earlier, plan: PLAN, error: VERDICT.error, interruptions: 1 }],
    });
  });

  it('that cannot be written for an unknown reason is named as such', async () => {
    rig.journal.enter = () => Promise.reject(new Error('EIO'));
    await expect(start('check', INPUTS.check).result).rejects.toMatchObject({
      code: 'JOURNAL_WRITE_FAILED',
      message: 'EIO',
    });
  });

  it.each<StepName>(['check', 'download', 'verify', 'stage', 'gate', 'swap', 'probe'])(
    'that cannot be written stops %s',
    async (step) => {
      rig.journal.end();
      await expect(start(step, INPUTS[step]).result).rejects.toMatchObject({ code: 'JOURNAL_WRITE_FAILED' });
      expect(rig.calls).toEqual([]);
      expect(rig.feed.requests).toEqual([]);
      expect(events).toMatchObject([{ step, phase: 'failed', error: { code: 'JOURNAL_WRITE_FAILED' } }]);
    },
  );

  it.each<StepName>(['commit', 'rollback', 'quarantine'])(
    'that cannot be written does not stop %s',
    async (step) => {
      rig.journal.end();
      const run = start(step, INPUTS[step]);
      await settle();
      expect(events[0]).toMatchObject({ step, phase: 'began' });
      expect(rig.reporter.warnings()[0]).toMatchObject({ code: 'JOURNAL_WRITE_FAILED' });
      run.stop();
    },
  );
});

describe('the door', () => {
  it('gives the service’s output', async () => {
    expect(await start('watch', { watch: null }).result).toEqual({ saw: 'nothing' });
    expect(await start('quarantine', INPUTS.quarantine).result).toEqual({ quarantined: true });
  });

  it('passes an UpdateError on as it is', async () => {
    rig.feed.fault = new UpdateError('FEED_REDIRECTED', 'moved', { evidence: ['Location: x'] });
    await expect(start('check', INPUTS.check).result).rejects.toBe(rig.feed.fault);
  });

  it('makes INTERNAL of anything else, and keeps the cause', async () => {
    const boom = new Error('boom');
    rig.store.mark = () => Promise.reject(boom);
    rig.gate.release = () => Promise.reject(boom);
    await expect(start('commit', INPUTS.commit).result).rejects.toMatchObject({
      code: 'INTERNAL',
      message: 'boom',
      cause: boom,
    });
  });

  it('says CANCELLED when the state was left', async () => {
    const run = start('schedule', INPUTS.schedule);
    await settle();
    run.stop();
    await settle();
    expect(events.at(-1)).toMatchObject({
      phase: 'failed',
      error: { code: 'CANCELLED', message: 'idle was left before it was done' },
    });
  });

  it('says CANCELLED whatever the service rejected with then', async () => {
    const aborted = new Error('aborted');
    rig.gate.pass = (_attempt, _plan, signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reject(aborted);
        });
      });
    const run = start('gate', INPUTS.gate);
    await settle();
    run.stop();
    await settle();
    expect(events.at(-1)).toMatchObject({
      step: 'gate',
      phase: 'failed',
      error: { code: 'CANCELLED', cause: aborted },
    });
  });
});

describe('the observer', () => {
  it('hears that a step began and that it is done, with the time it took', async () => {
    // However long the daemon has run.
    await rig.clock.advance(9_000);
    rig.probe.script = [500, 200];
    const run = start('probe', INPUTS.probe);
    await rig.clock.advance(1_000);
    await run.result;
    expect(events).toEqual([
      { step: 'probe', state: 'probing', attempt: about, phase: 'began' },
      { step: 'probe', state: 'probing', attempt: about, phase: 'done', tookMs: 1_000 },
    ]);
  });

  it('hears why a step failed', async () => {
    rig.feed.fault = new UpdateError('FEED_STALLED', 'nothing for 30 s');
    await start('check', INPUTS.check).result.catch(() => undefined);
    expect(events).toMatchObject([
      { phase: 'began' },
      { phase: 'failed', tookMs: 0, error: { code: 'FEED_STALLED' } },
    ]);
  });

  it.each<[StepName, StateName]>([
    ['recover', 'recovering'],
    ['schedule', 'idle'],
    ['watch', 'idle'],
  ])('hears of %s, which is of no attempt', async (step, state) => {
    const run = start(step, INPUTS[step]);
    await settle();
    run.stop();
    expect(events[0]).toEqual({ step, state, attempt: null, phase: 'began' });
  });
});

it('provides every step', () => {
  expect(Object.keys(actors).sort()).toEqual(Object.keys(INPUTS).sort());
});

describe('settled', () => {
  it('resolves at once when no step runs', async () => {
    await settled();
    await start('watch', { watch: null }).result;
    await settled();
  });

  it('waits for a step that was left and is not done yet', async () => {
    const writing = Promise.withResolvers<undefined>();
    rig.store.mark = () => writing.promise;
    const run = start('commit', INPUTS.commit);
    await settle();
    run.stop();
    const seen: string[] = [];
    const over = settled().then(() => seen.push('settled'));
    await settle();
    expect(seen).toEqual([]);
    writing.resolve(undefined);
    await over;
    expect(events.map(({ phase }) => phase)).toContain('began');
  });
});
