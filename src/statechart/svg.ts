/**
 * Makes of what Graphviz draws a picture whose looks are a matter of style alone.
 *
 * Invariants: the elements of states and edges keep their ids; no `<style>` or `style=` is left but the one that is asked for, so that the
 * picture may stand on a page with a strict Content-Security-Policy; the same drawing gives the same bytes.
 */
import type { AnyStateMachine } from 'xstate';
import { allStates, readChart } from './chart.ts';
import { CHART_STYLE } from './chart-style.ts';
import { stateId } from './dot.ts';

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** One decimal is a tenth of a point: enough for the eye, and a third of the bytes. */
const rounded = (text: string): string =>
  text.replaceAll(/-?\d+\.\d+/g, (number) => String(Math.round(Number(number) * 10) / 10));

/** Points as CSS pixels. */
const points = (text: string): string => String(Math.round((Number(text) * 4) / 3));

/**
 * Finishes a drawing of Graphviz: `<title>`s say what a state is for, and classes instead of attributes how it looks.
 *
 * @param drawing - the SVG of Graphviz for the machine's `toDot`
 * @param machine - where the descriptions come from
 * @returns the SVG, ending with a line feed
 * @throws RangeError where the drawing is not one of Graphviz
 * @example
 * toSvg(graphviz.layout(toDot(machine, options), 'svg', 'dot'), machine);
 */
export function toSvg(drawing: string, machine: AnyStateMachine): string {
  const chart = readChart(machine);
  const size = /viewBox="0\.00 0\.00 ([\d.]+) ([\d.]+)"/.exec(drawing);
  const body = /<g id="graph0"[^]*<\/g>/.exec(drawing)?.[0];
  const shift = /translate\(([\d. -]+)\)/.exec(drawing)?.[1];
  if (size === null || body === undefined || shift === undefined)
    throw new RangeError('expected an SVG of Graphviz, found something else');
  const [, width = '', height = ''] = size.map((text) => rounded(text));
  const titles = new Map(
    allStates(chart).map(({ name, description }) => [
      stateId(name),
      description === null ? name : `${name}: ${description}`,
    ]),
  );
  const inner = body
    .replace(/^<g id="graph0"[^>]*>\n/, '')
    .replace(/<\/g>$/, '')
    .replaceAll(/<title>[^]*?<\/title>\n/g, '')
    .replaceAll(/<!--[^]*?-->\n/g, '')
    // Graphviz writes so, though only comments need it.
    .replaceAll('&#45;', '-')
    .replaceAll(
      / (fill|stroke|font-family|font-size|font-weight|stroke-width|stroke-dasharray|xml:space)="[^"]*"/g,
      '',
    )
    .replaceAll(/(<g id="([^"]+)" class="node[^"]*">\n)/g, (head, _, id: string) => {
      const title = titles.get(id);
      return title === undefined ? head : `${head}<title>${escaped(title)}</title>\n`;
    });
  const about = chart.description === null ? '' : `<desc>${escaped(chart.description)}</desc>\n`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="chart" width="${points(width)}" height="${points(height)}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escaped(`The ${chart.id} statechart`)}</title>`,
    `${about}<style>${CHART_STYLE}</style>`,
    `<rect class="paper" width="${width}" height="${height}"/>`,
    `<g transform="translate(${rounded(shift)})">`,
    `${rounded(inner).trimEnd()}\n</g>\n</svg>\n`,
  ].join('\n');
}
