import { describe, expect, it } from 'vitest';
import { updateMachine } from '../../src/machines/update.machine.ts';
import { allTransitions, transitionId } from '../../src/statechart/plans/transitions.ts';
import { recordTransitions } from './support/driver-coverage.ts';
import { FAULTS } from './support/driver-faults.ts';
import { randomWalks } from './support/driver-walk.ts';

/** Always the same walks here; `npm run walk` takes others. */
const SEED = 20_260_101;

describe('random walks over the update machine', () => {
  it('agree with the reference model, keep every invariant, and take every transition', async () => {
    const { failure, hours, taken } = await randomWalks(updateMachine, 200, { seed: SEED });
    expect(failure === null ? null : `${failure.message}\n${failure.replay}`).toBeNull();
    expect(hours).toBeGreaterThan(1000);
    expect(
      allTransitions(updateMachine)
        .map(transitionId)
        .filter((id) => !taken.has(id)),
    ).toEqual([]);
    recordTransitions('walk')(taken);
  });
});

describe('a machine that is broken on purpose', () => {
  it.each([
    ['probe-gives-up', /expected .*"state":"rollingBack".*found .*"state":"idle"/],
    ['quarantine-forgotten', /expected .*"owing":true.*found .*"owing":false/],
    ['resume-ignored', /expected .*"paused":null.*found .*"paused":"UPDATES_PAUSED"/],
    ['stale-watch', /expected .*"watched":"1\.\d\.0".*found .*"watched":(null|"1\.\d\.0")/],
  ])('is found out: %s, in few commands, and again by its seed', async (fault, message) => {
    const { failure } = await randomWalks(FAULTS[fault]!(), 300, { seed: SEED });
    expect(failure?.message).toMatch(message);
    expect(failure?.commands.length).toBeLessThan(8);
    const again = await randomWalks(FAULTS[fault]!(), 300, failure!.seed);
    expect(again.walks).toBe(1);
    expect(again.failure?.message).toBe(failure?.message);
    expect(again.failure?.commands).toEqual(failure?.commands);
  });
});
