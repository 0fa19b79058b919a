/** Makes pictures, JSON and tables out of the machines themselves, so that what is documented is what runs. */
export {
  readChart,
  type Chart,
  type ChartState,
  type ChartTransition,
  type TransitionKind,
} from './chart.ts';
export { toJson } from './json.ts';
export { toMermaid, type MermaidOptions } from './mermaid.ts';
export { toTable } from './table.ts';
