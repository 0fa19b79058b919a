import { FATES } from './effects.ts';
import { writePoint } from './crash-point.ts';
import type { Exploration, Violation } from './explorer.ts';
import type { FaultRuns } from './faults.ts';

/** What is lost by a crash, for people. */
const lossText = ({ points }: Violation): string[] =>
  points.map(({ losses }) =>
    [...losses].map(([at, fate]) => `effect ${String(at)} ${FATES[fate]}`).join(', '),
  );

/** A violation as text: what happened, what is wrong, and the command that shows it again. */
export function violationText(violation: Violation): string {
  const losses = lossText(violation);
  const crashes = violation.points.map(
    ({ at, how, journalLost }, index) =>
      `  ${how} before effect ${String(at)} ${violation.where[index] ?? ''}${journalLost ? '; the journal is lost' : ''}${losses[index] === '' ? '' : `; ${losses[index] ?? ''}`}`,
  );
  const points = violation.points.map(writePoint).join(' ');
  return [
    `${violation.scenario}:`,
    ...crashes,
    ...violation.lines.map((line) => `  => ${line}`),
    `  again: npm run crash -- --only '${violation.scenario}' --replay '${points}'`,
  ].join('\n');
}

/** The violations of injected faults as text. */
export const faultText = ({ violations }: FaultRuns): string =>
  violations
    .map(({ scenario, kind, at, where, lines }) =>
      [
        `${scenario}: ${kind} at effect ${String(at)} (${where})`,
        ...lines.map((line) => `  => ${line}`),
        `  again: npm run crash -- --only '${scenario}' --fault '${kind}@${String(at)}'`,
      ].join('\n'),
    )
    .join('\n');

/** One line of numbers. */
export function tallyText({ scenario, effects, tally }: Exploration): string {
  const { points, states, recoveries, again, onward, deepest } = tally;
  return [
    `${scenario}: ${String(effects)} effects`,
    `${String(points)} crash points`,
    `${String(states)} states, ${String(recoveries)} different ones recovered`,
    `${String(again)} started again`,
    `${String(onward)} lived on`,
    `depth ${String(deepest)}`,
  ].join(', ');
}
