/** Lights the statechart: where it is, and the way there. */
import type { StateName } from '../../../types.ts';
import { edgeIds } from './path.ts';

const LIT = ['is-now', 'is-past', 'is-path'];

/** What is to be seen on the chart. */
export interface ChartView {
  /** The states of the way, in order; the last one is where it is. */
  readonly path: readonly StateName[];
  /** Whether the attempt ended by an error with the last step. */
  readonly failed: boolean;
  /** Whether it came to rest there, so that nothing moves. */
  readonly resting: boolean;
  /** For those who do not see it. */
  readonly label: string;
}

function light(id: string, name: string): boolean {
  const found = document.getElementById(id);
  found?.classList.add(name);
  return found !== null;
}

/** Draws a view onto the chart in the page. */
export function drawChart(chart: SVGElement, { path, failed, resting, label }: ChartView): void {
  for (const name of LIT) for (const lit of chart.querySelectorAll(`.${name}`)) lit.classList.remove(name);
  chart.classList.toggle('is-resting', resting);
  chart.setAttribute('aria-label', label);
  path.forEach((to, index) => {
    const from = path[index - 1];
    if (from === undefined) return;
    light(`state-${from}`, 'is-past');
    const ended = failed && index === path.length - 1;
    edgeIds(from, to, ended).some((id) => light(id, 'is-path'));
    light(`again-${from}-${to}`, 'is-path');
    light(`again-${from}-${to}-end`, 'is-path');
  });
  const now = path.at(-1);
  if (now === undefined) return;
  document.getElementById(`state-${now}`)?.classList.remove('is-past');
  light(`state-${now}`, 'is-now');
}

/** Moves the chart's own scroll so that a state is to be seen, where the chart is wider than its place. */
export function reveal(frame: HTMLElement, state: StateName): void {
  if (frame.scrollWidth <= frame.clientWidth) return;
  const found = document.getElementById(`state-${state}`)?.getBoundingClientRect();
  if (found === undefined) return;
  const place = frame.getBoundingClientRect();
  frame.scrollLeft += found.left + found.width / 2 - place.left - place.width / 2;
}
