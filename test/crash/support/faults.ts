/**
 * Faults of the disk instead of crashes: at every effect of a scenario, `EIO` or `ENOSPC`, once or until somebody mends it.
 *
 * Whatever happens, nothing runs twice, what is current is complete, and nothing goes back. Once the fault is gone and the operator did
 * what the error's row says (`retry`, `resume`, or a restart of a daemon that could not start), the host arrives where it must.
 */
import { errnoError } from '../../../src/adapters/disk.ts';
import { UpdateError } from '../../../src/errors.ts';
import type { VersionRef } from '../../../src/types.ts';
import { currentViolations, progressViolations, runningViolations } from '../../model/support/invariants.ts';
import type { StateView } from '../../model/support/state-view.ts';
import { judge, look } from './judge.ts';
import type { Material } from './material.ts';
import { behaviourOf, type Scenario } from './scenarios.ts';
import { bootTable } from './sim-processes.ts';
import type { Effect } from './tape.ts';
import { createWorld, NoEnd, type Fault, type Situation, type World } from './world.ts';

/** How a disk is faulty. `full`: there is no room for anything until somebody makes some. */
export const FAULT_KINDS = ['EIO', 'ENOSPC', 'full'] as const;

/** One of {@link FAULT_KINDS}. */
export type FaultKind = (typeof FAULT_KINDS)[number];

/** A run with a fault that broke an invariant. */
export interface FaultViolation {
  readonly scenario: string;
  readonly kind: FaultKind;
  readonly at: number;
  readonly where: string;
  readonly lines: readonly string[];
}

/** What {@link injectFaults} found. */
export interface FaultRuns {
  readonly scenario: string;
  readonly runs: number;
  readonly violations: readonly FaultViolation[];
}

/** A workload that cannot be started is tried again for ever; it need not be watched for long. */
const PATIENCE = 200;

/** Longer than the supervisor waits before it tries a start again. */
const BACK_OFF_MS = 10_000;

const CHANGES = new Set([
  'mkdir', 'create', 'write', 'truncate', 'chmod', 'rename', 'symlink', 'unlink', 'rmdir', 'sync', 'fsyncDir', 'journal',
]); // prettier-ignore
/** What needs room on a disk. */
const GROWS = new Set(['mkdir', 'create', 'write', 'rename', 'symlink', 'sync', 'journal']);

/** A fault that can be mended. */
function faultAt(kind: FaultKind, at: number): { fault: Fault; mend: () => void; hit: () => Effect | null } {
  let mended = false;
  let hit: Effect | null = null;
  return {
    hit: () => hit,
    mend: () => {
      mended = true;
    },
    fault: (effect, number) => {
      if (mended || !(kind === 'EIO' ? CHANGES : GROWS).has(effect.op)) return;
      if (kind === 'full' ? number < at : number !== at) return;
      hit ??= effect;
      throw errnoError(kind === 'EIO' ? 'EIO' : 'ENOSPC', 'injected', effect.what);
    },
  };
}

/** Lets the host do what the scenario does, as far as it comes. */
async function liveOn(world: World, scenario: Scenario, lines: string[]): Promise<void> {
  try {
    await world.boot();
  } catch (error) {
    if (!(error instanceof UpdateError))
      lines.push(`the daemon did not start, and not by an UpdateError: ${String(error)}`);
    return;
  }
  try {
    await world.settle({ workload: 'any' });
    await scenario.act(world, () => Promise.resolve());
    await world.settle({ workload: 'any' });
    // A start that failed is tried again after its back-off.
    if (world.processes.running().length === 0) await world.pass(BACK_OFF_MS);
  } catch (error) {
    // A workload that cannot be started while the disk is full is tried again for ever; so is an operator's wish that is refused.
    if (!(error instanceof NoEnd) && !(error instanceof UpdateError)) throw error;
  }
}

/** What an operator does once the disk is right again. */
async function mendByHand(world: World): Promise<void> {
  const daemon = world.daemon();
  if (daemon === null) return;
  await world.settle({ workload: 'any' });
  if (world.state() === 'failed') await daemon.api.retry();
  await world.pass(300_000);
  if (daemon.context().paused !== null) await daemon.api.resume();
  await world.pass(300_000);
}

/** Whether the workload had been started, and no swap or rollback had begun, when an effect came. */
function isBeforeSwap(world: World, at: number): boolean {
  const state = world.tape.moments[at]?.beside.state ?? 'starting';
  if (state === 'swapping') return world.tape.moments[at]?.op === 'journal';
  return ['checking', 'downloading', 'verifying', 'staging', 'waiting'].includes(state);
}

interface Run {
  readonly scenario: Scenario;
  readonly material: Material;
  readonly before: Situation;
  readonly viewBefore: StateView;
  readonly allowed: readonly VersionRef[];
}

async function runWith(
  run: Run,
  kind: FaultKind,
  at: number,
): Promise<{ lines: string[]; where: string } | null> {
  const { scenario, material, before, allowed } = run;
  const ground = { material, behaviour: behaviourOf(scenario), swap: scenario.swap };
  const { fault, mend, hit } = faultAt(kind, at);
  const lines: string[] = [];
  const adapt = scenario.adapt === undefined ? {} : { adapt: scenario.adapt };
  const world = await createWorld(before, { ...ground, ...adapt, patience: PATIENCE }, fault);
  await liveOn(world, scenario, lines);
  const effect = hit();
  if (effect === null) return null;
  const where = `${effect.op} ${effect.what}`;
  const cleared = scenario.cleared?.(material) ?? [];

  const faulty = await look(world);
  // While a disk is faulty the new version may stay current that cannot be gone back from; but it is complete.
  const stored = faulty.versions.filter(({ problem }) => problem === null).map(({ ref }) => ref);
  lines.push(
    ...currentViolations(faulty, [...allowed, ...stored]),
    ...progressViolations(run.viewBefore, faulty, { cleared }),
  );
  const stopped = world.daemon() === null;
  // On a full disk nothing can be started, since its record cannot be written; what ran before must not have been stopped then.
  const untouched = kind !== 'full' || isBeforeSwap(world, at);
  // In `failed`, and at a start, what must run does though it could not be pointed to; loudly, and the next start tries again.
  const atStart = (world.tape.moments[at]?.beside.state ?? 'recovering') === 'recovering';
  const unpointed =
    world.state() === 'failed' || (atStart && world.warnings.some(({ code }) => code === 'STAGE_FAILED'));
  if (untouched && !stopped)
    lines.push(
      ...runningViolations(faulty, world.processes.running()).filter(
        (line) => !unpointed || !line.includes(' runs, but current is '),
      ),
    );
  mend();
  try {
    if (!stopped) await mendByHand(world);
    const left = world.situation();
    const table = stopped ? bootTable('after') : left.table;
    const next = await createWorld({ ...left, table }, ground);
    await next.boot();
    await next.settle();
    const demands = { allowed, before: [run.viewBefore, faulty], journal: null, cleared };
    // The journal was not lost; whether it forgot anything is judged by what it says of itself.
    lines.push(...(await judge(next, demands)).filter((line) => !line.startsWith('the journal was lost')));
    await next.pass(6 * 3_600_000);
    await next.settle();
    const end = await look(next);
    lines.push(...(scenario.goal?.(end, material) ?? []).map((line) => `in the long run: ${line}`));
    lines.push(...next.violations, ...progressViolations(faulty, end, { cleared }));
  } catch (error) {
    lines.push(
      `after it was mended: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  }
  return { lines: [...new Set([...world.violations, ...lines])], where };
}

/**
 * Injects faults into a scenario; not for one that stops its daemon.
 *
 * @param options.every - at every so many effects only; 1 for all
 */
export async function injectFaults(
  scenario: Scenario,
  material: Material,
  options: { readonly every?: number; readonly kinds?: readonly FaultKind[]; readonly from?: number } = {},
): Promise<FaultRuns> {
  const { every = 1, kinds = FAULT_KINDS, from = 0 } = options;
  const before = await scenario.before(material);
  const ground = { material, behaviour: behaviourOf(scenario), swap: scenario.swap };
  const adapt = scenario.adapt === undefined ? {} : { adapt: scenario.adapt };
  const world = await createWorld(before, { ...ground, ...adapt });
  const viewBefore = await look(world);
  const allowed = [viewBefore.current];
  await world.boot();
  await world.settle();
  await scenario.act(world, async () => {
    allowed.push((await look(world)).current);
  });
  allowed.push((await look(world)).current);

  const run: Run = { scenario, material, before, viewBefore, allowed };
  const violations: FaultViolation[] = [];
  let runs = 0;
  for (let at = from; at < world.tape.next; at += every)
    for (const kind of kinds) {
      const outcome = await runWith(run, kind, at);
      if (outcome === null) continue;
      runs += 1;
      if (outcome.lines.length > 0)
        violations.push({ scenario: scenario.name, kind, at, where: outcome.where, lines: outcome.lines });
    }
  return { scenario: scenario.name, runs, violations };
}
