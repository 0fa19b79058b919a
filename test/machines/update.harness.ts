import { createActor } from 'xstate';
import { expect } from 'vitest';
import { UpdateError } from '../../src/errors.ts';
import { updateMachine } from '../../src/machines/update.machine.ts';
import type { UpdateContext, UpdateEvent } from '../../src/machines/update.types.ts';
import type { Recovered, StepName, Steps } from '../../src/steps.ts';
import type { Attempt, StateName } from '../../src/types.ts';
import { transitionName } from './chart.ts';
import { scripted, settle, type Scripted } from './scripted.ts';
import {
  attempt,
  DELTA_SOURCE,
  DOWNLOADED,
  EVIDENCE,
  FULL_SOURCE,
  OFFER,
  PLAN,
  RELEASE,
  SUCCESSOR,
  VERDICT,
  VERIFIED,
  WATCH,
} from './values.ts';

export const STEPS: readonly StepName[] = [
  'recover',
  'schedule',
  'watch',
  'check',
  'download',
  'verify',
  'stage',
  'gate',
  'swap',
  'overlap',
  'drain',
  'probe',
  'commit',
  'handOver',
  'rollback',
  'quarantine',
];

/** The update machine with services that say what a test tells them. */
export interface Harness extends Scripted<Steps> {
  /** Names of the transitions that were taken, in order. */
  readonly taken: string[];
  state(): StateName;
  context(): UpdateContext;
  send(event: UpdateEvent): Promise<void>;
  /** Drives a fresh machine to a state. */
  reach(state: StateName): Promise<Harness>;
}

export const NOTHING_LEFT = {
  next: 'idle',
  ended: null,
  watch: null,
  paused: null,
} as const satisfies Recovered;
export const HALF_DONE = {
  next: 'rollingBack',
  attempt: attempt(),
  plan: PLAN,
  verdict: VERDICT,
  watch: null,
  paused: null,
} as const satisfies Recovered;
export const FOUND: Steps['check']['output'] = {
  found: 'release',
  offer: OFFER,
  release: RELEASE,
  note: '1.1.0 is available',
};

/** The same release by a delta; without it, the offer is that of {@link FOUND}. */
export const FOUND_DELTA: Steps['check']['output'] = {
  ...FOUND,
  offer: { ...OFFER, source: DELTA_SOURCE, full: FULL_SOURCE },
};

export const error = (
  code: ConstructorParameters<typeof UpdateError>[0],
  message = 'it went wrong',
): UpdateError => new UpdateError(code, message, { evidence: ['seen'] });

export function harness(): Harness {
  const script = scripted<Steps>(STEPS);
  const taken: string[] = [];
  const actor = createActor(updateMachine.provide({ actors: script.actors }), {
    inspect: (event) => {
      if (event.type === '@xstate.microstep') taken.push(...event._transitions.map(transitionName));
    },
  });
  // Whatever the machine remembers is JSON, in every state that any test visits.
  actor.subscribe(({ context }) => {
    expect(JSON.parse(JSON.stringify(context))).toStrictEqual(context);
  });
  actor.start();

  const start = async (state: StateName, about: Attempt): Promise<void> => {
    const say: typeof script.say = (step, answer) => script.say(step, answer);
    const forward: readonly (readonly [StateName, () => Promise<void>])[] = [
      ['idle', () => say('recover', NOTHING_LEFT)],
      ['checking', () => say('schedule', about)],
      ['downloading', () => say('check', FOUND)],
      ['verifying', () => say('download', DOWNLOADED)],
      ['staging', () => say('verify', VERIFIED)],
      ['waiting', () => say('stage', RELEASE)],
      ['swapping', () => say('gate', { go: true, plan: PLAN, way: 'swap', successor: null })],
      ['probing', () => say('swap', { pid: 7 })],
      ['committed', () => say('probe', EVIDENCE)],
    ];
    const beside: typeof forward = [
      ...forward.slice(0, 6),
      ['overlapping', () => say('gate', { go: true, plan: PLAN, way: 'overlap', successor: null })],
      ['draining', () => say('overlap', { pid: 7 })],
    ];
    const daemon: typeof forward = [
      ...forward.slice(0, 6),
      ['handingOver', () => say('gate', { go: true, plan: PLAN, way: 'handOver', successor: SUCCESSOR })],
    ];
    const back: typeof forward = [
      ['rollingBack', () => say('recover', HALF_DONE)],
      ['rolledBack', () => say('rollback', EVIDENCE)],
    ];
    if (state === 'failed')
      return say('recover', HALF_DONE).then(() => say('rollback', error('ROLLBACK_FAILED')));
    const leadsThere = (way: typeof forward): boolean => way.some(([name]) => name === state);
    for (const [name, step] of [back, forward, beside, daemon].find(leadsThere) ?? []) {
      if (h.state() === state) return;
      await step();
      if (name === state) return;
    }
  };

  const h: Harness = {
    ...script,
    taken,
    state: () => actor.getSnapshot().value,
    context: () => actor.getSnapshot().context,
    send: async (event) => {
      actor.send(event);
      await settle();
    },
    reach: async (state) => {
      await settle();
      if (state !== 'recovering') await start(state, attempt());
      expect(h.state()).toBe(state);
      return h;
    },
  };
  return h;
}

/** A machine in `idle` that owes a quarantine. */
export async function owing(): Promise<Harness> {
  const h = await harness().reach('rolledBack');
  await h.say('quarantine', error('QUARANTINE_FAILED', 'the disk is full'));
  return h;
}

/** A machine in `idle` that watches a fresh commit. */
export async function watching(): Promise<Harness> {
  const h = await harness().reach('committed');
  await h.say('commit', WATCH);
  return h;
}

/** A machine in `handingOver` whose workload is committed already. */
export async function handingOverAfterCommit(): Promise<Harness> {
  const h = await harness().reach('waiting');
  await h.say('gate', { go: true, plan: PLAN, way: 'swap', successor: SUCCESSOR });
  await h.say('swap', { pid: 7 });
  await h.say('probe', EVIDENCE);
  await h.say('commit', WATCH);
  return h;
}

/** A machine in `failed` that has nothing to roll back, since start-up itself failed. */
export async function failedToRecover(): Promise<Harness> {
  const h = await harness().reach('recovering');
  await h.say('recover', error('STATE_DIR_UNUSABLE'));
  return h;
}
