/** Plans: the tests that a machine asks for, made from the machine itself. */
export { coverageOf, coverageText, readTaken, takenLine, type Coverage, type Taken } from './coverage.ts';
export {
  planDocumentSchema,
  planSchemaText,
  type Plan,
  type PlanDocument,
  type PlanKind,
  type PlanStep,
  type PlanTransition,
} from './format.ts';
export { PlanGapError } from './gaps.ts';
export { generatePlans } from './generate.ts';
export { junitSkeleton } from './junit.ts';
export type { PlanSubject } from './subject.ts';
export { countText, plansText } from './text.ts';
export { transitionId } from './transitions.ts';
export { updateSubject } from './update.ts';
export { workloadSubject } from './workload.ts';
