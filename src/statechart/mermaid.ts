/** Draws a machine as a Mermaid state diagram (`stateDiagram-v2`). */
import type { AnyStateMachine } from 'xstate';
import { allStates, readChart, type Chart, type ChartState, type ChartTransition } from './chart.ts';

/** How {@link toMermaid} draws. */
export interface MermaidOptions {
  /**
   * The states of the way on which everything goes well, in order. Its edges come first, so that the layout follows
   * them, and its states are green.
   */
  readonly happyPath?: readonly string[] | undefined;
}

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly failure: boolean;
  /** Whether it is a service that came to its end well. */
  readonly done: boolean;
  readonly label: string;
}

const STYLES = [
  'classDef happy fill:#e6f4ea,stroke:#1e8e3e,color:#0b3d1a',
  'classDef failure fill:#fce8e6,stroke:#d93025,color:#5f120c',
  'classDef aside fill:#f1f3f4,stroke:#5f6368,color:#202124',
];

/** The state that stands for all of them, for transitions of the machine itself. */
const ANYWHERE = 'anywhere_';

/** Words that Mermaid keeps for itself. */
const RESERVED = new Set(['class', 'classDef', 'default', 'direction', 'end', 'note', 'state', 'style']);

/** A name that Mermaid takes as an id. */
function idOf(name: string): string {
  const id = name.replaceAll(/[^A-Za-z0-9_]/g, '_');
  return RESERVED.has(id) ? `${id}_` : id;
}

/** Text without what would end a label. */
const plain = (text: string): string =>
  text.replaceAll('"', '’').replaceAll(/[;#]/g, ' ').replaceAll(/\s+/g, ' ');

function labelOf(transition: ChartTransition, services: number): string {
  const { kind, event, service, guard } = transition;
  const what = service === null || services < 2 ? event : `${service} ${event}`;
  return plain(`${kind === 'error' ? '✗ ' : ''}${what}${guard === null ? '' : ` [${guard}]`}`);
}

function edgesOf(from: string, transitions: readonly ChartTransition[], services: number): Edge[] {
  return transitions.flatMap((transition) => {
    const { target: to, kind } = transition;
    return to === null
      ? []
      : [
          {
            from,
            to,
            failure: kind === 'error',
            done: kind === 'done',
            label: labelOf(transition, services),
          },
        ];
  });
}

/** One edge for all transitions between the same two states that are of the same sort. */
function merged(edges: readonly Edge[]): Edge[] {
  const groups = Map.groupBy(edges, ({ from, to, failure }) => JSON.stringify([from, to, failure]));
  return [...groups.values()].flatMap(([first, ...more]) => {
    if (first === undefined) return [];
    const labels = new Set([first, ...more].map(({ label }) => label));
    return [{ ...first, label: [...labels].join('<br/>') }];
  });
}

/** Takes the edges of the happy path out of `edges`, in its order. */
function alongPath(edges: readonly Edge[], path: readonly string[]): Edge[] {
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

/** States off the happy path that are reached by an error, or by what is done in such a state. */
function failureStates(chart: Chart, edges: readonly Edge[], path: readonly string[]): Set<string> {
  const spared = new Set([...path, chart.initial]);
  const failures = new Set<string>();
  for (let before = -1; before !== failures.size;) {
    before = failures.size;
    for (const { from, to, failure, done } of edges)
      if (!spared.has(to) && (failure || (done && failures.has(from)))) failures.add(to);
  }
  return failures;
}

const arrow = ({ from, to, label }: Edge): string => `${idOf(from)} --> ${idOf(to)} : ${label}`;

function drawState(state: ChartState): string[] {
  const short = state.name.split('.').at(-1) ?? state.name;
  const services = state.services.length === 0 ? '' : `<br/>⚙ ${state.services.join(', ')}`;
  const head = `state "${plain(`${short}${services}`)}" as ${idOf(state.name)}`;
  if (state.initial === null) return [head];
  const inner = [...state.states.flatMap(drawState), `[*] --> ${idOf(state.initial)}`];
  return [head, `state ${idOf(state.name)} {`, ...inner.map((line) => `  ${line}`), '}'];
}

function classes(chart: Chart, edges: readonly Edge[], path: readonly string[]): string[] {
  const states = allStates(chart).map(({ name }) => name);
  const failures = failureStates(chart, edges, path);
  const named = (name: string, members: readonly string[]): string[] =>
    members.length === 0 ? [] : [`class ${members.map(idOf).join(',')} ${name}`];
  return [
    ...STYLES,
    ...named(
      'happy',
      states.filter((state) => path.includes(state)),
    ),
    ...named(
      'failure',
      states.filter((state) => failures.has(state)),
    ),
    ...named(
      'aside',
      states.filter((state) => !path.includes(state) && !failures.has(state)),
    ),
  ];
}

/**
 * Draws a machine: each state with the services that it invokes, each edge with its event and guard. Edges of a
 * service's error are marked ✗; transitions that lead nowhere are left out.
 *
 * @returns the text of a `stateDiagram-v2`, ending with a line feed; always the same for the same machine
 * @throws RangeError where the happy path takes a transition that the machine does not have
 * @throws TypeError for parallel and history states
 * @example
 * toMermaid(updateMachine, { happyPath: ['idle', 'checking', 'downloading'] });
 */
export function toMermaid(machine: AnyStateMachine, { happyPath = [] }: MermaidOptions = {}): string {
  const chart = readChart(machine);
  const anywhere = edgesOf(ANYWHERE, chart.anywhere, 1);
  const single = [
    ...allStates(chart).flatMap(({ name, transitions, services }) =>
      edgesOf(name, transitions, services.length),
    ),
    ...anywhere,
  ];
  const edges = merged(single);
  const happy = alongPath(edges, happyPath);
  const others = edges.filter((edge) => !happy.includes(edge));
  const states = chart.states.flatMap(drawState);
  if (anywhere.length > 0) states.push(`state "any state" as ${ANYWHERE}`);
  const sections = [
    states,
    [`[*] --> ${idOf(chart.initial)}`],
    happy.map(arrow),
    others.filter(({ failure }) => !failure).map(arrow),
    others.filter(({ failure }) => failure).map(arrow),
    classes(chart, single, happyPath),
  ].filter((lines) => lines.length > 0);
  const body = sections.map((lines) => lines.map((line) => `  ${line}\n`).join('')).join('\n');
  return `stateDiagram-v2\n${body}`;
}
