/** Whether a simulated host that has come to rest after a crash keeps every invariant. */
import { statePaths } from '../../../src/adapters/state-dir.ts';
import { versionFloor } from '../../../src/services/admission.ts';
import type { VersionRef } from '../../../src/types.ts';
import {
  attemptViolations,
  committedViolations,
  currentViolations,
  forgottenViolations,
  progressViolations,
  runningViolations,
  settledViolations,
} from '../../model/support/invariants.ts';
import { lookAtState, type StateView } from '../../model/support/state-view.ts';
import { recordedJournal, type JournalEntry } from '../../fakes/recorded-journal.ts';
import { BASELINE_ENTRY, STATE_DIR } from './daemon.ts';
import type { World } from './world.ts';

const PATHS = statePaths(STATE_DIR);
/** More than any scenario has. */
const ALL = 1_000;

/** The state directory of a simulated host. */
export const look = ({ sim, baseline }: World): Promise<StateView> =>
  lookAtState(sim.disk, PATHS, { version: baseline, entry: BASELINE_ENTRY });

/** What a host must keep. */
export interface Demands {
  /** What may be current. */
  readonly allowed: readonly VersionRef[];
  /** Views that were true, and durable, at some time before; nothing of them may have gone back. */
  readonly before: readonly StateView[];
  /** What the journal knew when the host crashed; null when it was lost. */
  readonly journal: readonly JournalEntry[] | null;
  /** Digests that somebody cleared from quarantine. */
  readonly cleared: readonly string[];
}

/** The attempts that a journal knows, and how they ended. */
async function attemptsOf(entries: readonly JournalEntry[]): Promise<Map<string, string | null>> {
  const journal = await recordedJournal({ clock: { now: () => 0 }, entries });
  return new Map((await journal.history(ALL)).map(({ id, outcome }) => [id, outcome]));
}

/** What is wrong with a host that is at rest, as lines; none when all is well. */
export async function judge(world: World, demands: Demands): Promise<string[]> {
  const view = await look(world);
  const { cleared } = demands;
  const paused = world.daemon()?.context().paused ?? null;
  const history = await world.journal.history(ALL);
  const attempts = {
    history,
    inFlight: await world.journal.inFlight(),
    pausedBy: paused?.code ?? null,
  };
  const found = [
    ...world.violations,
    ...settledViolations(view),
    ...currentViolations(view, demands.allowed),
    ...committedViolations(view),
    ...runningViolations(view, world.processes.running()),
    ...attemptViolations(view, attempts, { cleared }),
    ...demands.before.flatMap((before) => progressViolations(before, view, { cleared })),
  ];
  if (world.state() !== 'idle') found.push(`expected the machine in idle, found it in ${world.state()}`);
  if (paused !== null && paused.code !== 'QUARANTINE_FAILED')
    found.push(`paused by ${paused.code}: ${paused.message}`);
  const [running] = world.processes.running();
  // One that is slow needs its time after every start.
  if (running?.behaviour === 'sick') found.push(`${running.version} runs, and is not healthy`);

  const ports = world.daemon()?.ports;
  const floor = ports === undefined ? null : ((await versionFloor(ports))?.version ?? null);
  if (floor !== view.floor)
    found.push(
      `the daemon holds the version floor to be ${floor ?? 'none'}, the disk says ${view.floor ?? 'none'}`,
    );

  if (demands.journal !== null) {
    const known = await attemptsOf(demands.journal);
    found.push(...forgottenViolations([...known.keys()], attempts));
    for (const [id, outcome] of known) {
      const now = history.find((record) => record.id === id)?.outcome;
      if (outcome !== null && now !== outcome)
        found.push(`attempt ${id} had ended as ${outcome}, and now as ${now ?? 'nothing'}`);
    }
  } else if (!world.warnings.some(({ code }) => code === 'JOURNAL_DAMAGED'))
    found.push('the journal was lost, and nobody said so');
  return [...new Set(found)];
}
