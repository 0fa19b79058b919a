/** What a machine has and its plans do not take. */
import type { AnyStateNode } from 'xstate';
import { servicesOf } from './explore.ts';
import type { PlanDocument } from './format.ts';
import type { PlanSubject, StateMeta } from './subject.ts';

/** Thrown for a machine that cannot be planned whole; says what is missing, and where to add it. */
export class PlanGapError extends Error {
  override readonly name = 'PlanGapError';
  readonly gaps: readonly string[];

  /**
   * @param machine - its id
   * @param gaps - what is missing, a line each
   */
  constructor(machine: string, gaps: readonly string[]) {
    super(`the plans of ${machine} leave something out:\n${gaps.map((gap) => `- ${gap}`).join('\n')}`);
    this.gaps = gaps;
  }
}

function undeclared({ machine, samples, events }: PlanSubject): string[] {
  const gaps: string[] = [];
  const types = new Set<string>(
    [...machine.root.transitions.keys()].filter((type) => !type.startsWith('xstate.')),
  );
  for (const node of Object.values(machine.states as Record<string, AnyStateNode>)) {
    const meta = node.meta as StateMeta | undefined;
    for (const { id, service } of servicesOf(node)) {
      if ((samples[service] ?? []).length === 0)
        gaps.push(`${node.key}: no sample of what ${service} gives back`);
      const canFail = node.transitions.has(`xstate.error.actor.${id}`);
      if (canFail && (meta?.rejects?.[service] ?? []).length === 0)
        gaps.push(`${node.key}: meta.rejects does not say with which codes ${service} rejects`);
      if (!canFail && (meta?.rejects?.[service] ?? []).length > 0)
        gaps.push(`${node.key}: ${service} may reject, and the state has no onError for it`);
    }
    for (const type of node.transitions.keys())
      if (type !== '' && !type.startsWith('xstate.')) types.add(type);
  }
  for (const type of types)
    if ((events[type] ?? []).length === 0) gaps.push(`no sample of the event ${type}`);
  return gaps;
}

/** Codes that a state says a service may reject with, for which no place lets it. */
function unplannedCodes({ machine }: PlanSubject, { plans }: PlanDocument): string[] {
  return Object.values(machine.states as Record<string, AnyStateNode>).flatMap((node) => {
    const meta = node.meta as StateMeta | undefined;
    return Object.entries(meta?.rejects ?? {}).flatMap(([service, codes]) =>
      codes
        .filter(
          (code) =>
            !plans.some(({ from, steps }) => {
              const last = steps.at(-1);
              return (
                from === node.key && last?.do === 'reject' && last.service === service && last.code === code
              );
            }),
        )
        .map((code) => `${node.key}: no plan in which ${service} rejects with ${code}`),
    );
  });
}

/** Guards that are never true, or never false where that is asked. */
function oneSided({ transitions, plans }: PlanDocument): string[] {
  return transitions.flatMap(({ id, from, event, guard }) => {
    if (guard === null || event === 'always') return [];
    const said = plans
      .filter((plan) => plan.from === from)
      .flatMap(({ steps }) => {
        const last = steps.at(-1);
        if (last === undefined || last.do === 'stop') return [];
        const name =
          last.do === 'send' ? last.event : `${last.service}.${last.do === 'resolve' ? 'done' : 'error'}`;
        const answer = last.guards?.[guard];
        return name === event && answer !== undefined ? [answer] : [];
      });
    return [true, false]
      .filter((answer) => !said.includes(answer))
      .map((answer) => `${id}: no sample makes the guard ${guard} ${String(answer)}`);
  });
}

/** Everything that is missing; empty when nothing is. */
export function gapsOf(subject: PlanSubject, document: PlanDocument): string[] {
  const taken = new Set(document.plans.flatMap(({ transition, then }) => [transition, ...then]));
  const reached = new Set(document.plans.map(({ from }) => from));
  return [
    ...undeclared(subject),
    ...document.states.filter((name) => !reached.has(name)).map((name) => `${name}: no sample leads there`),
    ...document.transitions.filter(({ id }) => !taken.has(id)).map(({ id }) => `${id}: no plan takes it`),
    ...unplannedCodes(subject, document),
    ...oneSided(document),
  ];
}
