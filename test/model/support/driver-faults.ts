/** Machines that are broken on purpose, to see that the walks find it. */
import type { AnyStateMachine } from 'xstate';
import { copyWith, UPDATE_STATES, type StateConfig } from './driver-copy.ts';

const invocationOf = (state: string): StateConfig => UPDATE_STATES[state]?.['invoke'] as StateConfig;

const reinvoked = (state: string, change: StateConfig): Record<string, StateConfig> => ({
  [state]: { ...UPDATE_STATES[state], invoke: { ...invocationOf(state), ...change } },
});

/** By name: what is broken. */
export const FAULTS: Readonly<Record<string, () => AnyStateMachine>> = {
  /** A version that is not healthy is left running. */
  'probe-gives-up': () => copyWith(reinvoked('probing', { onError: { target: 'idle' } })),
  /** A quarantine that could not be written is forgotten. */
  'quarantine-forgotten': () => {
    const { onError } = invocationOf('rolledBack') as { onError: { target: string; actions: unknown[] } };
    const [pause] = onError.actions;
    return copyWith(reinvoked('rolledBack', { onError: { ...onError, actions: [pause, 'endRolledBack'] } }));
  },
  /** A commit that could not be recorded leaves the watch of the version before. */
  'stale-watch': () => {
    const { onError } = invocationOf('committed') as { onError: { target: string; actions: unknown[] } };
    const actions = onError.actions.filter((action) => action !== 'watchUnrecorded');
    return copyWith(reinvoked('committed', { onError: { ...onError, actions } }));
  },
  /** A resume that comes while start-up reads, or in the middle of an attempt, is ignored. */
  'resume-ignored': () => {
    const states = Object.keys(UPDATE_STATES).filter((state) => state !== 'idle');
    return copyWith(
      Object.fromEntries(
        states.map((state) => {
          const on = { ...(UPDATE_STATES[state]?.['on'] as object | undefined), RESUME: undefined };
          return [state, { ...UPDATE_STATES[state], on }];
        }),
      ),
    );
  },
};
