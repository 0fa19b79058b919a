import { describe, expect, it } from 'vitest';
import { createMachine } from 'xstate';
import {
  generatePlans,
  PlanGapError,
  updateSubject,
  workloadSubject,
  type PlanDocument,
  type PlanSubject,
} from '../../../src/statechart/plans/index.ts';
import { copyWith, UPDATE_STATES } from '../../model/support/driver-copy.ts';

const document = generatePlans(updateSubject);
const idsOf = ({ plans }: PlanDocument): string[] => plans.map(({ id }) => id);
const plan = (id: string) => document.plans.find((each) => each.id === id);

const gapsOf = (subject: PlanSubject): readonly string[] => {
  try {
    generatePlans(subject);
    return [];
  } catch (error) {
    if (error instanceof PlanGapError) return error.gaps;
    throw error;
  }
};

/** A copy of the update machine with other states, to be planned. */
const copy = (changed: Parameters<typeof copyWith>[0]): PlanSubject => ({
  ...updateSubject,
  machine: copyWith(changed),
});
const { staging, committed, failed } = UPDATE_STATES;
const invocation = staging?.['invoke'] as Readonly<Record<string, unknown>>;

describe('the plans of the update machine', () => {
  it('are always the same, each with an id of its own', () => {
    expect(generatePlans(updateSubject)).toEqual(document);
    expect(new Set(idsOf(document)).size).toBe(document.plans.length);
  });

  it('take every transition', () => {
    const taken = new Set(document.plans.map(({ transition }) => transition));
    expect(document.transitions.filter(({ id }) => !taken.has(id))).toEqual([]);
  });

  it('send every event in every state, and stop in every state', () => {
    for (const state of document.states) {
      const ids = document.plans.filter(({ from }) => from === state).map(({ id }) => id);
      expect(ids).toContain(`${state}/stop`);
      for (const event of Object.keys(document.events))
        expect(
          ids.some((id) => id.startsWith(`${state}/send/${event}`)),
          `${event} in ${state}`,
        ).toBe(true);
    }
  });

  it.each([
    ['idle/send/CHECK', { mayStart: true }],
    ['idle/send/CHECK/ignored', { mayStart: false }],
    ['idle/send/RESUME/owesQuarantine', { owesQuarantine: true }],
    ['idle/send/RESUME', { owesQuarantine: false }],
    ['failed/send/RETRY/hasPlan', { hasPlan: true }],
    ['failed/send/RETRY', { hasPlan: false }],
    ['waiting/done/maySwap', { maySwap: true }],
    ['waiting/done/mayOverlap', { maySwap: false, mayOverlap: true }],
    ['waiting/done/mayHandOver', { maySwap: false, mayOverlap: false, mayHandOver: true }],
    ['waiting/done/superseded', { maySwap: false, mayOverlap: false, mayHandOver: false }],
    ['committed/done/hasSuccessor/marked', { hasSuccessor: true }],
    ['committed/done/marked', { hasSuccessor: false }],
    ['checking/done/releaseFound', { releaseFound: true }],
    ['checking/done/nothing', { releaseFound: false }],
    ['verifying/error/JWS_SIGNATURE_INVALID/mayTakeFull', { mayTakeFull: true }],
    ['verifying/error/JWS_SIGNATURE_INVALID', { mayTakeFull: false }],
    ['idle/watch.done/crashLoops', { crashLoops: true }],
    ['idle/watch.done/calm', { crashLoops: false, calm: true }],
    ['idle/watch.done/ignored/nothing', { crashLoops: false, calm: false }],
  ])('ask the guards on both sides: %s', (id, guards) => {
    const last = plan(id)?.steps.at(-1);
    expect(last !== undefined && 'guards' in last && last.guards).toEqual(guards);
  });

  it('find a release in both modes', () => {
    expect(plan('checking/done/releaseFound')?.to).toBe('downloading');
    const reported = document.plans.find(({ from, steps }) => {
      const last = steps.at(-1);
      return from === 'checking' && last?.ended?.outcome === 'available';
    });
    expect(reported?.to).toBe('idle');
  });

  it('go the shortest way, and begin as a host does that is in order where they can', () => {
    expect(plan('verifying/error/JWS_SIGNATURE_INVALID')?.steps.map(({ expect: state }) => state)).toEqual([
      'idle',
      'downloading',
      'verifying',
      'idle',
    ]);
    const rare = document.plans.filter(({ steps: [first, ...more] }) => {
      const isRare = first?.do === 'resolve' && ['stillHealthy', 'halfDone', 'watched'].includes(first.case);
      return isRare && more.length > 0;
    });
    expect(rare.map(({ id }) => id)).toEqual([]);
  });

  it('say what is seen, and who must see its signal', () => {
    expect(plan('rolledBack/error/QUARANTINE_FAILED')?.steps.at(-1)).toMatchObject({
      expect: 'idle',
      ended: { outcome: 'rolledBack', stage: 'rolledBack', code: 'ROLLED_BACK_BY_OPERATOR' },
      paused: 'QUARANTINE_FAILED',
    });
    expect(plan('idle/stop')?.steps.at(-1)).toMatchObject({ do: 'stop', services: ['schedule', 'watch'] });
  });
});

describe('the plans of the workload machine', () => {
  it('follow transitions that need no event', () => {
    const { plans } = generatePlans(workloadSubject);
    const forced = plans.filter(({ then }) => then.length > 0);
    expect(forced.map(({ from, to, then }) => [from, to, then])).toContainEqual([
      'crashed',
      'stopped',
      ['backingOff/always/stopWanted'],
    ]);
  });
});

describe('a machine that grows', () => {
  const polishing = {
    polishing: {
      description: 'A state that was added.',
      meta: { rejects: { stage: ['DISK_FULL', 'INTERNAL'] } },
      invoke: { ...invocation, id: 'polish', onDone: 'waiting' },
    },
    staging: { ...staging, invoke: { ...invocation, onDone: 'polishing' } },
  };

  it('gets plans for a new state: its ends, its codes, every event in it, a stop in it', () => {
    const grown = generatePlans(copy(polishing));
    const added = idsOf(grown).filter((id) => !idsOf(document).includes(id));
    expect(added).toEqual(
      expect.arrayContaining([
        'polishing/done/staged',
        'polishing/error/DISK_FULL',
        'polishing/error/INTERNAL',
        'polishing/stop',
        ...['CHECK', 'APPLY', 'ROLLBACK', 'RETRY'].map((event) => `polishing/send/${event}/ignored`),
        // What the machine takes anywhere.
        'polishing/send/PAUSE',
        'polishing/send/RESUME',
      ]),
    );
    expect(added.every((id) => id.startsWith('polishing/'))).toBe(true);
  });

  it('gets a plan for a new transition', () => {
    const on = { ...(failed?.['on'] as object), APPLY: 'recovering' };
    const grown = generatePlans(copy({ failed: { ...failed, on } }));
    const added = idsOf(grown).filter((id) => !idsOf(document).includes(id));
    const gone = idsOf(document).filter((id) => !idsOf(grown).includes(id));
    expect([added, gone]).toEqual([['failed/send/APPLY'], ['failed/send/APPLY/ignored']]);
  });

  it('gets a plan for a new code', () => {
    const rejects = { commit: ['COMMIT_FAILED', 'INTERNAL', 'DISK_FULL'] };
    const grown = generatePlans(copy({ committed: { ...committed, meta: { rejects } } }));
    const added = idsOf(grown).filter((id) => !idsOf(document).includes(id));
    expect(added).toEqual(['committed/error/DISK_FULL']);
  });
});

describe('what no plan can take is named', () => {
  it('a service without a sample', () => {
    const subject = { ...updateSubject, samples: { ...updateSubject.samples, stage: [] } };
    expect(gapsOf(subject)).toEqual(
      expect.arrayContaining([
        'staging: no sample of what stage gives back',
        'staging/stage.done/otherwise: no plan takes it',
      ]),
    );
  });

  it('a guard that no sample makes true, or false', () => {
    const { check } = updateSubject.samples;
    const only = (found: string): PlanSubject => ({
      ...updateSubject,
      samples: { ...updateSubject.samples, check: check.filter(({ output }) => output.found === found) },
      events: { ...updateSubject.events, CHECK: updateSubject.events.CHECK.slice(0, 1) },
    });
    expect(gapsOf(only('release'))).toContain(
      'checking/check.done/releaseFound: no sample makes the guard releaseFound false',
    );
    expect(gapsOf(only('nothing'))).toContain(
      'checking/check.done/releaseFound: no sample makes the guard releaseFound true',
    );
  });

  it('an event without a sample', () => {
    expect(gapsOf({ ...updateSubject, events: { ...updateSubject.events, RETRY: [] } })).toContain(
      'no sample of the event RETRY',
    );
  });

  it('a service whose codes nobody has listed, a code that nothing takes, and one that cannot come', () => {
    expect(gapsOf(copy({ staging: { ...staging, meta: {} } }))).toContain(
      'staging: meta.rejects does not say with which codes stage rejects',
    );
    const { onError: _, ...deaf } = invocation;
    expect(gapsOf(copy({ staging: { ...staging, invoke: deaf } }))).toContain(
      'staging: stage may reject, and the state has no onError for it',
    );
    expect(gapsOf({ ...updateSubject, mayReject: (_, code) => code !== 'COMMIT_FAILED' })).toContain(
      'committed: no plan in which commit rejects with COMMIT_FAILED',
    );
  });

  it('a state that nothing leads to', () => {
    expect(gapsOf(copy({ attic: { description: 'Nobody comes here.' } }))).toContain(
      'attic: no sample leads there',
    );
  });

  it('a guard without a name', () => {
    const machine = createMachine({
      id: 'odd',
      initial: 'a',
      states: { a: { on: { GO: { guard: () => true, target: 'b' } } }, b: {} },
    });
    const subject: PlanSubject = {
      machine,
      samples: {},
      events: { GO: [{ name: 'go', inject: 'go', event: { type: 'GO' } }] },
      factsOf: () => ({ ended: null, paused: null }),
    };
    expect(() => generatePlans(subject)).toThrow(TypeError);
  });
});
