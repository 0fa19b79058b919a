import { describe, expect, it } from 'vitest';
import { error, failedToRecover, HALF_DONE, harness, NOTHING_LEFT, owing } from './update.harness.ts';
import { attempt, EVIDENCE, PLAN, RECORD, VERDICT, WATCH } from './values.ts';

const PAUSED = { code: 'UPDATES_PAUSED', message: 'a freeze' } as const;
const PAUSE = { type: 'PAUSE', error: PAUSED } as const;
const RESUME = { type: 'RESUME' } as const;
const OLDER = { code: 'UPDATES_PAUSED', message: 'before the restart' } as const;

it('a rollback that ends well lifts no pause but that of an owed quarantine', async () => {
  const h = await harness().reach('idle');
  await h.say('schedule', error('JOURNAL_WRITE_FAILED', 'the disk is full'));
  expect(h.context().paused).toMatchObject({ code: 'JOURNAL_WRITE_FAILED' });
  await h.send({ type: 'ROLLBACK', attempt: attempt({ trigger: 'rollback' }), plan: PLAN, verdict: VERDICT });
  await h.say('rollback', EVIDENCE);
  await h.say('quarantine', { quarantined: true });
  expect(h.state()).toBe('idle');
  expect(h.context()).toMatchObject({
    ended: { outcome: 'rolledBack' },
    paused: { code: 'JOURNAL_WRITE_FAILED', message: 'the disk is full' },
  });
});

describe('an operator’s pause', () => {
  it('outlasts a restart, wherever start-up leads to', async () => {
    for (const recovered of [NOTHING_LEFT, HALF_DONE]) {
      const h = await harness().reach('recovering');
      await h.say('recover', { ...recovered, paused: OLDER });
      expect(h.context().paused).toEqual(OLDER);
    }
  });

  it('that comes during start-up counts, not what start-up had read before', async () => {
    const h = await harness().reach('recovering');
    await h.send(PAUSE);
    await h.say('recover', NOTHING_LEFT);
    expect(h.context().paused).toEqual(PAUSED);
    expect(h.inputs('schedule')).toEqual([{ ended: null, paused: PAUSED, watch: null }]);
  });

  it('that is taken back during start-up is gone, though start-up had read it', async () => {
    const h = await harness().reach('recovering');
    await h.send(RESUME);
    await h.say('recover', { ...NOTHING_LEFT, paused: OLDER });
    expect(h.context().paused).toBeNull();
  });

  it('keeps the attempt under way from nothing once the workload was touched, and holds after it', async () => {
    const h = await harness().reach('swapping');
    await h.send(PAUSE);
    await h.say('swap', { pid: 7 });
    await h.say('probe', EVIDENCE);
    await h.say('commit', WATCH);
    expect(h.context()).toMatchObject({ ended: { outcome: 'committed' }, paused: PAUSED });
    expect(h.inputs('schedule').at(-1)).toMatchObject({ paused: PAUSED });
  });

  it('is told with the reason that was given last', async () => {
    const h = await harness().reach('idle');
    await h.send({ type: 'PAUSE', error: OLDER });
    await h.send(PAUSE);
    expect(h.context().paused).toEqual(PAUSED);
  });

  it('does not hide that a quarantine is owed, and holds once that is written', async () => {
    const h = await owing();
    const owed = h.context().paused;
    expect(owed?.code).toBe('QUARANTINE_FAILED');
    await h.send(PAUSE);
    expect(h.context().paused).toEqual(owed);
    // A crash loop of the version before leads to another rollback, which writes both.
    await h.say('watch', { saw: 'crashLoop', attempt: attempt({ id: 'a-9' }), plan: PLAN, verdict: VERDICT });
    await h.say('rollback', EVIDENCE);
    await h.say('quarantine', { quarantined: true });
    expect(h.context().paused).toEqual(PAUSED);
  });

  it('from before survives that a quarantine could not be written', async () => {
    const h = await harness().reach('recovering');
    await h.say('recover', { ...HALF_DONE, paused: OLDER });
    await h.say('rollback', EVIDENCE);
    await h.say('quarantine', error('QUARANTINE_FAILED', 'full'));
    await h.say('watch', { saw: 'crashLoop', attempt: attempt({ id: 'a-9' }), plan: PLAN, verdict: VERDICT });
    await h.say('rollback', EVIDENCE);
    await h.say('quarantine', { quarantined: true });
    expect(h.context().paused).toEqual(OLDER);
  });

  it('leaves an attempt whose quarantine is owed as ended as it was', async () => {
    const h = await owing();
    const { ended, attempt: under } = h.context();
    await h.send(PAUSE);
    expect(h.context()).toMatchObject({ ended, attempt: under });
  });

  it('does not hide why start-up failed, and holds once it has worked', async () => {
    const h = await failedToRecover();
    await h.send(PAUSE);
    expect(h.context().paused).toMatchObject({ code: 'STATE_DIR_UNUSABLE' });
    await h.send({ type: 'RETRY' });
    await h.say('recover', NOTHING_LEFT);
    expect(h.context().paused).toEqual(PAUSED);
  });

  it('is taken back with a fault that pauses, by one RESUME', async () => {
    const h = await harness().reach('idle');
    await h.send(PAUSE);
    await h.say('schedule', error('INTERNAL'));
    expect(h.context().paused).toMatchObject({ code: 'INTERNAL' });
    await h.send(RESUME);
    expect(h.context()).toMatchObject({ paused: null, held: null });
  });

  it('is not what RESUME takes back in the middle of an attempt, where a fault pauses', async () => {
    const h = await harness().reach('recovering');
    await h.say('recover', { ...NOTHING_LEFT, paused: RECORD });
    await h.send({ type: 'CHECK', attempt: attempt() });
    await h.send(RESUME);
    expect(h.context().paused).toEqual(RECORD);
  });
});
