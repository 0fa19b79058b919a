/** A machine as JSON, for tools. */
import type { AnyStateMachine } from 'xstate';
import { readChart } from './chart.ts';

/**
 * A machine's states, services, guards, actions and transitions as JSON, indented, in the order of the machine.
 *
 * @returns the text, ending with a line feed; its shape is `Chart`
 */
export function toJson(machine: AnyStateMachine): string {
  return `${JSON.stringify(readChart(machine), null, 2)}\n`;
}
