/** A plot as SVG: one panel a measure, a line a series, the figures beside the points. */

/** One line of a panel. */
export interface Series {
  readonly name: string;
  /** A colour that can be told on white and on black. */
  readonly colour: string;
  /** In the order of x. */
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** One panel. */
export interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly series: readonly Series[];
}

const WIDTH = 760;
const PANEL = { height: 230, left: 64, right: 190, top: 40, bottom: 42 };

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** The next round number: 1, 2 or 5 times a power of ten. */
function ceiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}

const figure = (value: number): string => String(Number(value.toPrecision(3)));

function panelSvg({ title, unit, series }: Panel, xUnit: string, top: number): string {
  const { height, left, right } = PANEL;
  const points = series.flatMap((each) => each.points);
  const maxX = Math.max(...points.map(({ x }) => x));
  const maxY = ceiling(Math.max(...points.map(({ y }) => y)));
  const bottom = top + height - PANEL.bottom;
  const x = (value: number): number => left + (value / maxX) * (WIDTH - left - right);
  const y = (value: number): number => bottom - (value / maxY) * (height - PANEL.top - PANEL.bottom);
  const at = (value: number): string => value.toFixed(1);
  const lines: string[] = [
    `<text class="title" x="${String(left)}" y="${String(top + 22)}">${escape(title)}, ${escape(unit)}</text>`,
  ];
  for (const part of [0, 0.25, 0.5, 0.75, 1]) {
    const line = at(y(maxY * part));
    lines.push(`<path class="grid" d="M${String(left)} ${line}H${String(WIDTH - right)}"/>`);
    lines.push(`<text class="end" x="${String(left - 8)}" y="${line}" dy="4">${figure(maxY * part)}</text>`);
  }
  for (const value of new Set(points.map((point) => point.x)))
    lines.push(
      `<text class="middle" x="${at(x(value))}" y="${String(bottom + 18)}">${figure(value)}${escape(xUnit)}</text>`,
    );
  for (const { name, colour, points: own } of series) {
    const path = own.map((point) => `${at(x(point.x))} ${at(y(point.y))}`).join('L');
    lines.push(`<path class="line" stroke="${colour}" d="M${path}"/>`);
    for (const point of own)
      lines.push(
        `<circle fill="${colour}" cx="${at(x(point.x))}" cy="${at(y(point.y))}" r="3"><title>${escape(name)}: ${figure(point.y)} ${escape(unit)} at ${figure(point.x)}${escape(xUnit)}</title></circle>`,
      );
  }
  // Names stand behind the last points, pushed apart where these are close.
  let above = -Infinity;
  const ends = series
    .flatMap(({ name, colour, points: own }) => own.slice(-1).map((last) => ({ name, colour, last })))
    .sort((a, b) => y(a.last.y) - y(b.last.y));
  for (const { name, colour, last } of ends) {
    above = Math.max(y(last.y), above + 16);
    lines.push(
      `<text x="${at(x(last.x) + 10)}" y="${at(above)}" dy="4" style="fill:${colour}">${escape(name)} ${figure(last.y)}</text>`,
    );
  }
  return lines.join('\n');
}

/**
 * Draws panels one beneath the other. Readable on a light and on a dark page.
 *
 * @param title - what a screen reader says
 * @param panels - each with at least one point
 * @param xUnit - put behind the figures of the x axis
 */
export function plot(title: string, panels: readonly Panel[], xUnit: string): string {
  const height = panels.length * PANEL.height;
  const body = panels.map((panel, index) => panelSvg(panel, xUnit, index * PANEL.height));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${String(WIDTH)} ${String(height)}" role="img" aria-label="${escape(title)}">
<style>
text { font: 12px system-ui, sans-serif; fill: #57606a } .title { font-weight: 600; font-size: 14px }
.end { text-anchor: end } .middle { text-anchor: middle } .grid { stroke: #8b949e; stroke-opacity: .35 }
.line { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #b1bac4 } }
</style>
${body.join('\n')}
</svg>
`;
}
