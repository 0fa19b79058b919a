/**
 * Every plan of the update machine and of the workload machine, on the machine itself with services that do what the plan says.
 * The plans come from `core statechart paths --format json`, so what is published is what is run.
 */
import { afterAll, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/error-codes.ts';
import { updateMachine } from '../../src/machines/update.machine.ts';
import { workloadMachine } from '../../src/machines/workload.machine.ts';
import type { StepName } from '../../src/steps.ts';
import { isListed } from './support/driver-codes.ts';
import { recordTransitions } from './support/driver-coverage.ts';
import { readPlans } from './support/driver-document.ts';
import { expectInvariants } from './support/driver-invariants.ts';
import { runPlan } from './support/driver.ts';

const update = await readPlans('update');
const workload = await readPlans('workload');

describe('the update machine', () => {
  const record = recordTransitions('machine', 'update');
  const taken = new Set<string>();

  describe.each(update.states)('%s', (state) => {
    const plans = update.plans.filter(({ from }) => from === state);

    it.each(plans.map((plan) => [plan.id, plan] as const))('%s', async (_, plan) => {
      const run = await runPlan(updateMachine, update, plan);
      expectInvariants(run);
      for (const step of plan.steps)
        if (step.do === 'reject')
          expect(isListed(step.service as StepName, step.code as ErrorCode), step.inject).toBe(true);
      run.taken.forEach((transition) => taken.add(transition));
      record(run.taken);
    });
  });

  afterAll(() => {
    const missing = update.transitions.map(({ id }) => id).filter((id) => !taken.has(id));
    expect(missing, 'transitions that no plan took').toEqual([]);
  });
});

describe('the workload machine', () => {
  const record = recordTransitions('machine', 'workload');
  const taken = new Set<string>();

  it.each(workload.plans.map((plan) => [plan.id, plan] as const))('%s', async (_, plan) => {
    const run = await runPlan(workloadMachine, workload, plan);
    for (const { context } of run.moments)
      expect(JSON.parse(JSON.stringify(context)), 'the context is JSON').toStrictEqual(context);
    run.taken.forEach((transition) => taken.add(transition));
    record(run.taken);
  });

  afterAll(() => {
    const missing = workload.transitions.map(({ id }) => id).filter((id) => !taken.has(id));
    expect(missing, 'transitions that no plan took').toEqual([]);
  });
});
