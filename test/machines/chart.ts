import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate';

/** `checking check.done 1`: state (`*` for any), event, and which of the transitions for that event. */
export function transitionName(transition: AnyTransitionDefinition): string {
  const { source } = transition;
  const eventType: string = transition.eventType;
  const event = eventType.replace(/^xstate\.(done|error)\.actor\.(.+)$/, '$2.$1');
  const siblings = event === '' ? (source.always ?? []) : (source.transitions.get(eventType) ?? []);
  return `${source.parent === undefined ? '*' : source.key} ${event === '' ? 'always' : event} ${String(siblings.indexOf(transition))}`;
}

/** Every transition that a flat machine can take. */
export function transitionsOf(machine: AnyStateMachine): AnyTransitionDefinition[] {
  const { root } = machine;
  return [root, ...Object.values(root.states)].flatMap((state: AnyStateNode) => [
    ...[...state.transitions.values()].flat(),
    ...(state.always ?? []),
  ]);
}

/** The states that a transition leads to; its own state when it has no target. */
export function targetsOf(transition: AnyTransitionDefinition): string[] {
  return transition.target?.map(({ key }) => key) ?? [transition.source.key];
}
