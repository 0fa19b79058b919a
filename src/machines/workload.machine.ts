/**
 * The supervision of the workload as a statechart: start, crash, back off, start again; stop when asked. Pure.
 *
 * Invariants that this file keeps:
 * - At most one process group at a time: `starting` is entered only when the group before is gone.
 * - A stop that is asked for while the machine cannot take it is not lost: `stopWanted` is looked at on the way out.
 * - A group that would not end is not forgotten: `pid` is kept in `stopped`, and the next `STOP` tries again.
 * - It never gives up: a crash always leads to another start, later and later up to a cap.
 */
import { assign, setup } from 'xstate';
import type { ErrorRecord, UpdateError } from '../errors.ts';
import type { WorkloadSteps } from '../steps.ts';
import type { LaunchTarget } from '../types.ts';
import { undeclared } from './undeclared.ts';
import { workloadRejects } from './workload.errors.ts';

/** What the workload machine remembers; JSON throughout. */
export interface WorkloadContext {
  readonly target: LaunchTarget | null;
  readonly pid: number | null;
  /** Crashes in a row; a run that was long enough sets it back to 0. */
  readonly crashes: number;
  /** Starts after a crash since `START`. */
  readonly restarts: number;
  /** How the last process ended, for people. */
  readonly lastExit: string | null;
  /** Why the last start or stop failed. */
  readonly error: ErrorRecord | null;
  readonly stopWanted: boolean;
}

/** What the outside may tell it. */
export type WorkloadEvent =
  { readonly type: 'START'; readonly target: LaunchTarget } | { readonly type: 'STOP' };

const step = <Name extends keyof WorkloadSteps>(name: Name) =>
  undeclared<WorkloadSteps[Name]['output'], WorkloadSteps[Name]['input']>(name);

const thrown = ({ event }: { event: { error: unknown } }): UpdateError => event.error as UpdateError;

/** The workload machine; services by `workloadMachine.provide({ actors })`. */
export const workloadMachine = setup({
  types: { context: {} as WorkloadContext, events: {} as WorkloadEvent },
  actors: {
    launch: step('launch'),
    attend: step('attend'),
    sweep: step('sweep'),
    backOff: step('backOff'),
    terminate: step('terminate'),
  },
  guards: {
    stopWanted: ({ context }) => context.stopWanted,
    leftBehind: ({ context }) => context.pid !== null,
  },
  actions: {
    aim: assign((_, { target }: { target: LaunchTarget }) => ({
      target,
      pid: null,
      crashes: 0,
      restarts: 0,
      lastExit: null,
      error: null,
      stopWanted: false,
    })),
    noteStarted: assign((_, { pid }: { pid: number }) => ({ pid, error: null })),
    noteExit: assign(({ context }, { exit, calm }: { exit: string; calm: boolean }) => ({
      lastExit: exit,
      crashes: calm ? 1 : context.crashes + 1,
    })),
    noteLaunchFailure: assign(({ context }, { error }: { error: UpdateError }) => ({
      pid: null,
      lastExit: error.message,
      crashes: context.crashes + 1,
      error: error.toRecord(),
    })),
    noteError: assign((_, { error }: { error: UpdateError }) => ({ error: error.toRecord() })),
    countRestart: assign(({ context }) => ({ restarts: context.restarts + 1 })),
    wantStop: assign({ stopWanted: true }),
    forgetProcess: assign({ pid: null }),
    noteStopped: assign({ pid: null, error: null }),
  },
}).createMachine({
  id: 'workload',
  description: 'Keeps one program running, whether or not an update is under way.',
  context: {
    target: null,
    pid: null,
    crashes: 0,
    restarts: 0,
    lastExit: null,
    error: null,
    stopWanted: false,
  },
  initial: 'stopped',
  states: {
    stopped: {
      description: 'Nothing runs, and nothing is meant to.',
      on: {
        START: { target: 'starting', actions: { type: 'aim', params: ({ event }) => event } },
        STOP: { guard: 'leftBehind', target: 'stopping' },
      },
    },
    starting: {
      description: 'The program is started through the gate.',
      meta: workloadRejects('launch'),
      invoke: {
        id: 'launch',
        src: 'launch',
        input: ({ context }) => {
          if (context.target === null) throw new Error('the workload machine has no target in `starting`');
          return { target: context.target };
        },
        onDone: [
          {
            guard: 'stopWanted',
            target: 'stopping',
            actions: { type: 'noteStarted', params: ({ event }) => event.output },
          },
          { target: 'running', actions: { type: 'noteStarted', params: ({ event }) => event.output } },
        ],
        onError: {
          target: 'crashed',
          actions: { type: 'noteLaunchFailure', params: (args) => ({ error: thrown(args) }) },
        },
      },
      on: { STOP: { actions: 'wantStop' } },
    },
    running: {
      description: 'The program runs.',
      meta: workloadRejects('attend'),
      invoke: {
        id: 'attend',
        src: 'attend',
        input: ({ context }) => ({ pid: context.pid ?? 0 }),
        onDone: { target: 'crashed', actions: { type: 'noteExit', params: ({ event }) => event.output } },
        onError: {
          target: 'crashed',
          actions: { type: 'noteLaunchFailure', params: (args) => ({ error: thrown(args) }) },
        },
      },
      on: { STOP: 'stopping' },
    },
    crashed: {
      description: 'It ended without being asked; what is left of its group is ended too.',
      meta: workloadRejects('sweep'),
      invoke: {
        id: 'sweep',
        src: 'sweep',
        input: ({ context }) => ({ pid: context.pid }),
        onDone: [
          { guard: 'stopWanted', target: 'stopped', actions: 'forgetProcess' },
          { target: 'backingOff', actions: 'forgetProcess' },
        ],
        onError: {
          target: 'backingOff',
          actions: { type: 'noteError', params: (args) => ({ error: thrown(args) }) },
        },
      },
      on: { STOP: { actions: 'wantStop' } },
    },
    backingOff: {
      description: 'Waits before the next start: twice as long after each crash in a row, up to a cap.',
      meta: workloadRejects('backOff'),
      always: { guard: 'stopWanted', target: 'stopped' },
      invoke: {
        id: 'backOff',
        src: 'backOff',
        input: ({ context }) => ({ crashes: context.crashes }),
        onDone: { target: 'starting', actions: 'countRestart' },
      },
      on: { STOP: 'stopped' },
    },
    stopping: {
      description: 'SIGTERM, then SIGKILL to the whole group after the grace.',
      meta: workloadRejects('terminate'),
      invoke: {
        id: 'terminate',
        src: 'terminate',
        input: ({ context }) => ({ pid: context.pid }),
        onDone: { target: 'stopped', actions: 'noteStopped' },
        onError: {
          target: 'stopped',
          actions: { type: 'noteError', params: (args) => ({ error: thrown(args) }) },
        },
      },
    },
  },
});
