/** What the pictures of a machine have in common: their edges, merged, and which states are on the good way and which are not. */
import { allStates, type Chart, type ChartTransition } from './chart.ts';

/** What is to be known to draw a machine well. */
export interface DrawOptions {
  /**
   * The states of the way on which everything goes well, in order. Its edges come first, so that the layout follows
   * them, and its states are green.
   */
  readonly happyPath?: readonly string[] | undefined;
}

/** An arrow of a picture: one or more transitions between the same two states. */
export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly failure: boolean;
  /** Whether it is a service that came to its end well. */
  readonly done: boolean;
  /** What sets it off, a line each. */
  readonly labels: readonly string[];
}

/** The state that stands for all of them, for transitions of the machine itself. */
export const ANYWHERE = 'anywhere_';

/** How one transition is labelled: the event, its service where the state has several, and the guard. */
export type Labeller = (transition: ChartTransition, services: number) => string;

function edgesOf(
  from: string,
  transitions: readonly ChartTransition[],
  services: number,
  label: Labeller,
): Edge[] {
  return transitions.flatMap((transition) => {
    const { target: to, kind } = transition;
    if (to === null) return [];
    const labels = [label(transition, services)].filter((text) => text !== '');
    return [{ from, to, failure: kind === 'error', done: kind === 'done', labels }];
  });
}

/** Every transition that leads somewhere, one edge each. */
export function singleEdges(chart: Chart, label: Labeller): Edge[] {
  return [
    ...allStates(chart).flatMap(({ name, transitions, services }) =>
      edgesOf(name, transitions, services.length, label),
    ),
    ...edgesOf(ANYWHERE, chart.anywhere, 1, label),
  ];
}

/** One edge for all transitions between the same two states that are of the same sort. */
export function mergedEdges(edges: readonly Edge[]): Edge[] {
  const groups = Map.groupBy(edges, ({ from, to, failure }) => JSON.stringify([from, to, failure]));
  return [...groups.values()].flatMap(([first, ...more]) => {
    if (first === undefined) return [];
    const all = [first, ...more];
    const labels = new Set(all.flatMap((edge) => edge.labels));
    return [{ ...first, done: all.some(({ done }) => done), labels: [...labels] }];
  });
}

/**
 * Takes the edges of the happy path out of `edges`, in its order.
 *
 * @throws RangeError where it takes a transition that the machine does not have
 */
export function alongPath(edges: readonly Edge[], path: readonly string[]): Edge[] {
  return path.slice(1).map((to, index) => {
    const from = path[index] ?? '';
    const edge = edges.find(
      (candidate) => candidate.from === from && candidate.to === to && !candidate.failure,
    );
    if (edge === undefined)
      throw new RangeError(`expected a transition ${from} → ${to} on the happy path, found none`);
    return edge;
  });
}

/** What a state is in the picture. */
export type StateClass = 'happy' | 'failure' | 'aside';

/** Tells the states on the happy path, those that are reached by an error (or by what is done in such a state), and the rest apart. */
export function stateClasses(
  chart: Chart,
  edges: readonly Edge[],
  path: readonly string[],
): Map<string, StateClass> {
  const spared = new Set([...path, chart.initial]);
  const failures = new Set<string>();
  for (let before = -1; before !== failures.size;) {
    before = failures.size;
    for (const { from, to, failure, done } of edges)
      if (!spared.has(to) && (failure || (done && failures.has(from)))) failures.add(to);
  }
  const classOf = (name: string): StateClass =>
    path.includes(name) ? 'happy' : failures.has(name) ? 'failure' : 'aside';
  return new Map(allStates(chart).map(({ name }) => [name, classOf(name)]));
}
