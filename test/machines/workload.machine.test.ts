import { describe, expect, it } from 'vitest';
import { createActor } from 'xstate';
import { UpdateError } from '../../src/errors.ts';
import {
  workloadMachine,
  type WorkloadContext,
  type WorkloadEvent,
} from '../../src/machines/workload.machine.ts';
import type { WorkloadSteps } from '../../src/steps.ts';
import type { LaunchTarget } from '../../src/types.ts';
import { transitionName, transitionsOf } from './chart.ts';
import { scripted, settle, type Scripted } from './scripted.ts';
import { NEW, OLD } from './values.ts';

const target: LaunchTarget = { ref: OLD, entry: '/versions/1.0.0/run' };
const other: LaunchTarget = { ref: NEW, entry: '/versions/1.1.0/run' };
const START: WorkloadEvent = { type: 'START', target };
const STOP: WorkloadEvent = { type: 'STOP' };
const noStart = new UpdateError('WORKLOAD_START_FAILED', 'no such file');
const noStop = new UpdateError('WORKLOAD_STOP_FAILED', 'state D');

interface Harness extends Scripted<WorkloadSteps> {
  readonly taken: string[];
  state(): string;
  context(): WorkloadContext;
  send(event: WorkloadEvent): Promise<void>;
}

function harness(): Harness {
  const script = scripted<WorkloadSteps>(['launch', 'attend', 'sweep', 'backOff', 'terminate']);
  const taken: string[] = [];
  const actor = createActor(workloadMachine.provide({ actors: script.actors }), {
    inspect: (event) => {
      if (event.type === '@xstate.microstep') taken.push(...event._transitions.map(transitionName));
    },
  });
  actor.subscribe(({ context }) => {
    expect(JSON.parse(JSON.stringify(context))).toStrictEqual(context);
  });
  actor.start();
  return {
    ...script,
    taken,
    state: () => actor.getSnapshot().value,
    context: () => actor.getSnapshot().context,
    send: async (event) => {
      actor.send(event);
      await settle();
    },
  };
}

const stopped = async (): Promise<Harness> => harness();
const starting = async (): Promise<Harness> => {
  const h = harness();
  await h.send(START);
  return h;
};
const running = async (): Promise<Harness> => {
  const h = await starting();
  await h.say('launch', { pid: 7 });
  return h;
};
const crashed = async (): Promise<Harness> => {
  const h = await running();
  await h.say('attend', { exit: 'exit code 1', calm: false });
  return h;
};
const backingOff = async (): Promise<Harness> => {
  const h = await crashed();
  await h.say('sweep', null);
  return h;
};
const stopping = async (): Promise<Harness> => {
  const h = await running();
  await h.send(STOP);
  return h;
};
/** Stopped, but the group of pid 7 would not end. */
const leftBehind = async (): Promise<Harness> => {
  const h = await stopping();
  await h.say('terminate', noStop);
  return h;
};
const then = async (given: () => Promise<Harness>, ...events: WorkloadEvent[]): Promise<Harness> => {
  const h = await given();
  for (const event of events) await h.send(event);
  return h;
};

interface Case {
  readonly transitions: readonly string[];
  readonly title: string;
  readonly given: () => Promise<Harness>;
  readonly when: (h: Harness) => Promise<void>;
  readonly then: string;
  readonly context?: Partial<WorkloadContext>;
  readonly asks?: readonly [keyof WorkloadSteps, unknown];
}

const CASES: readonly Case[] = [
  {
    transitions: ['stopped START 0'],
    title: 'START launches the target, with a clean record',
    given: stopped,
    when: (h) => h.send(START),
    then: 'starting',
    context: { target, pid: null, crashes: 0, restarts: 0, lastExit: null, error: null, stopWanted: false },
    asks: ['launch', { target }],
  },
  {
    transitions: ['stopped STOP 0'],
    title: 'STOP tries again to end what would not end',
    given: leftBehind,
    when: (h) => h.send(STOP),
    then: 'stopping',
    asks: ['terminate', { pid: 7 }],
  },
  {
    transitions: ['starting STOP 0'],
    title: 'a stop during the start is remembered',
    given: starting,
    when: (h) => h.send(STOP),
    then: 'starting',
    context: { stopWanted: true },
  },
  {
    transitions: ['starting launch.done 0'],
    title: 'and taken once the process is there',
    given: () => then(starting, STOP),
    when: (h) => h.say('launch', { pid: 7 }),
    then: 'stopping',
    context: { pid: 7 },
    asks: ['terminate', { pid: 7 }],
  },
  {
    transitions: ['starting launch.done 1'],
    title: 'a launched program runs',
    given: starting,
    when: (h) => h.say('launch', { pid: 7 }),
    then: 'running',
    context: { pid: 7, error: null },
    asks: ['attend', { pid: 7 }],
  },
  {
    transitions: ['starting launch.error 0'],
    title: 'a launch that fails counts as a crash',
    given: starting,
    when: (h) => h.say('launch', noStart),
    then: 'crashed',
    context: {
      pid: null,
      crashes: 1,
      lastExit: 'no such file',
      error: { code: 'WORKLOAD_START_FAILED', message: 'no such file' },
    },
    asks: ['sweep', { pid: null }],
  },
  {
    transitions: ['running STOP 0'],
    title: 'STOP ends it',
    given: running,
    when: (h) => h.send(STOP),
    then: 'stopping',
    asks: ['terminate', { pid: 7 }],
  },
  {
    transitions: ['running attend.done 0'],
    title: 'a program that ends by itself crashed, and its group is swept',
    given: running,
    when: (h) => h.say('attend', { exit: 'exit code 1', calm: false }),
    then: 'crashed',
    context: { crashes: 1, lastExit: 'exit code 1' },
    asks: ['sweep', { pid: 7 }],
  },
  {
    transitions: ['running attend.error 0'],
    title: 'a program that cannot be attended counts as crashed',
    given: running,
    when: (h) => h.say('attend', new UpdateError('INTERNAL', 'no process with pid 7')),
    then: 'crashed',
    context: { pid: null, crashes: 1, error: { code: 'INTERNAL', message: 'no process with pid 7' } },
  },
  {
    transitions: ['crashed STOP 0'],
    title: 'a stop after a crash is remembered',
    given: crashed,
    when: (h) => h.send(STOP),
    then: 'crashed',
    context: { stopWanted: true },
  },
  {
    transitions: ['crashed sweep.done 0'],
    title: 'and taken once the group is gone',
    given: () => then(crashed, STOP),
    when: (h) => h.say('sweep', null),
    then: 'stopped',
    context: { pid: null },
  },
  {
    transitions: ['crashed sweep.done 1'],
    title: 'it waits before it starts again',
    given: crashed,
    when: (h) => h.say('sweep', null),
    then: 'backingOff',
    context: { pid: null },
    asks: ['backOff', { crashes: 1 }],
  },
  {
    transitions: ['crashed sweep.error 0'],
    title: 'a group that will not end is no reason to give up',
    given: crashed,
    when: (h) => h.say('sweep', noStop),
    then: 'backingOff',
    context: { error: { code: 'WORKLOAD_STOP_FAILED', message: 'state D' } },
  },
  {
    transitions: ['crashed sweep.error 0', 'backingOff always 0'],
    title: 'but a stop that was asked for meanwhile is taken',
    given: () => then(crashed, STOP),
    when: (h) => h.say('sweep', noStop),
    then: 'stopped',
    context: { pid: 7, error: { code: 'WORKLOAD_STOP_FAILED', message: 'state D' } },
  },
  {
    transitions: ['backingOff STOP 0'],
    title: 'STOP ends the waiting',
    given: backingOff,
    when: (h) => h.send(STOP),
    then: 'stopped',
  },
  {
    transitions: ['backingOff backOff.done 0'],
    title: 'then it starts again',
    given: backingOff,
    when: (h) => h.say('backOff', null),
    then: 'starting',
    context: { restarts: 1, crashes: 1 },
    asks: ['launch', { target }],
  },
  {
    transitions: ['stopping terminate.done 0'],
    title: 'what has ended is forgotten',
    given: stopping,
    when: (h) => h.say('terminate', null),
    then: 'stopped',
    context: { pid: null, error: null },
  },
  {
    transitions: ['stopping terminate.error 0'],
    title: 'what would not end is not forgotten',
    given: stopping,
    when: (h) => h.say('terminate', noStop),
    then: 'stopped',
    context: { pid: 7, error: { code: 'WORKLOAD_STOP_FAILED', message: 'state D' } },
  },
];

describe('every transition', () => {
  it.each(CASES)('$transitions: $title', async ({ transitions, given, when, then: state, context, asks }) => {
    const h = await given();
    const before = h.taken.length;
    await when(h);
    expect(h.taken.slice(before)).toEqual(transitions);
    expect(h.state()).toBe(state);
    if (context !== undefined) expect(h.context()).toMatchObject(context);
    if (asks !== undefined) expect(h.inputs(asks[0]).at(-1)).toEqual(asks[1]);
  });

  it('has a case here', () => {
    const covered = new Set(CASES.flatMap(({ transitions }) => transitions));
    expect([...covered].sort()).toEqual(transitionsOf(workloadMachine).map(transitionName).sort());
  });
});

describe('events that a state does not take', () => {
  it.each<[string, () => Promise<Harness>, WorkloadEvent]>([
    ['STOP when nothing runs', stopped, STOP],
    ['START while it starts', starting, { type: 'START', target: other }],
    ['START while it runs', running, { type: 'START', target: other }],
    ['START after a crash', crashed, { type: 'START', target: other }],
    ['START while it waits', backingOff, { type: 'START', target: other }],
    ['START while it stops', stopping, { type: 'START', target: other }],
    ['STOP while it stops', stopping, STOP],
  ])('%s', async (_, given, event) => {
    const h = await given();
    const [state, context, questions] = [h.state(), h.context(), h.asked.length];
    await h.send(event);
    expect(h.state()).toBe(state);
    expect(h.context()).toEqual(context);
    expect(h.asked).toHaveLength(questions);
  });
});

describe('the workload machine', () => {
  it('begins with nothing that runs, and nothing that was asked of it', async () => {
    expect((await stopped()).context()).toEqual({
      target: null,
      pid: null,
      crashes: 0,
      restarts: 0,
      lastExit: null,
      error: null,
      stopWanted: false,
    });
  });

  it('counts crashes in a row, and forgets them after a calm run', async () => {
    const h = await backingOff();
    await h.say('backOff', null);
    await h.say('launch', { pid: 8 });
    await h.say('attend', { exit: 'signal SIGSEGV', calm: false });
    expect(h.context()).toMatchObject({ crashes: 2, restarts: 1, lastExit: 'signal SIGSEGV' });
    await h.say('sweep', null);
    await h.say('backOff', null);
    await h.say('launch', { pid: 9 });
    await h.say('attend', { exit: 'exit code 1', calm: true });
    expect(h.context()).toMatchObject({ crashes: 1, restarts: 2 });
  });

  it('leaves the error of a failed launch until a launch works', async () => {
    const h = await starting();
    await h.say('launch', noStart);
    await h.say('sweep', null);
    await h.say('backOff', null);
    expect(h.context().error?.code).toBe('WORKLOAD_START_FAILED');
    await h.say('launch', { pid: 8 });
    expect(h.context()).toMatchObject({ pid: 8, error: null });
  });

  it('stops after a failed launch when it was asked to', async () => {
    const h = await then(starting, STOP);
    await h.say('launch', noStart);
    await h.say('sweep', null);
    expect(h.state()).toBe('stopped');
  });

  it('starts another target after a stop as if nothing had been before', async () => {
    const h = await stopping();
    await h.say('terminate', null);
    await h.send({ type: 'START', target: other });
    expect(h.context()).toMatchObject({
      target: other,
      crashes: 0,
      restarts: 0,
      lastExit: null,
      stopWanted: false,
    });
  });

  it('starts no second program while the first is on its way out', async () => {
    const h = await then(stopping, { type: 'START', target: other });
    await h.say('terminate', null);
    expect(h.state()).toBe('stopped');
    expect(h.inputs('launch')).toEqual([{ target }]);
  });
});
