import { assign, fromPromise, setup } from 'xstate';

const nothing = fromPromise(() => Promise.resolve());

/** A machine with one of everything that the generator draws. */
export const lampMachine = setup({
  types: {
    context: {} as { tries: number },
    events: {} as { type: 'ON' } | { type: 'OFF' } | { type: 'NOTE' },
  },
  actors: { heat: nothing, watch: nothing },
  guards: { warm: () => true },
  actions: { log: () => undefined, count: assign({ tries: ({ context }) => context.tries + 1 }) },
  delays: { patience: 1000 },
}).createMachine({
  id: 'lamp',
  description: 'A lamp.',
  context: { tries: 0 },
  initial: 'off',
  on: { OFF: '.off' },
  states: {
    off: {
      description: 'Dark | cold.',
      on: { ON: [{ guard: 'warm', target: 'lit' }, { target: 'heating' }], NOTE: { actions: 'log' } },
    },
    heating: {
      invoke: { id: 'heater', src: 'heat', onDone: 'lit', onError: { target: 'broken', actions: 'count' } },
    },
    lit: {
      initial: 'bright',
      invoke: [
        { id: 'heat', src: 'heat', onDone: { actions: assign({ tries: 0 }) } },
        { id: 'watch', src: 'watch', onError: '#lamp.broken' },
      ],
      after: { patience: 'off', 500: { target: '.dim' } },
      states: { bright: { always: { guard: 'warm', target: 'dim' } }, dim: { type: 'final' } },
      onDone: 'off',
    },
    broken: { entry: 'log', invoke: { src: 'watch', onDone: 'end' } },
    end: { type: 'final' },
  },
});
