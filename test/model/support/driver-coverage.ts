/** Writes down which transitions a test run takes, for `core statechart coverage`. */
import { appendFileSync, mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { takenLine } from '../../../src/statechart/plans/index.ts';

/** Where the lines go; ignored by git. */
export const COVERAGE_FOLDER = join(import.meta.dirname, '../../../coverage/statechart');

/** Which sort of run it is. */
export type Level = 'machine' | 'real' | 'e2e' | 'walk';

/** Takes names of transitions; each is written once. */
export type TransitionRecorder = (transitions: Iterable<string>) => void;

/**
 * Makes a recorder for this process. What it is given is on disk when it returns, so that a run which is killed is not lost.
 *
 * @param level - which sort of run
 * @param machine - the machine's id
 * @example
 * const record = recordTransitions('real');
 * createActor(machine, { inspect: (event) => { if (event.type === '@xstate.microstep') record(event._transitions.map(transitionId)); } });
 */
export function recordTransitions(
  level: Level,
  machine = 'update',
  folder = COVERAGE_FOLDER,
): TransitionRecorder {
  const written = new Set<string>();
  const file = join(folder, `${level}-${machine}-${String(process.pid)}.jsonl`);
  return (transitions) => {
    const fresh = [...new Set(transitions)].filter((transition) => !written.has(transition));
    if (fresh.length === 0) return;
    mkdirSync(folder, { recursive: true });
    appendFileSync(file, fresh.map((transition) => takenLine({ machine, level, transition })).join(''));
    for (const transition of fresh) written.add(transition);
  };
}

/** Vitest's global set-up: what an earlier run took says nothing about this one. */
export default async function forgetEarlierRuns(): Promise<void> {
  await rm(COVERAGE_FOLDER, { recursive: true, force: true });
}
