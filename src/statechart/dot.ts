/**
 * Draws a machine in the language of Graphviz, so that the good way runs straight down the middle.
 *
 * How: the happy path is one group with heavy edges. Where it comes back to its first state, and wherever a state of it leads back
 * there, the picture has a small "again" node instead of an arrow across everything. Ways back to it go to the left, failures to the right.
 * Ids are stable: `state-NAME`, `again-NAME`, and `edge-FROM-TO-SORT` with the sort `done`, `error` or `event`.
 */
import type { AnyStateMachine } from 'xstate';
import { allStates, readChart, type ChartState, type ChartTransition } from './chart.ts';
import {
  alongPath,
  ANYWHERE,
  mergedEdges,
  singleEdges,
  stateClasses,
  type DrawOptions,
  type Edge,
  type StateClass,
} from './edges.ts';

const quoted = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

const attributes = (of: Readonly<Record<string, string | number | boolean>>): string =>
  `[${Object.entries(of)
    .map(([name, value]) => `${name}=${quoted(String(value)).replaceAll('\n', '\\n')}`)
    .join(' ')}]`;

/** What an edge of this picture is called in ids. */
export type EdgeSort = 'done' | 'error' | 'event';

const sortOf = ({ failure, done }: Edge): EdgeSort => (failure ? 'error' : done ? 'done' : 'event');

/**
 * The id of a state's element in the picture.
 *
 * @example
 * stateId('probing'); // 'state-probing'
 */
export const stateId = (name: string): string => `state-${name.replaceAll('.', '-')}`;

/** The id of an edge's element in the picture. */
export const edgeId = (from: string, to: string, sort: EdgeSort): string =>
  `edge-${from.replaceAll('.', '-')}-${to.replaceAll('.', '-')}-${sort}`;

/** A service's good end needs no word: that is what a plain arrow means. */
function labelOf({ kind, event, service, guard }: ChartTransition, services: number): string {
  const condition = guard === null ? '' : `[${guard}]`;
  const named = service !== null && services > 1 ? `${service} ${kind === 'error' ? '✗' : '✓'}` : '';
  const what = kind === 'done' || kind === 'error' ? named || (kind === 'error' ? '✗ error' : '') : event;
  return [what, condition].filter((part) => part !== '').join(' ');
}

/** The name, and under it what is invoked; the style makes the second line small. */
function nodeLabel({ name, services, initial }: ChartState): string {
  const short = name.split('.').at(-1) ?? name;
  const under = [
    ...(services.length === 0 ? [] : [`⚙ ${services.join(' · ')}`]),
    ...(initial === null ? [] : [`▸ ${initial}`]),
  ];
  return [short, ...under].join('\n');
}

/** What the layout has to know of a machine. */
interface Layout {
  /** The first state of the happy path, if the path comes back to it. */
  readonly home: string | null;
  /** Where the machine starts. */
  readonly initial: string;
  readonly path: readonly string[];
  readonly classes: ReadonlyMap<string, StateClass>;
  /** The pairs of states (`from to`) that a failure joins. */
  readonly failing: ReadonlySet<string>;
  /** States beside the path that it leads to when all goes well: other ways to the same end. */
  readonly detours: ReadonlySet<string>;
  /** The place on the path of the last state that leads to such a state. */
  readonly late: ReadonlyMap<string, number>;
}

/** The states beside the path that are reached from it by what is done well. */
function detoursOf(edges: readonly Edge[], path: readonly string[], initial: string): Set<string> {
  const found = new Set<string>();
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const { from, to, done, failure } of edges)
      if (
        done &&
        !failure &&
        to !== initial &&
        !path.includes(to) &&
        (path.slice(1).includes(from) || found.has(from))
      )
        found.add(to);
  }
  return found;
}

const againName = ({ from, to }: Edge, end: boolean): string =>
  `again ${from} ${to}${end ? ' at the end' : ''}`;

/** Whether an edge begins again from within an attempt: it is drawn to a node of its own, not across the picture. */
const beginsAgain = (
  { from, to }: Edge,
  { home, initial, path, classes, detours, late }: Layout,
): boolean => {
  const failing = classes.get(from) === 'failure';
  if (to === home) return from !== home && (path.includes(from) || failing || detours.has(from));
  if (to === initial) return failing;
  // From above the path into the middle of it, or of another way; and to where a later state of the path leads too.
  if (detours.has(to))
    return from === initial || (path.includes(from) && path.indexOf(from) < (late.get(to) ?? 0));
  return !path.includes(from) && !detours.has(from) && path.indexOf(to) > 0;
};

/** Whether it leads from the path to another way. */
const leavesPath = ({ from, to }: Pick<Edge, 'from' | 'to'>, { path, detours }: Layout): boolean =>
  path.includes(from) && detours.has(to);

function drawEdge(edge: Edge, layout: Layout): string {
  const { from, to, failure, labels } = edge;
  const { path, classes } = layout;
  const sort = sortOf(edge);
  const step = path.indexOf(from);
  const onPath = step >= 0 && path[step + 1] === to && !failure;
  // Failures stand close beside each other: a long label would touch their boxes.
  const beside = classes.get(from) === 'failure' && classes.get(to) === 'failure';
  const spread = (label: string): string => (beside ? label.replace(' [', ' \n [') : label);
  const common = {
    id: edgeId(from, to, sort),
    class: `${sort}${onPath ? ' happy' : ''}`,
    ...(labels.length === 0 ? {} : { label: labels.map((label) => ` ${spread(label)} `).join('\n') }),
  };
  const line = (
    tail: string,
    head: string,
    more: Readonly<Record<string, string | number | boolean>>,
  ): string => `${quoted(tail)} -> ${quoted(head)} ${attributes({ ...common, ...more })}`;
  if (beginsAgain(edge, layout)) {
    if (onPath) return line(from, againName(edge, true), { weight: 100 });
    if (classes.get(from) === 'failure' || layout.detours.has(from) || leavesPath(edge, layout))
      return line(from, againName(edge, false), {});
    // The other way round, so that it stands on the left.
    return line(againName(edge, false), from, { dir: 'back' });
  }
  if (from === to) return line(from, to, failure ? {} : { tailport: 'w', headport: 'w' });
  if (onPath) return line(from, to, { weight: 100 });
  // Above the path stands what leads onto it.
  if (path.indexOf(to) === 0 && classes.get(from) === 'aside') return line(from, to, { weight: 50 });
  const { detours } = layout;
  if (detours.has(from) && detours.has(to)) return line(from, to, { weight: 20 });
  if (detours.has(from) || detours.has(to)) return line(from, to, {});
  const ahead = path.indexOf(to);
  // A leap along the path goes round it on the right.
  if (step >= 0 && ahead > step) return line(from, to, { tailport: 'e', headport: 'e' });
  // Back along it: the other way round, so that it runs beside the path.
  if (step >= 0 && ahead >= 0) return line(to, from, { dir: 'back', tailport: 'e', headport: 'e' });
  return line(
    from,
    to,
    failure || classes.get(from) === 'failure' || layout.failing.has(`${from} ${to}`)
      ? {}
      : { headport: 'ne' },
  );
}

/** The nodes that stand for where it begins again: one beside each state that leads there, and one at the end of the path. */
function drawAgain(edges: readonly Edge[], layout: Layout): string[] {
  const { path } = layout;
  const node = (edge: Edge, end: boolean): string =>
    `${quoted(againName(edge, end))} ${attributes({
      id: `again-${edge.from}-${edge.to}${end ? '-end' : ''}`,
      class: 'again',
      label: `${edge.to === layout.home ? '↺' : '↪'} ${edge.to}`,
      margin: '0.06,0.02',
      height: 0.24,
      width: 0.2,
      fontsize: 11.5,
      ...(end ? { group: 'path' } : {}),
    })}`;
  const leading = edges.filter((edge) => beginsAgain(edge, layout));
  const groups = [...Map.groupBy(leading, ({ from, to }) => `${from} ${to}`).values()];
  // Only one stands beside a state.
  const isBeside = ({ from, to }: Pick<Edge, 'from' | 'to'>): boolean =>
    layout.classes.get(from) !== 'failure' && !layout.detours.has(from) && !leavesPath({ from, to }, layout);
  const nodes = groups.flatMap(([edge, ...more]) => {
    if (edge === undefined) return [];
    const last = path.indexOf(edge.from) === path.length - 2;
    const end = last ? [node(edge, true)] : [];
    if (last && ![edge, ...more].some(({ failure }) => failure)) return end;
    const rank = `{ rank=same ${quoted(againName(edge, false))} ${quoted(edge.from)} }`;
    return [...end, node(edge, false), ...(isBeside(edge) ? [rank] : [])];
  });
  // One column, so that the layout keeps them all on one side.
  const column = groups.flatMap(([edge]) =>
    edge !== undefined && isBeside(edge) ? [againName(edge, false)] : [],
  );
  const chain = column
    .slice(1)
    .map((name, index) => `${quoted(column[index] ?? '')} -> ${quoted(name)} [style=invis weight=8]`);
  return [...nodes, ...chain];
}

/**
 * Puts another way to the right of the path, so that it ends one above the state where it comes back; and the states of failure: each at the height of the last state that fails into it; what such a state is
 * done with, one below; what it fails into, beside it.
 */
function drawRanks(edges: readonly Edge[], { path, classes, detours }: Layout): string[] {
  const heights = new Map<string, number>();
  const rows = new Map<number, string[]>();
  const place = (name: string, height: number): void => {
    heights.set(name, height);
    rows.set(height, [
      ...(rows.get(height) ?? path.slice(height, Math.min(height + 1, path.length - 1))),
      name,
    ]);
  };
  for (const { from, to } of edges)
    if (detours.has(from) && path.indexOf(to) > 1) place(from, path.indexOf(to) - 1);
  const failing = [...classes.keys()].filter((name) => classes.get(name) === 'failure');
  for (const name of failing) {
    const into = edges.filter(({ from, to }) => to === name && from !== name);
    const onPath = into.filter(({ failure }) => failure).map(({ from }) => path.indexOf(from));
    const last = Math.max(-1, ...onPath);
    const after = into.find(({ from, done }) => done && heights.has(from));
    const beside = into.find(({ from, failure }) => failure && heights.has(from));
    // Two arrows between neighbours of one row would lie on each other.
    const twice = into.some(({ from, failure }) => from === path[last] && !failure);
    if (last >= 0) place(name, twice ? last + 1 : last);
    else if (after !== undefined) place(name, (heights.get(after.from) ?? 0) + 1);
    else if (beside !== undefined) place(name, heights.get(beside.from) ?? 0);
  }
  return [...rows.values()].flatMap((row) =>
    row.length < 2 ? [] : [`{ rank=same ${row.map(quoted).join(' -> ')} [style=invis weight=5] }`],
  );
}

/**
 * Draws a machine for Graphviz (`dot`).
 *
 * @returns the text of a `digraph`, ending with a line feed; always the same for the same machine
 * @throws RangeError where the happy path takes a transition that the machine does not have
 * @throws TypeError for parallel and history states
 * @example
 * toDot(updateMachine, { happyPath: ['idle', 'checking', 'downloading'] });
 */
export function toDot(machine: AnyStateMachine, { happyPath = [] }: DrawOptions = {}): string {
  const chart = readChart(machine);
  const single = singleEdges(chart, labelOf);
  const edges = mergedEdges(single);
  const happy = alongPath(edges, happyPath);
  const others = edges.filter((edge) => !happy.includes(edge));
  const first = happyPath[0] ?? null;
  const classes = stateClasses(chart, single, happyPath);
  const failing = new Set(single.filter(({ failure }) => failure).map(({ from, to }) => `${from} ${to}`));
  const home = happyPath.length > 2 && happyPath.at(-1) === first ? first : null;
  const detours = detoursOf(single, happyPath, chart.initial);
  for (const name of detours) if (classes.get(name) === 'failure') detours.delete(name);
  const late = new Map(
    [...detours].map((name) => [
      name,
      Math.max(...single.map(({ from, to }) => (to === name ? happyPath.indexOf(from) : -1))),
    ]),
  );
  const layout: Layout = { home, initial: chart.initial, path: happyPath, classes, failing, detours, late };
  const lines = [
    'graph [rankdir=TB nodesep=0.3 ranksep=0.34 splines=true bgcolor=transparent fontname="Helvetica" pad=0.15]',
    'node [shape=box style=rounded fontname="Helvetica" fontsize=14 height=0.5 width=1.25 margin="0.14,0.05"]',
    'edge [fontname="Helvetica" fontsize=10.5 arrowsize=0.7]',
    `start ${attributes({ id: 'start', class: 'start', shape: 'circle', label: '', width: 0.14, height: 0.14 })}`,
    ...allStates(chart).map((state) => {
      const of = classes.get(state.name) ?? 'aside';
      return `${quoted(state.name)} ${attributes({
        id: stateId(state.name),
        class: `state ${of}`,
        label: nodeLabel(state),
        ...(of === 'happy' ? { group: 'path' } : {}),
        ...(of === 'failure' && state.services.length > 0 ? { group: 'failure' } : {}),
        ...(state.final ? { peripheries: 2 } : {}),
      })}`;
    }),
    ...(single.some(({ from }) => from === ANYWHERE)
      ? [`${quoted(ANYWHERE)} ${attributes({ id: 'state-any', class: 'state aside', label: 'any state' })}`]
      : []),
    `start -> ${quoted(chart.initial)} ${attributes({ id: 'edge-start', class: 'event' })}`,
    ...drawAgain(edges, layout),
    ...drawRanks(single, layout),
    ...[...happy, ...others].map((edge) => drawEdge(edge, layout)),
  ];
  return `digraph ${quoted(chart.id)} {\n${lines.map((line) => `  ${line}\n`).join('')}}\n`;
}
