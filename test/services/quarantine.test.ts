import { beforeEach, describe, expect, it } from 'vitest';
import { ERROR_CODES, type ErrorCode } from '../../src/error-codes.ts';
import { UpdateError } from '../../src/errors.ts';
import { deservesQuarantine, quarantine } from '../../src/services/quarantine.ts';
import type { Verdict } from '../../src/steps.ts';
import type { Plan } from '../../src/types.ts';
import { attempt, NEW, OLD, PLAN, stored } from '../machines/values.ts';
import { createRig, NEVER, NOW, type Rig } from './rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = createRig();
});
const other = stored('1.3.0', 'e');
const verdict = (code: ErrorCode, interruptions = 0): Verdict => ({
  error: { code, message: 'why' },
  evidence: ['seen'],
  interruptions,
});
const run = (judged: Verdict, plan: Plan = PLAN): Promise<{ quarantined: boolean }> =>
  quarantine(rig)({ attempt: attempt(), plan, verdict: judged }, NEVER);

describe('what deserves quarantine', () => {
  it.each<ErrorCode>([
    'PROBE_TIMEOUT',
    'PROBE_EXITED',
    'CRASH_LOOP',
    'WORKLOAD_START_FAILED',
    'ROLLED_BACK_BY_OPERATOR',
  ])('%s does', (code) => {
    expect(deservesQuarantine(verdict(code))).toBe(true);
  });

  it.each<ErrorCode>([
    'PROBE_ADDRESS_TAKEN',
    'WORKLOAD_SPAWN_FAILED',
    'WORKLOAD_STOP_FAILED',
    'JOURNAL_WRITE_FAILED',
    'STAGE_FAILED',
    'DISK_FULL',
    'CANCELLED',
    'INTERNAL',
  ])('%s does not: it is not the release’s doing', (code) => {
    expect(deservesQuarantine(verdict(code))).toBe(false);
  });

  it.each([
    [0, false],
    [1, false],
    [2, true],
    [3, true],
  ])('%i interruptions: %s', (count, deserved) => {
    expect(deservesQuarantine(verdict('ATTEMPT_INTERRUPTED', count))).toBe(deserved);
  });

  it('is whatever the table of codes blames on the release', () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[])
      if (ERROR_CODES[code].blames === 'release') expect(deservesQuarantine(verdict(code)), code).toBe(true);
  });
});

describe('quarantine', () => {
  it('records the release with the evidence', async () => {
    expect(await run(verdict('PROBE_TIMEOUT'))).toEqual({ quarantined: true });
    expect(await rig.quarantine.list()).toEqual([
      {
        digest: NEW.digest,
        version: NEW.version,
        at: NOW,
        attempt: 'a-1',
        reason: { code: 'PROBE_TIMEOUT', message: 'why' },
        evidence: ['seen'],
      },
    ]);
  });

  it('records nothing of a release that is not to blame', async () => {
    expect(await run(verdict('PROBE_ADDRESS_TAKEN'))).toEqual({ quarantined: false });
    expect(await rig.quarantine.list()).toEqual([]);
  });

  it('records nothing of the program that was there before any update', async () => {
    expect(
      await run(verdict('CRASH_LOOP'), { from: OLD, to: { origin: 'baseline', version: '0.9.0' } }),
    ).toEqual({ quarantined: false });
  });

  it('can be run again', async () => {
    await run(verdict('PROBE_TIMEOUT'));
    await rig.clock.advance(1_000);
    expect(await run(verdict('PROBE_TIMEOUT'))).toEqual({ quarantined: true });
    expect(await rig.quarantine.list()).toMatchObject([{ at: NOW }]);
  });

  it('is owed whatever keeps it from its end: a fault of the program too', async () => {
    const bug = new TypeError('a bug');
    rig.gate.release = () => Promise.reject(bug);
    await expect(run(verdict('PROBE_TIMEOUT'))).rejects.toMatchObject({
      code: 'QUARANTINE_FAILED',
      message: 'could not end the attempt: a bug',
      cause: bug,
    });
    // What could be recorded is.
    expect(await rig.quarantine.list()).toMatchObject([{ digest: NEW.digest }]);
  });

  it('records what earlier attempts owe, those first', async () => {
    const earlier = {
      attempt: attempt({ id: 'a-0' }),
      plan: { from: OLD, to: other },
      verdict: verdict('PROBE_EXITED'),
    };
    await quarantine(rig)(
      { attempt: attempt(), plan: PLAN, verdict: verdict('INTERNAL'), owed: [earlier] },
      NEVER,
    );
    expect(await rig.quarantine.list()).toMatchObject([
      { digest: other.digest, attempt: 'a-0', reason: { code: 'PROBE_EXITED' } },
    ]);
  });

  it('frees the gate, even when it cannot write', async () => {
    await rig.gate.pass(attempt(), PLAN, NEVER);
    const fault = new UpdateError('QUARANTINE_FAILED', 'no space');
    rig.quarantine.add = () => Promise.reject(fault);
    await expect(run(verdict('PROBE_TIMEOUT'))).rejects.toBe(fault);
    expect(rig.gate.held.size).toBe(0);
  });
});

describe('the hook after a rollback', () => {
  const facts = {
    attempt: attempt(),
    plan: PLAN,
    outcome: 'rolledBack',
    error: { code: 'PROBE_TIMEOUT', message: 'why' },
  };

  it('is run when all is done, with the reason', async () => {
    await rig.gate.pass(attempt(), PLAN, NEVER);
    rig.hooks.meanwhile = async () => {
      expect(await rig.quarantine.list()).toHaveLength(1);
      expect(rig.gate.held.size).toBe(0);
    };
    await run(verdict('PROBE_TIMEOUT'));
    expect(rig.hooks.runs).toEqual([{ hook: 'post_rollback', facts }]);
  });

  it('that fails is a warning, and changes nothing', async () => {
    rig.hooks.faults.set('post_rollback', new UpdateError('HOOK_FAILED', 'exit code 1'));
    expect(await run(verdict('PROBE_TIMEOUT'))).toEqual({ quarantined: true });
    expect(rig.reporter.warnings()).toEqual([{ code: 'HOOK_FAILED', message: 'exit code 1' }]);
  });

  it('is run though the quarantine cannot be written: the host has gone back all the same', async () => {
    rig.quarantine.add = () => Promise.reject(new UpdateError('QUARANTINE_FAILED', 'no space'));
    rig.hooks.faults.set('post_rollback', new UpdateError('HOOK_FAILED', 'exit code 1'));
    await expect(run(verdict('PROBE_TIMEOUT'))).rejects.toMatchObject({ code: 'QUARANTINE_FAILED' });
    expect(rig.hooks.runs).toMatchObject([{ hook: 'post_rollback' }]);
  });
});
