/** Reads an XState machine's definition into plain data: what the pictures, the JSON and the tables are made from. */
import type { AnyStateMachine, AnyStateNode } from 'xstate';

/** What sets a transition off. `done` and `error` are how an invoked service ended. */
export type TransitionKind = 'done' | 'error' | 'event' | 'after' | 'always';

/** One transition. */
export interface ChartTransition {
  readonly kind: TransitionKind;
  /** For people: `done`, `error`, `CHECK`, `after 1000 ms`, `always`. */
  readonly event: string;
  /** The service whose end it is, for `done` and `error`. */
  readonly service: string | null;
  /** The dotted name of the state that it leads to; null where it stays and only acts. */
  readonly target: string | null;
  /** The guard's name; `else` where earlier transitions of the same event have guards and this one has none. */
  readonly guard: string | null;
  readonly actions: readonly string[];
}

/** One state. */
export interface ChartState {
  /** Its dotted name: `idle`, or `parent.child`. */
  readonly name: string;
  readonly description: string | null;
  /** The services that it invokes. */
  readonly services: readonly string[];
  /** The error codes that each service may reject with, from the state's `meta.rejects`. */
  readonly rejects: Readonly<Record<string, readonly string[]>>;
  readonly entry: readonly string[];
  readonly exit: readonly string[];
  readonly transitions: readonly ChartTransition[];
  readonly final: boolean;
  /** Where a state with states in it starts; null for a plain one. */
  readonly initial: string | null;
  readonly states: readonly ChartState[];
}

/** A machine. */
export interface Chart {
  readonly id: string;
  readonly description: string | null;
  readonly initial: string;
  /** In the order in which the machine declares them. */
  readonly states: readonly ChartState[];
  /** Transitions that hold in every state. */
  readonly anywhere: readonly ChartTransition[];
}

type Definition = AnyStateNode['definition']['transitions'][number];

/** `{ type: 'begin', params }`, `'begin'` or a function, as a name. */
function nameOf(thing: unknown): string {
  if (typeof thing === 'string') return thing;
  if ((typeof thing === 'object' || typeof thing === 'function') && thing !== null) {
    if ('type' in thing && typeof thing.type === 'string') return thing.type.replace(/^xstate\./, '');
    if (typeof thing === 'function' && thing.name !== '') return thing.name;
  }
  return 'inline';
}

const names = (things: readonly unknown[]): string[] => things.map(nameOf);

/** A state's name within its machine: its path, with dots. */
const dotted = (node: AnyStateNode): string => node.path.join('.');

const ACTOR = /^xstate\.(done|error)\.actor\.(.+)$/s;
const AFTER = /^xstate\.after\.([^.]+)\./;

/** The kind and the name of an event, and the service (by invocation id) that it came from. */
function readEvent(
  type: string,
  services: ReadonlyMap<string, string>,
): Pick<ChartTransition, 'kind' | 'event' | 'service'> {
  const [, end, id] = ACTOR.exec(type) ?? [];
  if ((end === 'done' || end === 'error') && id !== undefined)
    return { kind: end, event: end, service: services.get(id) ?? id };
  const [, delay] = AFTER.exec(type) ?? [];
  if (delay !== undefined)
    return { kind: 'after', event: `after ${delay}${/^\d+$/.test(delay) ? ' ms' : ''}`, service: null };
  if (type === '') return { kind: 'always', event: 'always', service: null };
  if (type.startsWith('xstate.done.state.')) return { kind: 'done', event: 'done', service: null };
  return { kind: 'event', event: type === '*' ? 'anything else' : type, service: null };
}

/** Transitions that wait for an event, then those that do not. */
function readTransitions(node: AnyStateNode, services: ReadonlyMap<string, string>): ChartTransition[] {
  const guarded = new Set<string>();
  const { always = [], definition } = node;
  return [...definition.transitions, ...always].map((transition: Definition) => {
    // Any string, though AnyStateNode says `any`.
    const type = String(transition.eventType);
    const guard = transition.guard === undefined ? null : nameOf(transition.guard);
    const fallback = guard === null && guarded.has(type) ? 'else' : null;
    if (guard !== null) guarded.add(type);
    const [target] = transition.target ?? [];
    return {
      ...readEvent(type, services),
      target: target === undefined ? null : dotted(target),
      guard: guard ?? fallback,
      actions: names(transition.actions),
    };
  });
}

/** `meta.rejects`, where a machine has it. */
function rejectsOf(meta: unknown): ChartState['rejects'] {
  if (typeof meta !== 'object' || meta === null || !('rejects' in meta)) return {};
  return meta.rejects as ChartState['rejects'];
}

function readState(node: AnyStateNode): ChartState {
  if (node.type === 'parallel' || node.type === 'history')
    throw new TypeError(`expected plain, compound and final states, found ${node.type} at ${dotted(node)}`);
  const services = new Map(node.invoke.map(({ id, src }) => [id, nameOf(src)]));
  const states = Object.values(node.states).map(readState);
  const [initial] = node.initial.target;
  return {
    name: dotted(node),
    description: node.description ?? null,
    services: [...services.values()],
    rejects: rejectsOf(node.meta),
    entry: names(node.entry),
    exit: names(node.exit),
    transitions: readTransitions(node, services),
    final: node.type === 'final',
    initial: initial === undefined ? null : dotted(initial),
    states,
  };
}

/**
 * Reads a machine.
 *
 * @param machine - any XState 5 machine without parallel and history states
 * @throws TypeError where it has one of those, or no states at all
 */
export function readChart(machine: AnyStateMachine): Chart {
  const { name: _, initial, transitions, states, description } = readState(machine.root);
  if (initial === null) throw new TypeError(`expected a machine with states, found none in ${machine.id}`);
  return { id: machine.id, description, initial, states, anywhere: transitions };
}

/** Every state of a chart, each before the states in it. */
export function allStates({ states }: Pick<Chart, 'states'>): ChartState[] {
  return states.flatMap((state) => [state, ...allStates(state)]);
}
