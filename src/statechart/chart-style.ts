/**
 * The style of the drawn statecharts, by the classes that `dot.ts` gives: in the files, and on the live page.
 *
 * Failures differ from success by colour and by line, so that nobody needs colours to tell them apart.
 */

/** Colours by role; `--chart-…` so that the page may set its own. */
const LIGHT = `
  --chart-ink: #1f2328; --chart-dim: #59636e; --chart-line: #6e7781;
  --chart-good: #1a7f37; --chart-good-fill: #e9f7ed;
  --chart-bad: #cf222e; --chart-bad-fill: #fdeeee;
  --chart-plain-fill: #f3f5f7; --chart-paper: #ffffff;`;
const DARK = `
  --chart-ink: #e6edf3; --chart-dim: #9aa6b2; --chart-line: #8b949e;
  --chart-good: #4ac26b; --chart-good-fill: #12301c;
  --chart-bad: #ff7b72; --chart-bad-fill: #3a1618;
  --chart-plain-fill: #1d242c; --chart-paper: #0d1117;`;

/** The rules for what is drawn. */
export const CHART_RULES = `
.chart text { font-family: "Inter", "Segoe UI", "Helvetica Neue", Helvetica, Arial, "Liberation Sans", "DejaVu Sans", sans-serif; stroke: none; }
.chart path, .chart polygon, .chart ellipse { fill: none; stroke: var(--chart-line); stroke-width: 1.2; }
.chart .node.state text { font-size: 13px; font-weight: 600; fill: var(--chart-ink); }
.chart .node.state text ~ text { font-size: 10px; font-weight: 400; fill: var(--chart-dim); }
.chart .node.aside path { fill: var(--chart-plain-fill); }
.chart .node.happy path { fill: var(--chart-good-fill); stroke: var(--chart-good); }
.chart .node.failure path { fill: var(--chart-bad-fill); stroke: var(--chart-bad); stroke-dasharray: 5 3; }
.chart .node.again path { stroke-width: 0.8; }
.chart .node.again text { font-size: 10px; fill: var(--chart-dim); }
.chart .node.start ellipse { fill: var(--chart-line); }
.chart .edge text { font-size: 9.2px; fill: var(--chart-dim); }
.chart .edge polygon { fill: var(--chart-line); stroke-width: 0.8; }
.chart .edge.happy path { stroke: var(--chart-good); stroke-width: 2.2; }
.chart .edge.happy polygon { stroke: var(--chart-good); fill: var(--chart-good); }
.chart .edge.error path { stroke: var(--chart-bad); stroke-dasharray: 5 3; }
.chart .edge.error polygon { stroke: var(--chart-bad); fill: var(--chart-bad); }
.chart .edge.error text { fill: var(--chart-bad); }
`;

/** The style of a picture that stands alone: light, or dark where its viewer prefers that. */
export const CHART_STYLE = `
.chart {${LIGHT}
}
@media (prefers-color-scheme: dark) { .chart {${DARK}
} }
.chart .paper { fill: var(--chart-paper); stroke: none; }
/* rules */${CHART_RULES}`;
