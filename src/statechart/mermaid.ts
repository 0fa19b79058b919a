/** Draws a machine as a Mermaid state diagram (`stateDiagram-v2`). */
import type { AnyStateMachine } from 'xstate';
import { readChart, type Chart, type ChartState, type ChartTransition } from './chart.ts';
import {
  alongPath,
  ANYWHERE,
  mergedEdges,
  singleEdges,
  stateClasses,
  type DrawOptions,
  type Edge,
} from './edges.ts';

/** How {@link toMermaid} draws. */
export type MermaidOptions = DrawOptions;

const STYLES = [
  'classDef happy fill:#e6f4ea,stroke:#1e8e3e,color:#0b3d1a',
  'classDef failure fill:#fce8e6,stroke:#d93025,color:#5f120c',
  'classDef aside fill:#f1f3f4,stroke:#5f6368,color:#202124',
];

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

const arrow = ({ from, to, labels }: Edge): string =>
  `${idOf(from)} --> ${idOf(to)} : ${labels.join('<br/>')}`;

function drawState(state: ChartState): string[] {
  const short = state.name.split('.').at(-1) ?? state.name;
  const services = state.services.length === 0 ? '' : `<br/>⚙ ${state.services.join(', ')}`;
  const head = `state "${plain(`${short}${services}`)}" as ${idOf(state.name)}`;
  if (state.initial === null) return [head];
  const inner = [...state.states.flatMap(drawState), `[*] --> ${idOf(state.initial)}`];
  return [head, `state ${idOf(state.name)} {`, ...inner.map((line) => `  ${line}`), '}'];
}

function classes(chart: Chart, edges: readonly Edge[], path: readonly string[]): string[] {
  const of = [...stateClasses(chart, edges, path)];
  const named = (['happy', 'failure', 'aside'] as const).flatMap((name) => {
    const members = of.filter(([, found]) => found === name).map(([state]) => idOf(state));
    return members.length === 0 ? [] : [`class ${members.join(',')} ${name}`];
  });
  return [...STYLES, ...named];
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
  const single = singleEdges(chart, labelOf);
  const edges = mergedEdges(single);
  const happy = alongPath(edges, happyPath);
  const others = edges.filter((edge) => !happy.includes(edge));
  const states = chart.states.flatMap(drawState);
  if (single.some(({ from }) => from === ANYWHERE)) states.push(`state "any state" as ${ANYWHERE}`);
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
