import type { AnyStateMachine } from 'xstate';
import { updateMachine } from '../../../src/machines/update.machine.ts';
import { updateSetup } from '../../../src/machines/update.setup.ts';

/** The config of a state, as loosely as tests change it. */
export type StateConfig = Readonly<Record<string, unknown>>;

/** The states of the update machine, by name. */
export const UPDATE_STATES = updateMachine.config.states as unknown as Readonly<Record<string, StateConfig>>;

/** A copy of the update machine in which some states are others, or new. */
export function copyWith(changed: Readonly<Record<string, StateConfig>>): AnyStateMachine {
  const states = { ...UPDATE_STATES, ...changed };
  return updateSetup.createMachine({
    ...updateMachine.config,
    states,
  } as never) as unknown as AnyStateMachine;
}
