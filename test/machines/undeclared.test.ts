import { describe, expect, it } from 'vitest';
import { createActor, type AnyActorLogic, type AnyStateMachine } from 'xstate';
import { updateMachine } from '../../src/machines/update.machine.ts';
import { workloadMachine } from '../../src/machines/workload.machine.ts';
import { settle } from './scripted.ts';
import { STEPS } from './update.harness.ts';

/** What a service of a machine rejects with, by itself, when nobody provided it. */
async function faultOf(machine: AnyStateMachine, name: string): Promise<unknown> {
  const actors = machine.implementations.actors as Record<string, AnyActorLogic>;
  const actor = createActor(actors[name]!, { input: {} });
  const faults: unknown[] = [];
  actor.subscribe({ error: (fault) => faults.push(fault) });
  actor.start();
  await settle();
  expect(faults).toHaveLength(1);
  return faults[0];
}

const complaint = (name: string): Error =>
  new Error(`service "${name}" was not provided: use machine.provide({ actors: { ${name} } })`);

describe('a machine without its services', () => {
  it.each(STEPS)('the update machine says that %s was not provided', async (name) => {
    expect(await faultOf(updateMachine, name)).toEqual(complaint(name));
  });

  it.each(['launch', 'attend', 'sweep', 'backOff', 'terminate'])(
    'the workload machine says that %s was not provided',
    async (name) => {
      expect(await faultOf(workloadMachine, name)).toEqual(complaint(name));
    },
  );
});
