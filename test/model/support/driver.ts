/** Runs a plan of the document on a machine with scripted services, and sees after each step what the plan says. */
import { createActor, type AnyStateMachine } from 'xstate';
import { expect } from 'vitest';
import type { ErrorCode } from '../../../src/error-codes.ts';
import { UpdateError } from '../../../src/errors.ts';
import type { UpdateContext } from '../../../src/machines/update.types.ts';
import type { Plan, PlanDocument, PlanStep } from '../../../src/statechart/plans/index.ts';
import { transitionId } from '../../../src/statechart/plans/index.ts';
import { scriptedWorld, settled, type ScriptedWorld } from './scripted-world.ts';

/** What a run looks like at one moment. */
export interface Moment {
  /** The step that led here; null for the start. */
  readonly step: PlanStep | null;
  readonly state: string;
  readonly context: UpdateContext;
  /** The transitions that the step took. */
  readonly taken: readonly string[];
}

/** What came of a run. */
export interface PlanRun {
  readonly moments: readonly Moment[];
  readonly world: ScriptedWorld;
  /** Every transition that was taken, in order. */
  readonly taken: readonly string[];
}

const sampleOf = (samples: PlanDocument['samples'], group: string, name: string): unknown => {
  const sample = samples[group]?.[name];
  if (sample === undefined)
    throw new Error(`expected a sample ${name} of ${group} in the document, found none`);
  return structuredClone(sample.value);
};

/** What a test sees of an attempt that ended. */
const endedView = ({ ended }: UpdateContext) =>
  ended === null ? null : { outcome: ended.outcome, stage: ended.stage, code: ended.error?.code ?? null };

/**
 * Runs a plan.
 *
 * @param machine - the machine to run it on; its services are replaced
 * @param document - what the plan's samples are in
 */
export async function runPlan(
  machine: AnyStateMachine,
  document: PlanDocument,
  plan: Plan,
): Promise<PlanRun> {
  const world = scriptedWorld(Object.keys(document.samples));
  const all: string[] = [];
  let taken: string[] = [];
  const faults: unknown[] = [];
  const actor = createActor(machine.provide({ actors: world.actors }), {
    inspect: (event) => {
      if (event.type !== '@xstate.microstep') return;
      taken.push(...event._transitions.map(transitionId));
    },
  });
  actor.subscribe({ error: (error) => faults.push(error) });
  const moments: Moment[] = [];
  const look = (step: PlanStep | null): Moment => {
    expect(faults, 'faults of the machine').toEqual([]);
    const { value, context } = actor.getSnapshot() as { value: string; context: UpdateContext };
    const moment = { step, state: value, context, taken };
    moments.push(moment);
    all.push(...taken);
    taken = [];
    return moment;
  };
  actor.start();
  await settled();
  let before = look(null);
  expect(before.state).toBe(document.initial);

  for (const step of plan.steps) {
    const waiting = world.waiting();
    if (step.do === 'resolve')
      await world.end(step.service, { value: sampleOf(document.samples, step.service, step.case) });
    if (step.do === 'reject')
      await world.end(step.service, { error: new UpdateError(step.code as ErrorCode, step.inject) });
    if (step.do === 'send') {
      actor.send(sampleOf(document.events, step.event, step.case));
      await settled();
    }
    if (step.do === 'stop') {
      expect(waiting.map(({ service }) => service)).toEqual(step.services);
      actor.stop();
      await settled();
      for (const { service, signal } of waiting)
        expect(signal.aborted, `${service} sees its signal`).toBe(true);
    }
    const after = look(step);
    const about = `${plan.id}, after: ${step.inject}`;
    expect(after.state, about).toBe(step.expect);
    if (step.ended !== undefined) expect(endedView(after.context), about).toEqual(step.ended);
    if (step.paused !== undefined) expect(after.context.paused?.code ?? null, about).toBe(step.paused);
    if (step.do === 'send' && !step.accepted) {
      expect(after.context, about).toBe(before.context);
      expect(world.waiting(), about).toEqual(waiting);
    }
    before = after;
  }
  const last = moments.at(-1)?.taken ?? [];
  expect(last, plan.id).toEqual([...(plan.transition === null ? [] : [plan.transition]), ...plan.then]);
  actor.stop();
  return { moments, world, taken: all };
}
