import type { FaultPoint } from './fault-points.ts';

/** What a daemon under test is told to do to itself. */
export interface FaultOrder {
  /** A file that gets a line of JSON for each fault point that is reached. */
  readonly trace?: string | undefined;
  /** Where it kills itself, and whether it takes its workload with it at the same moment. */
  readonly kill?: (FaultPoint & { readonly workload?: boolean }) | undefined;
}

/** Whether two points are the same. */
export const isAt = (a: FaultPoint, b: FaultPoint): boolean =>
  a.at === b.at && a.nth === b.nth && a.when === b.when;

/** A point for people: `journal.enter swapping before`, with its number where it is not the first. */
export const pointName = ({ at, nth, when }: FaultPoint): string =>
  `${at}${nth === 1 ? '' : ` #${String(nth)}`} ${when}`;
