/** The requests of a fleet over time as SVG: one panel a scenario. */
import type { Load, Scenario } from './fleet.ts';

const WIDTH = 760;
const PANEL = { height: 150, left: 64, right: 24, top: 34, bottom: 26 };

const text = (x: number, y: number, kind: string, words: string): string =>
  `<text class="${kind}" x="${x.toFixed(1)}" y="${y.toFixed(1)}">${words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`;

function panel({ name, tells }: Scenario, { bucketMs, requests }: Load, top: number): string {
  const perSecond = requests.map((count) => (count * 1000) / bucketMs);
  const peak = Math.max(...perSecond);
  const bottom = top + PANEL.height - PANEL.bottom;
  const width = WIDTH - PANEL.left - PANEL.right;
  const x = (index: number): number => PANEL.left + (index / perSecond.length) * width;
  const y = (value: number): number => bottom - (value / peak) * (PANEL.height - PANEL.top - PANEL.bottom);
  const line = perSecond.map((value, index) => `${x(index).toFixed(1)} ${y(value).toFixed(1)}`).join('L');
  const hours = (perSecond.length * bucketMs) / 3_600_000;
  return [
    text(PANEL.left, top + 20, 'title', `${name}: ${tells}`),
    `<path class="grid" d="M${String(PANEL.left)} ${String(bottom)}H${String(WIDTH - PANEL.right)}"/>`,
    text(PANEL.left - 8, y(peak) + 4, 'end', `${peak.toFixed(0)}/s`),
    text(PANEL.left - 8, bottom + 4, 'end', '0'),
    ...Array.from({ length: hours + 1 }, (_, hour) =>
      text(PANEL.left + (hour / hours) * width, bottom + 18, 'middle', `${String(hour)}:00`),
    ),
    `<path class="line" d="M${line}"/>`,
  ].join('\n');
}

/** @param loads - a load for each scenario, in the order of the panels */
export function loadSvg(
  loads: readonly { readonly scenario: Scenario; readonly load: Load }[],
  title: string,
): string {
  const height = 40 + loads.length * PANEL.height;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${String(WIDTH)}" height="${String(height)}" viewBox="0 0 ${String(WIDTH)} ${String(height)}" role="img">
<title>${title}</title>
<style>
text { font: 12px sans-serif; fill: #777 } .title { font-weight: bold } .end { text-anchor: end } .middle { text-anchor: middle }
.grid { stroke: #999; stroke-opacity: 0.5 } .line { fill: none; stroke: #2a7fd4; stroke-width: 1.2 }
</style>
${text(PANEL.left, 22, 'title', title)}
${loads.map(({ scenario, load }, index) => panel(scenario, load, 34 + index * PANEL.height)).join('\n')}
</svg>
`;
}
