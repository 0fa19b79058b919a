/** Names for the transitions of a machine, the same wherever a transition is seen: in a plan, in an actor that runs. */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate';
import type { PlanTransition } from './format.ts';

const ACTOR = /^xstate\.(done|error)\.actor\.(.+)$/s;

/** A guard's name; null where there is none. */
export function guardName({ guard }: Pick<AnyTransitionDefinition, 'guard'>): string | null {
  const given: unknown = guard;
  if (given === undefined || given === null) return null;
  if (typeof given === 'string') return given;
  if (typeof given === 'object' && 'type' in given && typeof given.type === 'string') return given.type;
  throw new TypeError('expected guards with names, found one without: declare it in setup()');
}

/** `check.done`, `check.error`, `CHECK`, `always`. */
export function eventName(source: AnyStateNode, eventType: string): string {
  if (eventType === '') return 'always';
  const [, end, id] = ACTOR.exec(eventType) ?? [];
  if (end === undefined || id === undefined) return eventType;
  const invoked = source.invoke.find((each) => each.id === id);
  return `${typeof invoked?.src === 'string' ? invoked.src : id}.${end}`;
}

/** The transitions of a state for one type of event, in the order in which they are asked. */
export function siblings(source: AnyStateNode, eventType: string): readonly AnyTransitionDefinition[] {
  return eventType === '' ? (source.always ?? []) : (source.transitions.get(eventType) ?? []);
}

/** The state that a transition leads to; its own where it only acts. */
export function targetOf({ source, target }: AnyTransitionDefinition): string {
  return nameOf(target?.[0] ?? source);
}

/** The name of a state; `*` for the machine itself, whose transitions hold in every state that does not name their event. */
export function nameOf(node: AnyStateNode): string {
  return node.parent === undefined ? '*' : node.key;
}

/**
 * `verifying/verify.error/mayTakeFull`: state, event, and the guard or `otherwise`. The same guard twice for one event: `guard:2`.
 *
 * @example
 * createActor(machine, { inspect: (event) => { if (event.type === '@xstate.microstep') event._transitions.map(transitionId); } });
 */
export function transitionId(transition: AnyTransitionDefinition): string {
  const { source } = transition;
  const type = transition.eventType as string;
  const name = guardName(transition) ?? 'otherwise';
  const same = siblings(source, type).filter((each) => (guardName(each) ?? 'otherwise') === name);
  const nth = same.indexOf(transition) + 1;
  return `${nameOf(source)}/${eventName(source, type)}/${nth > 1 ? `${name}:${String(nth)}` : name}`;
}

/** Every transition that a flat machine can take, in its order. */
export function allTransitions(machine: AnyStateMachine): AnyTransitionDefinition[] {
  const { root } = machine;
  return [root, ...Object.values(root.states)].flatMap((state: AnyStateNode) => [
    ...[...state.transitions.values()].flat(),
    ...(state.always ?? []),
  ]);
}

/** A transition as a row of the document. */
export function describeTransition(transition: AnyTransitionDefinition): PlanTransition {
  return {
    id: transitionId(transition),
    from: nameOf(transition.source),
    event: eventName(transition.source, transition.eventType as string),
    guard: guardName(transition),
    to: targetOf(transition),
  };
}
