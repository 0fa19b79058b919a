/**
 * Walks a machine as a graph (`xstate/graph`): every place that samples of its services and events lead to, each with the
 * shortest way there, and everything that may happen in it.
 */
import {
  createEmptyActor,
  type ActorLogic,
  type AnyActorScope,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type AnyStateNode,
  type AnyTransitionDefinition,
  type EventObject,
} from 'xstate';
import { getShortestPaths } from 'xstate/graph';
import type { ErrorCode } from '../../error-codes.ts';
import { UpdateError } from '../../errors.ts';
import { decisive, recorded, recordedInput } from './recorder.ts';
import type { PlanSubject, StateMeta } from './subject.ts';

/** Something that may happen in a place. */
export type Move = { readonly rare: boolean } & (
  | { readonly type: 'resolve'; readonly service: string; readonly invocation: string; readonly case: string }
  | {
      readonly type: 'reject';
      readonly service: string;
      readonly invocation: string;
      readonly code: ErrorCode;
    }
  | { readonly type: 'send'; readonly event: string; readonly case: string }
);

/** Where a machine is. */
export interface Place {
  /** For `xstate/graph`, which takes a place for a snapshot. */
  readonly status: 'active';
  readonly output: undefined;
  readonly error: undefined;
  readonly snapshot: AnyMachineSnapshot;
  /** Invocations of the state that have ended, though the state lasts. */
  readonly spent: readonly string[];
  /** The transitions that led here, in order. */
  readonly taken: readonly AnyTransitionDefinition[];
}

/** A place with the way there. */
export interface Reached {
  readonly place: Place;
  readonly way: readonly Move[];
}

/** Walks one machine. */
export interface Explorer {
  readonly initial: Place;
  /** What may happen in a place. */
  moves(place: Place): Move[];
  /** What happens then. */
  take(place: Place, move: Move): Place;
  /** The event that the machine sees. */
  eventOf(move: Move): EventObject;
  /** Every place with the shortest way there; those that only a rare world leads to come last. */
  reach(): Reached[];
}

/** More than any machine here makes; so many are a sign that something counts without end. */
const MOST_MOVES = 1_000_000;

/** The node of a flat machine's state. */
export function nodeOf(machine: AnyStateMachine, snapshot: AnyMachineSnapshot): AnyStateNode {
  const node = (machine.states as Record<string, AnyStateNode>)[String(snapshot.value)];
  if (node === undefined)
    throw new TypeError(`expected a flat machine, found ${JSON.stringify(snapshot.value)}`);
  return node;
}

/** The services of a state, by invocation. */
export function servicesOf(node: AnyStateNode): { readonly id: string; readonly service: string }[] {
  return node.invoke.map(({ id, src }) => ({ id, service: typeof src === 'string' ? src : id }));
}

/** The paths of `xstate/graph` begin with its own initial event. */
const isMove = ({ type }: { readonly type: string }): boolean => type !== 'xstate.init';

const leaves = ({ source, target, reenter }: AnyTransitionDefinition): boolean =>
  target !== undefined && (reenter || target.some((each) => each !== source));

/** What a machine needs around it to be asked what it would do: nothing is started, stopped or sent. */
function idleScope(onMicrostep: (taken: readonly AnyTransitionDefinition[]) => void): AnyActorScope {
  const self = createEmptyActor();
  const system = Object.create(self.system, {
    _sendInspectionEvent: {
      value: (event: { type: string; _transitions?: readonly AnyTransitionDefinition[] }) => {
        if (event.type === '@xstate.microstep') onMicrostep(event._transitions ?? []);
      },
    },
  }) as AnyActorScope['system'];
  const nothing = (): void => undefined;
  return {
    self,
    system,
    id: '',
    sessionId: '',
    logger: nothing,
    defer: nothing,
    emit: nothing,
    stopChild: nothing,
    actionExecutor: nothing,
  };
}

/** The same snapshot with another context. */
function withContext(snapshot: AnyMachineSnapshot, context: unknown): AnyMachineSnapshot {
  const copy = Object.create(Object.getPrototypeOf(snapshot) as object) as object;
  return Object.assign(copy, snapshot, { context }) as AnyMachineSnapshot;
}

/**
 * Makes the explorer of a subject.
 *
 * @throws TypeError for machines with states in states
 * @throws RangeError when there is no end of places
 */
export function explore(subject: PlanSubject): Explorer {
  const { machine, samples, events, mayReject = () => true, alike = (value: unknown) => value } = subject;
  const reads = new Set<string>();

  const errors = new Map<string, UpdateError>();
  const eventOf = (move: Move): EventObject => {
    switch (move.type) {
      case 'resolve': {
        const sample = samples[move.service]?.find(({ name }) => name === move.case);
        return { type: `xstate.done.actor.${move.invocation}`, output: sample?.output } as EventObject;
      }
      case 'reject': {
        const { code, service, invocation } = move;
        const error =
          errors.get(`${service} ${code}`) ?? new UpdateError(code, `${service} rejects with ${code}`);
        errors.set(`${service} ${code}`, error);
        return { type: `xstate.error.actor.${invocation}`, error } as EventObject;
      }
      case 'send': {
        const sample = events[move.event]?.find(({ name }) => name === move.case);
        return sample?.event ?? { type: move.event };
      }
    }
  };

  const moves = ({ snapshot, spent }: Place): Move[] => {
    const node = nodeOf(machine, snapshot);
    const meta = node.meta as StateMeta | undefined;
    const found: Move[] = [];
    for (const { id, service } of servicesOf(node)) {
      if (spent.includes(id)) continue;
      const given: unknown = node.invoke.find((each) => each.id === id)?.input;
      const { context } = snapshot as { context: unknown };
      const raw: unknown =
        typeof given === 'function' ? (given as (args: object) => unknown)({ context }) : given;
      const input = recordedInput(raw, context, reads);
      for (const { name, when = () => true, rare = false } of samples[service] ?? [])
        if (when(input as never)) found.push({ type: 'resolve', service, invocation: id, case: name, rare });
      for (const code of meta?.rejects?.[service] ?? [])
        if (mayReject(service, code, input))
          found.push({ type: 'reject', service, invocation: id, code, rare: false });
    }
    for (const [event, of] of Object.entries(events))
      for (const { name } of of) found.push({ type: 'send', event, case: name, rare: false });
    return found;
  };

  let taken: AnyTransitionDefinition[] = [];
  const scope = idleScope((transitions) => taken.push(...transitions));
  const placeOf = (snapshot: AnyMachineSnapshot, spent: readonly string[]): Place => ({
    status: 'active',
    output: undefined,
    error: undefined,
    snapshot,
    spent,
    taken,
  });

  /** What was asked before: the walk is made several times, and the plans ask the same again. */
  const answers = new WeakMap<Place, Map<string, Place>>();

  const take = (place: Place, move: Move): Place => {
    const asked = answers.get(place) ?? new Map<string, Place>();
    answers.set(place, asked);
    const key = JSON.stringify(move);
    const answer = asked.get(key);
    if (answer !== undefined) return answer;
    const after = ask(place, move);
    asked.set(key, after);
    return after;
  };

  const ask = (place: Place, move: Move): Place => {
    const event = eventOf(move);
    const context = recorded(place.snapshot.context, reads);
    // Asked for what the guards read; what is taken is what the machine itself takes, below.
    machine.getTransitionData(withContext(place.snapshot, context), event);
    taken = [];
    const snapshot = machine.transition(place.snapshot, event, scope as never) as AnyMachineSnapshot;
    const ended = move.type === 'send' ? [] : [move.invocation];
    return placeOf(snapshot, taken.some(leaves) ? [] : [...place.spent, ...ended]);
  };

  const initial = placeOf(machine.getInitialSnapshot(scope as never) as AnyMachineSnapshot, []);
  const logic: ActorLogic<Place, Move> = {
    transition: take,
    getInitialSnapshot: () => initial,
    getPersistedSnapshot: (place) => place,
  };
  // What a walk tells places apart by does not change while it lasts; what it finds out counts for the next one.
  let told: { readonly by: readonly string[]; readonly keys: WeakMap<Place, string> } = {
    by: [],
    keys: new WeakMap(),
  };
  const keyOf = (place: Place): string => {
    const known = told.keys.get(place);
    if (known !== undefined) return known;
    const { snapshot, spent } = place;
    const key = `${String(snapshot.value)} ${spent.join()} ${decisive(snapshot.context, told.by, alike)}`;
    told.keys.set(place, key);
    return key;
  };

  const walk = (withRare: boolean): Reached[] => {
    for (;;) {
      const paths = getShortestPaths(logic, {
        events: (place) => moves(place).filter(({ rare }) => withRare || !rare),
        serializeState: keyOf,
        serializeEvent: (move) => JSON.stringify(move),
        limit: MOST_MOVES,
      });
      if (told.by.length === reads.size)
        return paths.map(({ state, steps }) => ({
          place: state,
          way: steps.map(({ event }) => event).filter(isMove),
        }));
      told = { by: [...reads].sort(), keys: new WeakMap() };
    }
  };

  const reach = (): Reached[] => {
    const all = walk(true);
    const usual = walk(false);
    const nearer = new Set(usual.map(({ place }) => keyOf(place)));
    return [...usual, ...all.filter(({ place }) => !nearer.has(keyOf(place)))];
  };
  return { initial, moves, take, eventOf, reach };
}
