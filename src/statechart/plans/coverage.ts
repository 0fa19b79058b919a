/**
 * Which transitions a test run took. Every run of a machine in the tests appends a line of JSON for each transition that it took:
 * `{"machine":"update","level":"machine","transition":"checking/check.error/otherwise"}`.
 */
import { z } from 'zod';
import type { PlanDocument, PlanTransition } from './format.ts';

const lineSchema = z.strictObject({
  machine: z.string(),
  /** Which sort of run it was: `machine` (scripted services), `real` (the real system), `e2e`, `walk`. */
  level: z.string(),
  transition: z.string(),
});

/** A transition that a run took. */
export type Taken = z.infer<typeof lineSchema>;

/** A transition, and which sorts of run took it. */
export interface CoveredTransition extends PlanTransition {
  readonly levels: readonly string[];
}

/** What a test run covered. */
export interface Coverage {
  readonly machine: string;
  /** Sorts of run that there is data of. */
  readonly levels: readonly string[];
  readonly transitions: readonly CoveredTransition[];
  readonly covered: number;
  /** Names in the data that the machine does not have: of an older machine. */
  readonly unknown: readonly string[];
}

/** A line of the data, ending with a line feed. */
export const takenLine = (taken: Taken): string => `${JSON.stringify(taken)}\n`;

/**
 * Reads lines of data. A last line without its line feed was being written when its process was killed, and is left out.
 *
 * @throws SyntaxError or `z.ZodError` for a line that is not one
 */
export function readTaken(text: string): Taken[] {
  return text
    .split('\n')
    .slice(0, -1)
    .filter((line) => line !== '')
    .map((line) => lineSchema.parse(JSON.parse(line)));
}

/** Holds a machine's transitions against what was taken. */
export function coverageOf(
  { machine, transitions }: Pick<PlanDocument, 'machine' | 'transitions'>,
  all: readonly Taken[],
): Coverage {
  const taken = all.filter((each) => each.machine === machine);
  const levelsOf = (id: string): string[] =>
    [...new Set(taken.filter(({ transition }) => transition === id).map(({ level }) => level))].sort();
  const rows = transitions.map((transition) => ({ ...transition, levels: levelsOf(transition.id) }));
  const names = new Set(transitions.map(({ id }) => id));
  return {
    machine,
    levels: [...new Set(taken.map(({ level }) => level))].sort(),
    transitions: rows,
    covered: rows.filter(({ levels }) => levels.length > 0).length,
    unknown: [...new Set(taken.map(({ transition }) => transition))].filter((id) => !names.has(id)).sort(),
  };
}

/** For readers: what is not covered first, then everything. Without a line feed at its end. */
export function coverageText({ machine, transitions, covered, levels, unknown }: Coverage): string {
  const width = Math.max(0, ...transitions.map(({ id }) => id.length));
  const row = ({ id, to, levels: of }: CoveredTransition): string =>
    `  ${of.length === 0 ? '✗' : '✓'} ${id.padEnd(width)} → ${to.padEnd(12)} ${of.join(', ')}`.trimEnd();
  const missing = transitions.filter(({ levels: of }) => of.length === 0);
  return [
    `${machine}: ${String(covered)} of ${String(transitions.length)} transitions taken by the last test run (${levels.join(', ')})`,
    ...transitions.map(row),
    ...(missing.length === 0 ? [] : [`not covered: ${missing.map(({ id }) => id).join(', ')}`]),
    ...(unknown.length === 0 ? [] : [`not in this machine: ${unknown.join(', ')}`]),
  ].join('\n');
}
