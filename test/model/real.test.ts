/**
 * The plans of the update machine on the real system (`support/real/run-plan.ts`): as few as take every transition, and every stop.
 * `npm run model` runs all of them.
 */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { recordTransitions } from './support/driver-coverage.ts';
import { readPlans } from './support/driver-document.ts';
import { everyTransition } from './support/real/choose.ts';
import { createPasts, type Pasts } from './support/real/past.ts';
import { runPlan } from './support/real/run-plan.ts';
import { openShelf, type Shelf } from './support/real/shelf.ts';
import { askedBy, causeOf, idleRows } from './support/real/table.ts';

const document = await readPlans('update');
const chosen = process.env['MODEL'] === 'all' ? document.plans : everyTransition(document);

let shelf: Shelf;
let pasts: Pasts;
beforeAll(async () => {
  const { keys, foreignKeys } = inject('built');
  shelf = await openShelf(keys, foreignKeys);
  pasts = createPasts(shelf);
});
afterAll(() => shelf[Symbol.asyncDispose]());

describe('the table of causes', () => {
  it('has a row for everything that the plans ask of the world', () => {
    const steps = document.plans.flatMap((plan) => plan.steps);
    expect([...new Set(steps.filter((step) => causeOf(step) === null).map(askedBy))]).toEqual([]);
  });

  it('has no row that no plan asks for', () => {
    expect(idleRows(document)).toEqual([]);
  });
});

const ran: string[] = [];
const taken = new Set<string>();
const record = recordTransitions('real');

describe.concurrent('on the real system', () => {
  it.each(chosen)('$id', { timeout: 120_000 }, async (plan) => {
    const result = await runPlan(plan, shelf, pasts);
    record(result.taken);
    ran.push(plan.id);
    for (const transition of result.taken) taken.add(transition);
  });
});

describe('the plans that ran', () => {
  it('took every transition of the machine', ({ skip }) => {
    // With a filter (`-t`), or after a failure that is told of already.
    skip(ran.length < chosen.length, 'not all of the chosen plans ran');
    const missing = document.transitions.map(({ id }) => id).filter((id) => !taken.has(id));
    expect(missing).toEqual([]);
  });
});
