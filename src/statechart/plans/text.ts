/** A machine's plans for readers: grouped by state, the way there once a line. */
import type { Plan, PlanDocument, PlanStep } from './format.ts';

const shortly = (step: PlanStep): string => {
  switch (step.do) {
    case 'resolve':
      return `${step.service}: ${step.case}`;
    case 'reject':
      return `${step.service} ✗ ${step.code}`;
    case 'send':
      return step.event;
    case 'stop':
      return 'stop';
  }
};

function result(step: PlanStep): string {
  const ended = step.ended === undefined ? '' : `, ${step.ended.outcome}`;
  const paused = step.paused === undefined ? '' : step.paused === null ? ', goes on' : ', paused';
  return `→ ${step.expect}${ended}${paused}`;
}

function lines({ id, kind, steps }: Plan): string[] {
  const last = steps.at(-1);
  if (last === undefined) return [];
  const way = steps.slice(0, -1).map(shortly).join(', ');
  return [
    `  ${id}`,
    `      ${kind === 'ignored' ? '(ignored) ' : ''}${last.inject} ${result(last)}`,
    ...(way === '' ? [] : [`      after: ${way}`]),
  ];
}

/** How many plans there are, by kind. */
export function countText({ machine, states, transitions, plans }: PlanDocument): string {
  const kinds = Map.groupBy(plans, ({ kind }) => kind);
  const parts = [...kinds].map(([kind, of]) => `${String(of.length)} ${kind}`).join(', ');
  return `${machine}: ${String(states.length)} states, ${String(transitions.length)} transitions, ${String(plans.length)} plans (${parts})`;
}

/** The whole document as text, without a line feed at its end. */
export function plansText(document: PlanDocument): string {
  const groups = document.states.flatMap((state) => {
    const plans = document.plans.filter(({ from }) => from === state);
    return ['', `${state} (${String(plans.length)})`, ...plans.flatMap(lines)];
  });
  return [countText(document), ...groups].join('\n');
}
