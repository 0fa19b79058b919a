/** Makes pictures, JSON and tables out of the machines themselves, so that what is documented is what runs. */
export {
  readChart,
  type Chart,
  type ChartState,
  type ChartTransition,
  type TransitionKind,
} from './chart.ts';
export { toSvg } from './svg.ts';
export { describeChart, toJson, type DescribedChart } from './json.ts';
export { edgeId, stateId, toDot } from './dot.ts';
export type { DrawOptions } from './edges.ts';
export { HAPPY_PATHS } from './happy-paths.ts';
export { toMermaid, type MermaidOptions } from './mermaid.ts';
export { toScxml } from './scxml.ts';
export { toTable } from './table.ts';
