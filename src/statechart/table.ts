/** A machine as a table in Markdown, for readers. */
import type { AnyStateMachine } from 'xstate';
import { allStates, readChart, type Chart, type ChartState, type ChartTransition } from './chart.ts';

const code = (text: string): string => `\`${text}\``;
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ').trim();

function way(transition: ChartTransition, services: number): string {
  const { event, service, guard, target, kind } = transition;
  const prefix =
    kind === 'event' ? `${code(event)} ` : service !== null && services > 1 ? `${service}: ` : '';
  const suffix = guard === null ? '' : ` (${guard})`;
  const acts = transition.actions.length === 0 ? 'stays' : `stays: ${transition.actions.join(', ')}`;
  return `${prefix}${target === null ? acts : code(target)}${suffix}`;
}

function row(state: ChartState): string {
  const ways = (choose: (transition: ChartTransition) => boolean): string =>
    state.transitions
      .filter(choose)
      .map((transition) => way(transition, state.services.length))
      .join('<br>') || '–';
  const cells = [
    code(state.name),
    state.services.map(code).join(', ') || '–',
    state.description ?? '',
    ways(({ kind }) => kind !== 'error'),
    ways(({ kind }) => kind === 'error'),
  ];
  return `| ${cells.map(cell).join(' | ')} |`;
}

/** A row for the transitions of the machine itself, where it has any. */
function anywhere({ anywhere: transitions }: Chart): string[] {
  if (transitions.length === 0) return [];
  const ways = transitions.map((transition) => way(transition, 1)).join('<br>');
  return [`| elsewhere | – | What holds in every state that does not say otherwise. | ${cell(ways)} | – |`];
}

/**
 * A table with a row for each state: its services, what happens in it, and where it leads to.
 *
 * @returns Markdown, ending with a line feed
 */
export function toTable(machine: AnyStateMachine): string {
  const head = ['| state | service | what happens | leads to | on error |', '|---|---|---|---|---|'];
  const chart = readChart(machine);
  return `${[...head, ...allStates(chart).map(row), ...anywhere(chart)].join('\n')}\n`;
}
