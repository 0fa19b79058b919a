/**
 * Makes the plans of a machine: one for every transition, for both sides of every guard, for every code of every service, for
 * every event in every state, and for a stop in every state. Nothing here names a state.
 *
 * Invariant: what the machine has and no plan takes is an error (`PlanGapError`), not a plan less.
 */
import { ERROR_CODES } from '../../error-codes.ts';
import {
  explore,
  nodeOf,
  servicesOf,
  type Explorer,
  type Move,
  type Place,
  type Reached,
} from './explore.ts';
import type { Plan, PlanDocument, PlanKind, PlanStep } from './format.ts';
import { gapsOf, PlanGapError } from './gaps.ts';
import type { Facts, PlanSubject } from './subject.ts';
import { allTransitions, describeTransition, guardName, siblings, transitionId } from './transitions.ts';

const stateOf = ({ snapshot }: Place): string => String(snapshot.value);

/** What a move did: which branch it took, and what the guards said. */
interface Result {
  readonly branch: string;
  readonly guards: Readonly<Record<string, boolean>>;
  /** How many transitions the state has for the event. */
  readonly choices: number;
  readonly then: readonly string[];
}

function resultOf(subject: PlanSubject, explorer: Explorer, before: Place, move: Move, after: Place): Result {
  const [first, ...then] = after.taken;
  const source = first?.source ?? nodeOf(subject.machine, before.snapshot);
  const candidates = siblings(source, explorer.eventOf(move).type);
  const guards: Record<string, boolean> = {};
  for (const candidate of candidates) {
    const name = guardName(candidate);
    if (name !== null) guards[name] = candidate === first;
    if (candidate === first) break;
  }
  return {
    guards,
    branch: first === undefined ? 'ignored' : (guardName(first) ?? 'otherwise'),
    choices: candidates.length,
    then: then.map(transitionId),
  };
}

function changes(before: Facts, after: Facts): Pick<PlanStep, 'ended' | 'paused'> {
  const { ended, paused } = after;
  const isNew = ended !== null && JSON.stringify(ended) !== JSON.stringify(before.ended);
  return { ...(isNew ? { ended } : {}), ...(paused === before.paused ? {} : { paused }) };
}

function stepOf(subject: PlanSubject, before: Place, move: Move, after: Place, result: Result): PlanStep {
  const { samples, events, factsOf } = subject;
  const { branch, guards } = result;
  const sample = (
    of: readonly { readonly name: string; readonly inject: string }[] | undefined,
    name: string,
  ) => of?.find((each) => each.name === name)?.inject ?? name;
  const common = {
    branch,
    ...(Object.keys(guards).length === 0 ? {} : { guards }),
    expect: stateOf(after),
    ...changes(factsOf(before.snapshot.context), factsOf(after.snapshot.context)),
  };
  switch (move.type) {
    case 'resolve': {
      const { service, case: name } = move;
      return { do: 'resolve', service, case: name, inject: sample(samples[service], name), ...common };
    }
    case 'reject': {
      const { service, code } = move;
      const inject = `${service} rejects with ${code}: ${ERROR_CODES[code].means}`;
      return { do: 'reject', service, code, inject, ...common };
    }
    case 'send': {
      const { event, case: name } = move;
      const accepted = branch !== 'ignored';
      return { do: 'send', event, case: name, accepted, inject: sample(events[event], name), ...common };
    }
  }
}

function idOf(subject: PlanSubject, before: Place, move: Move, { branch, choices, then }: Result): string {
  const several = servicesOf(nodeOf(subject.machine, before.snapshot)).length > 1;
  const end = (how: string): string => (several && move.type !== 'send' ? `${move.service}.${how}` : how);
  const parts = ((): (string | null)[] => {
    const way = branch === 'otherwise' ? null : branch;
    switch (move.type) {
      case 'resolve':
        return [end('done'), way, move.case === branch ? null : move.case];
      case 'reject':
        return [end('error'), move.code, way];
      case 'send': {
        if (branch === 'ignored') return ['send', move.event, branch];
        const first = subject.events[move.event]?.[0]?.name === move.case;
        return ['send', move.event, choices > 1 ? way : null, first ? null : move.case];
      }
    }
  })();
  return [stateOf(before), ...parts.filter((part) => part !== null), ...then].join('/');
}

const kindOf = (move: Move, { branch }: Result): PlanKind => {
  if (branch === 'ignored') return 'ignored';
  return move.type === 'resolve' ? 'done' : move.type === 'reject' ? 'error' : 'event';
};

/** Where a step leads, for the title. */
function outcome(from: string, step: PlanStep): string {
  const end = step.ended === undefined ? '' : `, ${step.ended.outcome}`;
  return `${step.expect === from ? `${from} stays` : step.expect}${end}`;
}

function titleOf(from: string, step: PlanStep): string {
  const what = ((): string => {
    switch (step.do) {
      case 'resolve':
        return `${step.service} is done (${step.case})`;
      case 'reject':
        return `${step.service} fails with ${step.code}`;
      case 'send':
        return `${step.event}${step.accepted ? '' : ' is ignored'}`;
      case 'stop':
        return 'the daemon is stopped';
    }
  })();
  return `${from}: ${what} → ${outcome(from, step)}`;
}

function plansAt(subject: PlanSubject, explorer: Explorer, { place, way }: Reached): Plan[] {
  const steps: PlanStep[] = [];
  let here = explorer.initial;
  for (const move of way) {
    const after = explorer.take(here, move);
    steps.push(stepOf(subject, here, move, after, resultOf(subject, explorer, here, move, after)));
    here = after;
  }
  const from = stateOf(place);
  const plans = explorer.moves(here).map((move): Plan => {
    const after = explorer.take(here, move);
    const result = resultOf(subject, explorer, here, move, after);
    const step = stepOf(subject, here, move, after, result);
    const [first, ...then] = after.taken.map(transitionId);
    return {
      id: idOf(subject, here, move, result),
      title: titleOf(from, step),
      kind: kindOf(move, result),
      transition: first ?? null,
      then,
      from,
      to: stateOf(after),
      steps: [...steps, step],
    };
  });
  const services = servicesOf(nodeOf(subject.machine, here.snapshot))
    .filter(({ id }) => !here.spent.includes(id))
    .map(({ service }) => service);
  const stop: PlanStep = {
    do: 'stop',
    services,
    inject: `the daemon is stopped in good order while it is in \`${from}\``,
    expect: from,
  };
  return [
    ...plans,
    {
      id: `${from}/stop`,
      title: titleOf(from, stop),
      kind: 'stop',
      transition: null,
      then: [],
      from,
      to: from,
      steps: [...steps, stop],
    },
  ];
}

const named = (
  of: readonly { readonly name: string; readonly inject: string }[],
  valueOf: (name: string) => unknown,
): PlanDocument['samples'][string] =>
  Object.fromEntries(
    of.map(({ name, inject }) => [
      name,
      { inject, value: JSON.parse(JSON.stringify(valueOf(name))) as never },
    ]),
  );

/**
 * Makes the document of a machine's plans.
 *
 * @throws PlanGapError where the machine has something that no plan takes: what it lacks is named
 * @example
 * generatePlans(updateSubject).plans.filter(({ from }) => from === 'verifying');
 */
export function generatePlans(subject: PlanSubject): PlanDocument {
  const { machine } = subject;
  const explorer = explore(subject);
  const plans = new Map<string, Plan>();
  const order = Object.keys(machine.states);
  const reached = explorer.reach();
  for (const each of reached)
    for (const plan of plansAt(subject, explorer, each)) if (!plans.has(plan.id)) plans.set(plan.id, plan);
  const transitions = allTransitions(machine).map(describeTransition);
  const document: PlanDocument = {
    schema: 1,
    machine: machine.id,
    initial: stateOf(explorer.initial),
    states: order,
    transitions,
    samples: Object.fromEntries(
      Object.entries(subject.samples).map(([service, of]) => [
        service,
        named(of, (name) => of.find((each) => each.name === name)?.output),
      ]),
    ),
    events: Object.fromEntries(
      Object.entries(subject.events).map(([type, of]) => [
        type,
        named(of, (name) => of.find((each) => each.name === name)?.event),
      ]),
    ),
    plans: [...plans.values()].sort((a, b) => order.indexOf(a.from) - order.indexOf(b.from)),
  };
  const gaps = gapsOf(subject, document);
  if (gaps.length > 0) throw new PlanGapError(machine.id, gaps);
  return document;
}
