/** The way of an attempt through the statechart. Pure. */
import type { StateName } from '../../../types.ts';
import type { AttemptView } from '../../api.ts';

/** A state on the way, and when it was entered. */
export interface Step {
  readonly state: StateName;
  readonly at: string;
}

/**
 * All states of an attempt, in order: where it began, what the journal has, and where it came to rest.
 *
 * @param attempt - of the history; one that is under way ends where it is
 */
export function stepsOf(attempt: AttemptView): Step[] {
  const begin: Step[] =
    attempt.trigger === 'recovery' || attempt.steps[0]?.state === 'idle'
      ? []
      : [{ state: 'idle', at: attempt.started_at }];
  // What only a newer daemon knows is not on this statechart.
  const drawn = attempt.steps.filter((step): step is Step => step.state !== 'unknown');
  const steps = [...begin, ...drawn];
  const last = steps.at(-1)?.state;
  if (attempt.ended_at !== null && last !== 'idle' && last !== 'failed')
    steps.push({ state: attempt.outcome === 'failed' ? 'failed' : 'idle', at: attempt.ended_at });
  return steps;
}

/** Whether an attempt's last step was a failure: a rollback that went well is none, and neither is being put off. */
export function endedByError({ outcome }: AttemptView): boolean {
  return outcome === 'error' || outcome === 'refused' || outcome === 'failed';
}

/** From where only a failure leads back. */
const TURNS: readonly StateName[] = ['swapping', 'overlapping', 'draining', 'probing'];

/** How a transition came about, as far as it can be told from outside. */
export type Sort = 'done' | 'event' | 'error';

/**
 * The edges' ids that a step from one state to the next may have taken, the likeliest first.
 *
 * @param failed - whether the attempt ended by an error with this step
 * @example
 * edgeIds('probing', 'rollingBack', false)[0]; // 'edge-probing-rollingBack-error'
 */
export function edgeIds(from: StateName, to: StateName, failed: boolean): string[] {
  const bad =
    failed ||
    to === 'failed' ||
    (to === 'rollingBack' && TURNS.includes(from)) ||
    (to === 'rolledBack' && from === 'handingOver');
  const order: Sort[] = bad ? ['error', 'done', 'event'] : ['done', 'event', 'error'];
  return order.map((sort) => `edge-${from}-${to}-${sort}`);
}
