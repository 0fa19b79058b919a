/** What a state needs, and the states before it have set: without it a step must not begin, rather than begin with nothing. */
import { describe, expect, it } from 'vitest';
import { transition, type AnyStateMachine, type AnyStateNode } from 'xstate';
import { updateMachine } from '../../src/machines/update.machine.ts';
import type { UpdateContext } from '../../src/machines/update.types.ts';
import { workloadMachine } from '../../src/machines/workload.machine.ts';
import type { StateName } from '../../src/types.ts';
import { error, FOUND } from './update.harness.ts';
import {
  attempt,
  DOWNLOADED,
  EVIDENCE,
  OFFER,
  PLAN,
  RELEASE,
  SUCCESSOR,
  VERDICT,
  VERIFIED,
  WATCH,
} from './values.ts';

type Needed = Exclude<
  keyof UpdateContext,
  'afterCommit' | 'daemonFailed' | 'owed' | 'ended' | 'watch' | 'paused' | 'held'
>;

const EVERYTHING: UpdateContext = {
  attempt: attempt(),
  offer: OFFER,
  downloaded: DOWNLOADED,
  verified: VERIFIED,
  release: RELEASE,
  plan: PLAN,
  pid: 7,
  evidence: EVIDENCE,
  successor: SUCCESSOR,
  afterCommit: false,
  daemonFailed: false,
  verdict: VERDICT,
  owed: [],
  ended: null,
  watch: null,
  paused: null,
  held: null,
};

/** The words by which a message names them. */
const WORDS: Readonly<Record<Needed, string>> = {
  attempt: 'attempt',
  offer: 'offer',
  downloaded: 'downloaded bundle',
  verified: 'verified bundle',
  release: 'release',
  plan: 'plan',
  pid: 'pid',
  evidence: 'evidence',
  successor: 'successor',
  verdict: 'verdict',
};
const without = (what: Needed): string => `the update machine has no ${WORDS[what]} in a state that needs it`;

/** What the service of a state is given, by a context. */
function inputOf(machine: AnyStateMachine, state: string, context: unknown): unknown {
  const { invoke } = (machine.states as Record<string, AnyStateNode>)[state]!;
  const { input } = invoke[0]!;
  return (input as (args: { context: unknown }) => unknown)({ context });
}

const NEEDS: readonly (readonly [StateName, readonly Needed[]])[] = [
  ['checking', ['attempt']],
  ['downloading', ['attempt', 'offer']],
  ['verifying', ['attempt', 'offer', 'downloaded']],
  ['staging', ['attempt', 'downloaded', 'verified']],
  ['waiting', ['attempt', 'offer', 'release']],
  ['swapping', ['attempt', 'plan']],
  ['overlapping', ['attempt', 'plan']],
  ['draining', ['attempt', 'plan', 'pid']],
  ['handingOver', ['attempt', 'plan', 'successor']],
  ['probing', ['attempt', 'plan', 'pid']],
  ['committed', ['attempt', 'plan', 'evidence']],
  ['rollingBack', ['attempt', 'plan', 'verdict']],
  ['rolledBack', ['attempt', 'plan', 'verdict']],
];

describe('the step of a state', () => {
  it.each(NEEDS)('%s is given what it needs, and says which of it is missing', (state, needed) => {
    expect(inputOf(updateMachine, state, EVERYTHING)).toEqual({
      ...Object.fromEntries(needed.map((what) => [what, EVERYTHING[what]])),
      ...(state === 'handingOver' ? { afterCommit: false } : {}),
    });
    for (const what of needed)
      expect(() => inputOf(updateMachine, state, { ...EVERYTHING, [what]: null }), what).toThrow(
        without(what),
      );
  });

  it('does not launch nothing', () => {
    expect(() => inputOf(workloadMachine, 'starting', { target: null })).toThrow(
      'the workload machine has no target in `starting`',
    );
  });
});

describe('the end of a step', () => {
  /** What the machine goes on to when a step ends, by a context. */
  const endOf = (state: StateName, step: string, context: UpdateContext, end: object): UpdateContext => {
    const at = updateMachine.resolveState({ value: state, context });
    const event = {
      ...end,
      type: `xstate.${'error' in end ? 'error' : 'done'}.actor.${step}`,
      actorId: step,
    };
    return transition(updateMachine, at, event as never)[0].context;
  };

  const workloadOnly = { ...EVERYTHING, successor: null };

  it.each<[StateName, string, object, readonly Needed[]]>([
    ['checking', 'check', { output: { found: 'nothing', reason: 'none', error: null } }, ['attempt']],
    ['committed', 'commit', { output: WATCH }, ['attempt', 'evidence']],
    ['committed', 'commit', { error: error('JOURNAL_WRITE_FAILED') }, ['plan']],
    ['handingOver', 'handOver', { output: { note: 'the daemon is 1.1.0 now' } }, ['attempt']],
    ['rolledBack', 'quarantine', { output: { quarantined: true } }, ['attempt', 'verdict']],
    ['rolledBack', 'quarantine', { error: error('QUARANTINE_FAILED') }, ['verdict']],
  ])('in %s says what is missing (%s)', (state, step, end, needed) => {
    expect(() => endOf(state, step, workloadOnly, end)).not.toThrow();
    for (const what of needed)
      expect(() => endOf(state, step, { ...workloadOnly, [what]: null }, end), what).toThrow(without(what));
  });

  it('says in which state the attempt was decided', () => {
    const report = { ...EVERYTHING, attempt: attempt({ mode: 'report' }) };
    expect(endOf('checking', 'check', report, { output: FOUND }).ended).toMatchObject({
      stage: 'checking',
      outcome: 'available',
    });
  });
});
