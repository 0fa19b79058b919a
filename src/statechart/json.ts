/** A machine as JSON, for tools. */
import type { AnyStateMachine } from 'xstate';
import { ERROR_CODES, type CodeInfo } from '../error-codes.ts';
import { allStates, readChart, type Chart } from './chart.ts';
import { GUARD_WORDS, SERVICE_WORDS } from './words.ts';

/** A machine with what its names mean: what `statecharts/NAME.json` holds. */
export interface DescribedChart extends Chart {
  /** By name; null where nothing is written of it. */
  readonly services: Readonly<Record<string, string | null>>;
  readonly guards: Readonly<Record<string, string | null>>;
  /** The rows of the codes that the services may reject with. */
  readonly errors: Readonly<Record<string, CodeInfo>>;
}

function described(
  names: Iterable<string>,
  words: Readonly<Record<string, string>>,
): Record<string, string | null> {
  return Object.fromEntries([...new Set(names)].map((name) => [name, words[name] ?? null]));
}

/**
 * A machine with the description of every state, service, guard and error code.
 *
 * @throws TypeError for parallel and history states
 */
export function describeChart(machine: AnyStateMachine): DescribedChart {
  const chart = readChart(machine);
  const states = allStates(chart);
  const transitions = [...chart.anywhere, ...states.flatMap((state) => state.transitions)];
  const codes = new Set(states.flatMap(({ rejects }) => Object.values(rejects).flat()));
  const rows = Object.entries<CodeInfo>(ERROR_CODES).filter(([code]) => codes.has(code));
  return {
    ...chart,
    services: described(
      states.flatMap(({ services }) => services),
      SERVICE_WORDS,
    ),
    guards: described(
      transitions.flatMap(({ guard }) => (guard === null ? [] : [guard])),
      GUARD_WORDS,
    ),
    errors: Object.fromEntries(rows),
  };
}

/**
 * A machine's states, services, guards, actions, transitions and error codes as JSON, indented, in the order of the machine.
 *
 * @returns the text, ending with a line feed; its shape is `DescribedChart`
 */
export function toJson(machine: AnyStateMachine): string {
  return `${JSON.stringify(describeChart(machine), null, 2)}\n`;
}
