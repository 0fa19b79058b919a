import type { Plan, PlanDocument, PlanStep } from '../../../../src/statechart/plans/index.ts';

/** The transitions that a plan takes, in order. */
function transitionsOf(plan: Plan, byWay: ReadonlyMap<string, Plan>): string[] {
  return plan.steps.flatMap((_, index) => {
    const step = byWay.get(keyOf(plan.steps.slice(0, index + 1)));
    return step === undefined ? [] : [step.transition ?? [], step.then].flat();
  });
}

const keyOf = (steps: readonly PlanStep[]): string => JSON.stringify(steps);

/**
 * A few of the plans that together take every transition which all of them take: those of the farthest transitions, which take
 * the nearer ones on their way. Stops take none, and are all chosen.
 */
export function everyTransition({ plans }: Pick<PlanDocument, 'plans'>): Plan[] {
  const byWay = new Map(plans.map((plan) => [keyOf(plan.steps), plan]));
  const left = new Set(plans.flatMap((plan) => transitionsOf(plan, byWay)));
  const farthest = plans.toSorted((a, b) => b.steps.length - a.steps.length);
  const chosen = new Set(plans.filter(({ kind }) => kind === 'stop'));
  for (const plan of farthest) {
    const fresh = transitionsOf(plan, byWay).filter((transition) => left.has(transition));
    // For the sake of its own transition, or what follows from it: what is on the way is another plan's own.
    if (![plan.transition, ...plan.then].some((own) => own !== null && fresh.includes(own))) continue;
    chosen.add(plan);
    for (const transition of fresh) left.delete(transition);
  }
  return plans.filter((plan) => chosen.has(plan));
}
