import { expect, it } from 'vitest';
import { error, harness } from './update.harness.ts';
import { attempt, EVIDENCE, PLAN, VERDICT } from './values.ts';

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
