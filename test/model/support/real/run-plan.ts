/** Runs a plan on the real system, step by step: the world is arranged, the real service let go, the real machine looked at. */
import { expect } from 'vitest';
import { UpdateError } from '../../../../src/errors.ts';
import type { Plan, PlanStep } from '../../../../src/statechart/plans/index.ts';
import type { StepName } from '../../../../src/steps.ts';
import { afterwards, lookBefore } from './aftermath.ts';
import { createRealHost, ORDINARY, type HostSettings, type Life } from './host.ts';
import { within } from './patience.ts';
import type { Past, Pasts } from './past.ts';
import type { Shelf } from './shelf.ts';
import { askedBy, causeOf } from './table.ts';
import type { Seen } from './transitions-seen.ts';
import { createWorld, type OfferSpec, type World } from './world.ts';

/** What a plan's causes ask of the world from its beginning. */
interface Setting {
  readonly past: Past;
  readonly settings: HostSettings;
  readonly offer: OfferSpec;
}

const DEFAULT_OFFER: OfferSpec = { version: '1.2.0', behaviour: 'healthy' };

function settingOf(steps: readonly PlanStep[]): Setting {
  const causes = steps.map((step) => {
    const cause = causeOf(step);
    if (cause === null) throw new Error(`no row in the table of causes: ${askedBy(step)}`);
    return cause;
  });
  const pasts = new Set(causes.flatMap(({ past }) => past ?? []));
  if (pasts.size > 1) throw new Error(`expected one past, found ${[...pasts].join(' and ')}`);
  return {
    past: [...pasts][0] ?? 'fresh',
    settings: Object.assign({ ...ORDINARY }, ...causes.map(({ settings = {} }) => settings)) as HostSettings,
    offer: Object.assign({ ...DEFAULT_OFFER }, ...causes.map(({ offer = {} }) => offer)) as OfferSpec,
  };
}

/** A plan under way. */
interface Walk {
  readonly world: World;
  readonly life: Life;
  /** What the step before ended with; null at the start. */
  last: Seen | null;
  /** Number of the first event that no step has accounted for. */
  cursor: number;
  readonly undo: (() => Promise<void>)[];
}

async function runService(walk: Walk, step: Extract<PlanStep, { do: 'resolve' | 'reject' }>): Promise<Seen> {
  const { life, world } = walk;
  const service = step.service as StepName;
  // `watch` has nothing to wait for where nothing is watched.
  const isOver = step.do === 'resolve' && step.branch === 'ignored';
  const cause = causeOf(step);
  if (!isOver) await life.reached(service);
  await cause?.arrange?.(world);
  life.pacing.admit(service);
  const event = `xstate.${step.do === 'resolve' ? 'done' : 'error'}.actor.${service}`;
  const other = `xstate.${step.do === 'resolve' ? 'error' : 'done'}.actor.${service}`;
  const ended = life.sightings.next(walk.cursor, (seen) => seen.event === event || seen.event === other);
  await cause?.during?.(world);
  const seen = await ended;
  expect({ event: seen.event, code: seen.code }).toEqual({
    event,
    code: step.do === 'reject' ? step.code : null,
  });
  return seen;
}

function ask(
  { api, outside }: Life,
  step: Extract<PlanStep, { do: 'send' }>,
  file: string,
): Promise<unknown> {
  return outside(async () => {
    switch (step.event) {
      case 'CHECK':
        return api.update({ dryRun: step.case === 'report' });
      case 'APPLY':
        return api.apply(file);
      case 'ROLLBACK':
        return api.rollback(null);
      case 'PAUSE':
        return api.pause(null);
      case 'RESUME':
        return api.resume();
      case 'RETRY':
        return api.retry();
      default:
        throw new Error(`nobody can send ${step.event}: add it to the runner of plans`);
    }
  });
}

async function send(walk: Walk, step: Extract<PlanStep, { do: 'send' }>): Promise<Seen | null> {
  const { life, world } = walk;
  const [answer] = await Promise.allSettled([ask(life, step, world.bundleFile)]);
  const seen = life.sightings.all.slice(walk.cursor).find(({ event }) => event === step.event);
  if (step.accepted) {
    expect(answer).toMatchObject({ status: 'fulfilled' });
    return seen ?? life.sightings.next(walk.cursor, ({ event }) => event === step.event);
  }
  // Either the daemon refuses before it tells the machine, or the machine takes no notice.
  if (answer.status === 'rejected') {
    expect(answer.reason).toBeInstanceOf(UpdateError);
    expect(seen).toBeUndefined();
  } else expect(seen).toMatchObject({ taken: [] });
  return null;
}

async function stop(walk: Walk): Promise<null> {
  const { life } = walk;
  const before = life.sightings.all.length;
  await life.stop();
  expect(life.sightings.all.slice(before).flatMap(({ taken }) => taken)).toEqual([]);
  return null;
}

function compare(walk: Walk, step: PlanStep, seen: Seen): void {
  const { state, context } = seen;
  expect({ state }).toEqual({ state: step.expect });
  const { ended, paused } = context;
  if (step.ended !== undefined)
    expect({
      outcome: ended?.outcome,
      stage: ended?.stage,
      code: ended?.error?.code ?? null,
    }).toEqual(step.ended);
  if (step.paused !== undefined) expect({ paused: paused?.code ?? null }).toEqual({ paused: step.paused });
  walk.last = seen;
  walk.cursor = walk.life.sightings.all.indexOf(seen) + 1;
}

async function mend({ life, undo }: Walk): Promise<void> {
  const unmet = life.faults.unmet();
  life.faults.clear();
  for (const each of undo.splice(0).reverse()) await each();
  expect(unmet).toEqual([]);
}

async function runStep(walk: Walk, step: PlanStep): Promise<void> {
  const seen =
    step.do === 'send'
      ? await send(walk, step)
      : step.do === 'stop'
        ? await stop(walk)
        : await runService(walk, step);
  if (seen !== null) compare(walk, step, seen);
  await mend(walk);
}

/** What a plan did. */
export interface Ran {
  /** Names of all transitions that the machine took, in order. */
  readonly taken: readonly string[];
}

/**
 * Runs a plan on a host of its own, and then judges what is left of it: at once, and after another start of the daemon.
 */
export async function runPlan(plan: Plan, shelf: Shelf, pasts: Pasts): Promise<Ran> {
  const { steps } = plan;
  const setting = settingOf(steps);
  await using host = await createRealHost(shelf);
  await pasts.give(host, setting.past);
  const before = await lookBefore(host);
  const lives: Life[] = [];
  const undo: (() => Promise<void>)[] = [];
  const way = steps.some((step) => step.do === 'send' && step.event === 'APPLY') ? 'file' : 'feed';
  const world = await createWorld(
    host,
    shelf,
    { way, ...setting },
    () => {
      const life = lives.at(-1);
      if (life === undefined) throw new Error('no daemon was started yet');
      return life;
    },
    (effect) => {
      undo.push(async () => {
        await effect();
      });
    },
  );
  const life = await host.start(setting.settings);
  lives.push(life);
  const walk: Walk = { world, life, last: null, cursor: 0, undo };
  for (const step of steps) await within(askedBy(step), runStep(walk, step), () => life.log());
  expect(life.fatal).toEqual([]);
  if (steps.at(-1)?.do !== 'stop' && plan.transition !== null)
    expect(walk.last?.taken).toEqual([plan.transition, ...plan.then]);
  const again = await afterwards(world, before);
  return { taken: [...life.sightings.all, ...again.sightings.all].flatMap(({ taken }) => taken) };
}
