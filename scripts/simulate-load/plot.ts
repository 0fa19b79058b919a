/** The requests of a fleet over time as SVG: one panel a scenario, all on one scale. Readable on a light and on a dark page. */
import type { Load, Scenario } from './fleet.ts';

const WIDTH = 820;
const PANEL = { height: 138, left: 62, right: 20, top: 40, bottom: 26 };
const HEADER = 62;
const HOUR = 3_600_000;

/** What the picture says beside the loads. */
export interface LoadPicture {
  readonly title: string;
  /** Requests a second where the fleet asks evenly: the measure of all panels. */
  readonly even: number;
}

const escape = (words: string): string => words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const at = (value: number): string => value.toFixed(1);
const text = (x: number, y: number, kind: string, words: string): string =>
  `<text class="${kind}" x="${at(x)}" y="${at(y)}">${escape(words)}</text>`;
const figure = (value: number): string => (value > 0 && value < 10 ? value.toFixed(1) : value.toFixed(0));

/** The next round number above: 1, 2, 4, 5 or 8 times a power of ten. */
function ceiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 5, 8, 10].find((step) => step * power >= value) ?? 10) * power;
}

const perSecond = ({ bucketMs, requests }: Load): number[] =>
  requests.map((count) => (count * 1000) / bucketMs);

/** The time in which something is the matter, and what. */
function matter({
  outage,
  expiresAt,
  window,
  lengthMs,
}: Scenario): { from: number; to: number; words: string } | null {
  if (outage !== undefined) return { ...outage, words: 'nobody answers' };
  if (expiresAt !== undefined) return { from: expiresAt, to: lengthMs, words: 'the head has expired' };
  if (window !== undefined)
    return {
      from: window.opensAt,
      to: Math.min(lengthMs, window.opensAt + window.lengthMs),
      words: 'the window is open',
    };
  return null;
}

function panel(scenario: Scenario, load: Load, top: number, most: number, even: number): string {
  const values = perSecond(load);
  const peak = Math.max(...values);
  const [right, bottom] = [WIDTH - PANEL.right, top + PANEL.height - PANEL.bottom];
  const x = (ms: number): number => PANEL.left + (ms / scenario.lengthMs) * (right - PANEL.left);
  const y = (value: number): number => bottom - (value / most) * (PANEL.height - PANEL.top - PANEL.bottom);
  // A step a bucket: it is the mean of its seconds.
  const steps = values.map(
    (value, index) => `${at(x(index * load.bucketMs))} ${at(y(value))}H${at(x((index + 1) * load.bucketMs))}`,
  );
  const line = `M${steps.join('L').replaceAll(/H([\d.]+)L[\d.]+ /g, 'H$1V')}`;
  const shade = matter(scenario);
  const hours = scenario.lengthMs / HOUR;
  return [
    text(PANEL.left, top + 16, 'title', `${scenario.name}: ${scenario.tells}`),
    text(
      PANEL.left,
      top + 32,
      'small',
      `at most ${figure(peak)} a second, ${figure(peak / even)} times the even share`,
    ),
    ...(shade === null
      ? []
      : [
          `<rect class="shade" x="${at(x(shade.from))}" y="${at(y(most))}" width="${at(x(shade.to) - x(shade.from))}" height="${at(bottom - y(most))}"/>`,
          text(x(shade.from) + 6, y(most) + 13, 'small', shade.words),
        ]),
    ...[0, 0.25, 0.5, 0.75, 1].map(
      (part) => `<path class="grid" d="M${at(PANEL.left)} ${at(y(most * part))}H${at(right)}"/>`,
    ),
    ...[0, 0.5, 1].map((part) => text(PANEL.left - 8, y(most * part) + 4, 'end', figure(most * part))),
    ...Array.from({ length: hours + 1 }, (_, hour) =>
      text(x(hour * HOUR), bottom + 17, hour === hours ? 'end' : 'middle', `${String(hour)}:00`),
    ),
    `<path class="line" d="${line}"/>`,
    `<path class="even" d="M${at(PANEL.left)} ${at(y(even))}H${at(right)}"/>`,
  ].join('\n');
}

/**
 * Draws the loads, one panel beneath the other.
 *
 * @param loads - a load for each scenario, in the order of the panels
 */
export function loadSvg(
  loads: readonly { readonly scenario: Scenario; readonly load: Load }[],
  { title, even }: LoadPicture,
): string {
  const most = ceiling(Math.max(even, ...loads.flatMap(({ load }) => perSecond(load))));
  const height = HEADER + loads.length * PANEL.height;
  const key = (x: number, kind: string, words: string): string =>
    `<path class="${kind}" d="M${at(x)} 42h26"/>${text(x + 33, 46, 'small', words)}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${String(WIDTH)}" height="${String(height)}" viewBox="0 0 ${String(WIDTH)} ${String(height)}" role="img" aria-label="${escape(title)}">
<title>${escape(title)}</title>
<style>
text { font: 12px system-ui, sans-serif; fill: #57606a } .head { font-size: 16px; font-weight: 600 } .title { font-size: 13px; font-weight: 600 }
.small { font-size: 11.5px } .end { text-anchor: end } .middle { text-anchor: middle }
.grid { stroke: #8b949e; stroke-opacity: .3 } .shade { fill: #bf8700; fill-opacity: .13 }
.line { fill: none; stroke: #0969da; stroke-width: 1.4; stroke-linejoin: round } .even { stroke: #cf222e; stroke-dasharray: 5 4; stroke-width: 1.2 }
@media (prefers-color-scheme: dark) { text { fill: #b1bac4 } .line { stroke: #58a6ff } .even { stroke: #ff7b72 } }
</style>
${text(PANEL.left, 22, 'head', title)}
${key(PANEL.left, 'line', 'requests a second, the mean of 10 s')}
${key(PANEL.left + 272, 'even', `the even share: each host once an interval of an hour, ${figure(even)} a second`)}
${loads.map(({ scenario, load }, index) => panel(scenario, load, HEADER + index * PANEL.height, most, even)).join('\n')}
</svg>
`;
}
