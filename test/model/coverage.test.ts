import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { updateMachine } from '../../src/machines/update.machine.ts';
import {
  coverageOf,
  generatePlans,
  readTaken,
  updateSubject,
  type PlanDocument,
} from '../../src/statechart/plans/index.ts';
import { copyWith, UPDATE_STATES } from './support/driver-copy.ts';
import { recordTransitions } from './support/driver-coverage.ts';
import { readPlans } from './support/driver-document.ts';
import { runPlan } from './support/driver.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'statechart-coverage-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** Runs plans, and reads back what they left on disk. */
async function covered(machine: AnyStateMachine, document: PlanDocument, plans: PlanDocument['plans']) {
  const record = recordTransitions('machine', 'update', folder);
  for (const plan of plans) record((await runPlan(machine, document, plan)).taken);
  const file = join(folder, `machine-update-${String(process.pid)}.jsonl`);
  return coverageOf(document, readTaken(await readFile(file, 'utf8')));
}

const missing = ({ transitions }: Awaited<ReturnType<typeof covered>>): string[] =>
  transitions.filter(({ levels }) => levels.length === 0).map(({ id }) => id);

describe('what the plans cover', () => {
  it('is every transition, once each transition’s own plan was run', async () => {
    const document = await readPlans('update');
    const one = document.transitions.map(({ id }) =>
      document.plans.find(({ transition }) => transition === id)!,
    );
    expect(missing(await covered(updateMachine, document, one))).toEqual([]);
  });

  it('is all but one, where that one’s plans are left out', async () => {
    const document = await readPlans('update');
    const without = document.plans.filter(({ steps }) =>
      steps.every((step) => step.do !== 'resolve' || step.service !== 'quarantine'),
    );
    expect(missing(await covered(updateMachine, document, without))).toEqual([
      'rolledBack/quarantine.done/otherwise',
    ]);
  });

  it('lacks a transition that is added to the machine, until its new plan is run', async () => {
    const before = await readPlans('update');
    const { failed } = UPDATE_STATES;
    const on = { ...(failed?.['on'] as object), APPLY: 'recovering' };
    const machine = copyWith({ failed: { ...failed, on } });
    const after = generatePlans({ ...updateSubject, machine });

    // The plans of before still say that APPLY is ignored in `failed`, and the machine does not keep to it.
    const stale = before.plans.find(({ id }) => id === 'failed/send/APPLY/ignored')!;
    await expect(runPlan(machine, before, stale)).rejects.toThrow(/failed\/send\/APPLY\/ignored/);
    const rest = before.plans.filter(({ id }) => id !== stale.id);
    expect(missing(await covered(machine, after, rest))).toEqual(['failed/APPLY/otherwise']);

    const fresh = after.plans.filter(({ id }) => !before.plans.some((plan) => plan.id === id));
    expect(fresh.map(({ id }) => id)).toEqual(['failed/send/APPLY']);
    expect(missing(await covered(machine, after, fresh))).toEqual([]);
  });
});

describe('the recorder', () => {
  it('writes each transition once, at once, and goes on when its folder was deleted', async () => {
    const record = recordTransitions('walk', 'update', folder);
    const file = join(folder, `walk-update-${String(process.pid)}.jsonl`);
    record(['a', 'b', 'a']);
    record(['b']);
    expect(readTaken(await readFile(file, 'utf8')).map(({ transition }) => transition)).toEqual(['a', 'b']);
    await rm(folder, { recursive: true });
    record(['c']);
    expect(readTaken(await readFile(file, 'utf8')).map(({ transition }) => transition)).toEqual(['c']);
    await writeFile(file, '');
  });
});
