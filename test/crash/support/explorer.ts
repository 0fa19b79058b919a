/**
 * The enumeration: a scenario is lived through once; then the host is crashed at every effect of it, in every way that is allowed, and
 * started again on what is left; and those recoveries are crashed in their turn, down to a depth.
 *
 * Invariant: everything follows from the scenario, the bounds and the seed. A violation carries the crashes that led to it, and
 * {@link replay} goes the same way again.
 */
import { committedViolations } from '../../model/support/invariants.ts';
import type { StateView } from '../../model/support/state-view.ts';
import { crash, type CrashPoint } from './crash-point.ts';
import { keyOf } from './image.ts';
import { judge, look, type Demands } from './judge.ts';
import { lossesOf, randomLosses } from './losses.ts';
import type { Material } from './material.ts';
import { createRandom, type Random } from './random.ts';
import { behaviourOf, type Scenario } from './scenarios.ts';
import { createWorld, type Ground, type Situation, type World } from './world.ts';

/** How far the enumeration goes. */
export interface Bounds {
  /** At a crash point, all combinations of losses while they are at most so many, else so many of them. */
  readonly losses: number;
  /** How many crashes in a row. */
  readonly depth: number;
  /** How many crashes of each recovery are tried, on average. */
  readonly nested: number;
  /** The share of recovered hosts that are started a second time, 0 to 1. */
  readonly again: number;
  /** The share of recovered hosts that live on until they have arrived, 0 to 1. */
  readonly onward: number;
}

/** What was explored. */
export interface Tally {
  /** Effects at which a host was crashed, nested ones included. */
  points: number;
  /** Combinations of losses that were made. */
  states: number;
  /** Those that were different from all before, and recovered on. */
  recoveries: number;
  /** Recovered hosts that lived on to the end. */
  onward: number;
  /** Recovered hosts that were started once more. */
  again: number;
  /** The deepest chain of crashes. */
  deepest: number;
}

/** A host that broke an invariant. */
export interface Violation {
  readonly scenario: string;
  readonly points: readonly CrashPoint[];
  /** For people: what was about to happen at each crash. */
  readonly where: readonly string[];
  readonly lines: readonly string[];
}

/** What {@link explore} found. */
export interface Exploration {
  readonly scenario: string;
  /** Effects of the scenario itself. */
  readonly effects: number;
  readonly tally: Tally;
  readonly violations: readonly Violation[];
}

/** A moment at which the host was at rest, so that everything is acknowledged. */
interface Rest {
  readonly at: number;
  readonly view: StateView;
}

/** How a host is made to be wrong: put around its disk or adapters. */
export type Mutation = Pick<Ground, 'wrapDisk' | 'adapt'>;

const NONE: Mutation = {};

/** What names the processes. */
const RECORDS = ['workload.json', 'workload-beside.json'];

/** By then the next checks have come, and refused bytes have been fetched again. */
const LONG_MS = 6 * 3_600_000;

function groundOf(scenario: Scenario, material: Material, mutation: Mutation): Ground {
  return { material, behaviour: behaviourOf(scenario), swap: scenario.swap, ...mutation };
}

/** Lives through a scenario. */
async function live(
  scenario: Scenario,
  material: Material,
  mutation: Mutation,
): Promise<{ world: World; rests: Rest[] }> {
  const before = await scenario.before(material);
  const ground = groundOf(scenario, material, mutation);
  const world = await createWorld(before, {
    ...ground,
    ...(scenario.adapt === undefined
      ? {}
      : {
          adapt: (ports) => scenario.adapt?.(mutation.adapt?.(ports) ?? ports) ?? ports,
        }),
  });
  const rests: Rest[] = [];
  const rest = async (): Promise<void> => {
    rests.push({ at: world.tape.next, view: await look(world) });
  };
  rests.push({ at: 0, view: await look(await createWorld(before, ground)) });
  await world.boot();
  await world.settle();
  await rest();
  await scenario.act(world, rest);
  return { world, rests };
}

/** What a host that crashed before effect `at` must keep. */
function demandsAt(
  rests: readonly Rest[],
  at: number,
): { allowed: Demands['allowed']; before: StateView | null } {
  const past = rests.filter((rest) => rest.at <= at);
  const last = past.at(-1) ?? rests[0];
  const next = rests.find((rest) => rest.at > at);
  // What is still on its trial may be gone back from.
  const committed = past.findLast(({ view }) => committedViolations(view).length === 0);
  return {
    allowed: [committed, last, next].flatMap((rest) => (rest === undefined ? [] : [rest.view.current])),
    before: last?.view ?? null,
  };
}

interface Job {
  readonly scenario: Scenario;
  readonly material: Material;
  readonly mutation: Mutation;
  readonly bounds: Bounds;
  readonly random: Random;
  readonly tally: Tally;
  readonly seen: Set<string>;
  readonly violations: Violation[];
}

/** Everything about a situation that decides what becomes of it. */
function keyOfSituation({ image, journal, journalLost, table }: Situation, allowed: string): string {
  const ignore = table.processes.length === 0 ? RECORDS : [];
  const calls = journal.map(({ method, args }) => [method, args]);
  const running = table.processes.map(({ pid, version }) => `${String(pid)} ${version}`);
  return JSON.stringify([keyOf(image, ignore), calls, journalLost, running, allowed]);
}

const message = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);

/** What a recovered host has come to. */
interface Recovered {
  readonly world: World;
  readonly view: StateView;
  readonly lines: string[];
}

/** Starts a daemon on a situation and lets it come to rest, then judges. */
async function recover(job: Job, situation: Situation, demands: Demands): Promise<Recovered | string[]> {
  const world = await createWorld(situation, groundOf(job.scenario, job.material, job.mutation));
  // What was there when it started may not go back either, durable or not.
  const found = await look(world);
  try {
    await world.boot();
    await world.settle();
    const lines = await judge(world, { ...demands, before: [...demands.before, found] });
    return { world, view: await look(world), lines };
  } catch (error) {
    return [`recovery does not end: ${message(error)}`, ...world.violations];
  }
}

/** Starts a recovered host again: nothing is left to repair. */
async function startAgain(job: Job, { world, view }: Recovered, demands: Demands): Promise<string[]> {
  const left = world.situation();
  const before = keyOf(left.image, RECORDS);
  const history = JSON.stringify(await world.journal.history(1_000));
  const second = await recover(job, left, { ...demands, allowed: [view.current], journal: left.journal });
  if (!('world' in second)) return second.map((line) => `at the second start: ${line}`);
  const lines = second.lines.map((line) => `at the second start: ${line}`);
  if (keyOf(second.world.situation().image, RECORDS) !== before)
    lines.push('the second start found something to repair');
  if (JSON.stringify(await second.world.journal.history(1_000)) !== history)
    lines.push('the second start changed the history');
  return lines;
}

/** Lets a recovered host live until the scenario's goal must be reached. */
async function goOn(job: Job, { world }: Recovered, demands: Demands): Promise<string[]> {
  const { goal } = job.scenario;
  if (goal === undefined) return [];
  try {
    await world.pass(LONG_MS);
    await world.settle();
  } catch (error) {
    return [`living on does not end: ${message(error)}`, ...world.violations];
  }
  const view = await look(world);
  const lines = await judge(world, {
    ...demands,
    allowed: [view.current],
    journal: demands.journal,
  });
  return [...lines, ...goal(view, job.material)].map((line) => `in the long run: ${line}`);
}

/** What was about to happen when a host crashed. */
function describe(world: World, { at }: CrashPoint): string {
  const moment = world.tape.moments[at];
  return moment === undefined
    ? 'at rest, at the end'
    : `in ${moment.beside.state}, before ${moment.op} ${moment.what}`;
}

/** One crash of a world, recovery from it, and everything after. */
async function tryPoint(
  job: Job,
  world: World,
  point: CrashPoint,
  demands: Demands,
  path: { readonly points: readonly CrashPoint[]; readonly where: readonly string[] },
): Promise<void> {
  const { tally, bounds, random, scenario } = job;
  tally.states += 1;
  const situation = crash(world, point);
  const key = keyOfSituation(
    situation,
    JSON.stringify([demands.allowed, demands.before.map(({ floor, heads }) => [floor, heads])]),
  );
  if (job.seen.has(key)) return;
  job.seen.add(key);
  tally.recoveries += 1;
  const points = [...path.points, point];
  tally.deepest = Math.max(tally.deepest, points.length);
  const where = [...path.where, describe(world, point)];
  const complain = (lines: readonly string[]): void => {
    if (lines.length > 0) job.violations.push({ scenario: scenario.name, points, where, lines });
  };

  const here: Demands = { ...demands, journal: situation.journalLost ? null : situation.journal };
  const recovered = await recover(job, situation, here);
  if (!('world' in recovered)) {
    complain(recovered);
    return;
  }
  complain(recovered.lines);
  if (recovered.lines.length > 0) return;
  const end = recovered.world.tape.next;
  if (random.next() < bounds.again) {
    tally.again += 1;
    complain(await startAgain(job, recovered, here));
  }
  if (points.length < bounds.depth) await nest(job, recovered, here, { points, where }, end);
  if (random.next() < bounds.onward) {
    tally.onward += 1;
    complain(await goOn(job, recovered, here));
  }
}

/** Crashes a recovery at some places, by chance. */
async function nest(
  job: Job,
  { world, view }: Recovered,
  demands: Demands,
  path: { readonly points: readonly CrashPoint[]; readonly where: readonly string[] },
  end: number,
): Promise<void> {
  const { random, bounds } = job;
  for (let left = bounds.nested; left > 0 && random.next() < left; left -= 1) {
    const at = random.below(end + 1);
    job.tally.points += 1;
    const point = chancePoint(world, at, random);
    // Once it has come to rest in `idle`, what it has become is acknowledged.
    const rested = at === end ? { allowed: [view.current], before: [...demands.before, view] } : {};
    await tryPoint(job, world, point, { ...demands, ...rested }, path);
  }
}

/** All crashes right before an effect. */
function* pointsAt(
  world: World,
  at: number,
  losses: number,
  random: Random,
): Generator<CrashPoint, void, undefined> {
  const pending = world.sim.pendingAt(at);
  yield { at, how: 'kill', journalLost: false, losses: new Map() };
  yield { at, how: 'kill', journalLost: true, losses: new Map() };
  for (const lost of lossesOf(pending, losses, random).tried) {
    yield { at, how: 'power', journalLost: false, losses: lost };
    yield { at, how: 'power', journalLost: true, losses: lost };
  }
}

/** One crash right before an effect, by chance. */
function chancePoint(world: World, at: number, random: Random): CrashPoint {
  const journalLost = random.next() < 0.15;
  if (random.next() < 0.25) return { at, how: 'kill', journalLost, losses: new Map() };
  const losses = randomLosses(world.sim.pendingAt(at), random);
  return { at, how: 'power', journalLost, losses };
}

/** What {@link explore} is told. */
export interface ExploreOptions {
  readonly bounds: Bounds;
  readonly seed: string | number;
  readonly mutation?: Mutation;
  /** Stops after so many violations; 20 unless told. */
  readonly mostViolations?: number;
  /** Begins with the last effect, where everything must be durable. */
  readonly fromTheEnd?: boolean;
  /** Stops when this says so. */
  readonly enough?: () => boolean;
}

/** Explores a scenario. */
export async function explore(
  scenario: Scenario,
  material: Material,
  options: ExploreOptions,
): Promise<Exploration> {
  const { mutation = NONE, mostViolations = 20, enough = () => false } = options;
  const tally: Tally = { points: 0, states: 0, recoveries: 0, onward: 0, again: 0, deepest: 0 };
  const job: Job = {
    scenario,
    material,
    mutation,
    bounds: options.bounds,
    random: createRandom(`${scenario.name} ${String(options.seed)}`),
    tally,
    seen: new Set(),
    violations: [],
  };
  const { world, rests } = await live(scenario, material, mutation);
  if (world.violations.length > 0)
    job.violations.push({
      scenario: scenario.name,
      points: [],
      where: ['without a crash'],
      lines: world.violations,
    });
  const end = world.tape.next;
  for (let step = 0; step <= end; step += 1) {
    const at = options.fromTheEnd === true ? end - step : step;
    tally.points += 1;
    for (const point of pointsAt(world, at, options.bounds.losses, job.random)) {
      if (job.violations.length >= mostViolations || enough())
        return { scenario: scenario.name, effects: end, tally, violations: job.violations };
      await tryPoint(job, world, point, demandsOf(job, rests, at), { points: [], where: [] });
    }
  }
  return { scenario: scenario.name, effects: end, tally, violations: job.violations };
}

function demandsOf({ scenario, material }: Job, rests: readonly Rest[], at: number): Demands {
  const { allowed, before } = demandsAt(rests, at);
  return {
    allowed,
    before: before === null ? [] : [before],
    journal: null,
    cleared: scenario.cleared?.(material) ?? [],
  };
}

/**
 * Goes the way of one violation again.
 *
 * @param points - the crashes, first to last
 * @returns what is wrong at its end, as lines; and what was about to happen at each crash
 */
export async function replay(
  scenario: Scenario,
  material: Material,
  points: readonly CrashPoint[],
  mutation: Mutation = NONE,
): Promise<{ readonly lines: readonly string[]; readonly where: readonly string[] }> {
  const tally: Tally = { points: 0, states: 0, recoveries: 0, onward: 0, again: 0, deepest: 0 };
  const job: Job = {
    scenario,
    material,
    mutation,
    bounds: { losses: 1, depth: 1, nested: 0, again: 1, onward: 1 },
    random: createRandom(0),
    tally,
    seen: new Set(),
    violations: [],
  };
  const { world, rests } = await live(scenario, material, mutation);
  let from = world;
  let demands = demandsOf(job, rests, points[0]?.at ?? 0);
  const where: string[] = [];
  for (const [index, point] of points.entries()) {
    where.push(describe(from, point));
    if (index === points.length - 1) {
      await tryPoint(job, from, point, demands, { points: [], where: [] });
      break;
    }
    const situation = crash(from, point);
    demands = { ...demands, journal: situation.journalLost ? null : situation.journal };
    const recovered = await recover(job, situation, demands);
    if (!('world' in recovered)) return { lines: recovered, where };
    from = recovered.world;
    if (points[index + 1]?.at === from.tape.next)
      demands = {
        ...demands,
        allowed: [recovered.view.current],
        before: [...demands.before, recovered.view],
      };
  }
  return { lines: [...world.violations, ...job.violations.flatMap(({ lines }) => lines)], where };
}
