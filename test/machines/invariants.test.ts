import { describe, expect, it } from 'vitest';
import type { AnyStateMachine, AnyStateNode } from 'xstate';
import { updateMachine } from '../../src/machines/update.machine.ts';
import { workloadMachine } from '../../src/machines/workload.machine.ts';
import { targetsOf, transitionsOf } from './chart.ts';

const statesOf = (machine: AnyStateMachine): AnyStateNode[] => Object.values(machine.states);
const edges = transitionsOf(updateMachine).map((it) => ({
  from: it.source.parent === undefined ? '*' : it.source.key,
  to: targetsOf(it),
  event: String(it.eventType),
}));
const into = (state: string): string[] =>
  [...new Set(edges.filter(({ to }) => to.includes(state)).map(({ from }) => from))].sort();
const outOf = (state: string): string[] =>
  [...new Set(edges.filter(({ from }) => from === state).flatMap(({ to }) => to))].sort();

describe('the chart of the update machine', () => {
  it('has the design’s states', () => {
    expect(Object.keys(updateMachine.states)).toEqual([
      'recovering',
      'idle',
      'checking',
      'downloading',
      'verifying',
      'staging',
      'waiting',
      'swapping',
      'overlapping',
      'draining',
      'probing',
      'committed',
      'handingOver',
      'rollingBack',
      'rolledBack',
      'failed',
    ]);
    expect(updateMachine.config.initial).toBe('recovering');
  });

  it.each<[string, string[]]>([
    ['recovering', ['recover']],
    ['idle', ['schedule', 'watch']],
    ['checking', ['check']],
    ['downloading', ['download']],
    ['verifying', ['verify']],
    ['staging', ['stage']],
    ['waiting', ['gate']],
    ['swapping', ['swap']],
    ['overlapping', ['overlap']],
    ['draining', ['drain']],
    ['probing', ['probe']],
    ['committed', ['commit']],
    ['handingOver', ['handOver']],
    ['rollingBack', ['rollback']],
    ['rolledBack', ['quarantine']],
    ['failed', []],
  ])('invokes in %s: %j', (state, services) => {
    expect(
      statesOf(updateMachine)
        .find(({ key }) => key === state)
        ?.invoke.map(({ src }) => src),
    ).toEqual(services);
  });

  it.each<[string, string[]]>([
    ['recovering', ['failed', 'handingOver', 'idle', 'probing', 'rollingBack']],
    ['checking', ['downloading', 'idle']],
    ['downloading', ['downloading', 'idle', 'verifying']],
    ['verifying', ['downloading', 'idle', 'staging']],
    ['staging', ['idle', 'waiting']],
    ['waiting', ['handingOver', 'idle', 'overlapping', 'swapping']],
    ['swapping', ['probing', 'rollingBack']],
    ['overlapping', ['draining', 'rollingBack']],
    ['draining', ['probing', 'rollingBack']],
    ['probing', ['committed', 'rollingBack']],
    ['committed', ['handingOver', 'idle']],
    ['handingOver', ['idle', 'rolledBack']],
    ['rollingBack', ['failed', 'rolledBack']],
    ['rolledBack', ['idle']],
    ['failed', ['recovering', 'rollingBack']],
  ])('leads from %s only to %j', (state, targets) => {
    expect(outOf(state)).toEqual(targets);
  });

  it('swaps only what came through the gate', () => {
    expect(into('swapping')).toEqual(['waiting']);
    expect(into('overlapping')).toEqual(['waiting']);
    expect(into('draining')).toEqual(['overlapping']);
    expect(into('handingOver')).toEqual(['committed', 'recovering', 'waiting']);
    expect(into('waiting')).toEqual(['staging']);
    expect(into('staging')).toEqual(['verifying']);
    expect(into('verifying')).toEqual(['downloading']);
    expect(into('downloading')).toEqual(['checking', 'downloading', 'idle', 'verifying']);
  });

  it('commits only what was probed, and judges only what was rolled back', () => {
    expect(into('committed')).toEqual(['probing']);
    expect(into('rolledBack')).toEqual(['handingOver', 'idle', 'rollingBack']);
  });

  it('ends every failure before the swap in idle, or goes on with the full bundle', () => {
    for (const state of ['checking', 'downloading', 'verifying', 'staging', 'waiting'])
      expect(
        edges.filter(({ from, event }) => from === state && event.includes('error')).flatMap(({ to }) => to),
      ).toEqual(['downloading', 'verifying'].includes(state) ? ['downloading', 'idle'] : ['idle']);
  });

  it('takes no event but those of its services from the swap to the end of an attempt', () => {
    const told = edges.filter(({ event, from }) => !event.startsWith('xstate.') && from !== '*');
    expect([...new Set(told.map(({ from }) => from))]).toEqual([
      'idle',
      'checking',
      'downloading',
      'verifying',
      'staging',
      'waiting',
      'failed',
    ]);
  });

  it('is told only of a pause before the swap, and of that anywhere', () => {
    const told = edges.filter(
      ({ event, from }) => !event.startsWith('xstate.') && !['idle', 'failed'].includes(from),
    );
    expect([...new Set(told.map(({ event }) => event))]).toEqual(['PAUSE', 'RESUME']);
    // Elsewhere it is only remembered.
    expect(edges.filter(({ from }) => from === '*').flatMap(({ to }) => to)).toEqual(['update', 'update']);
  });
});

describe.each<[string, AnyStateMachine]>([
  ['update', updateMachine],
  ['workload', workloadMachine],
])('every state of the %s machine', (_, machine) => {
  it.each(statesOf(machine).map((state) => [state.key, state] as const))(
    '%s says what it is for',
    (_name, state) => {
      expect(state.description).toMatch(/^[A-Z].{10,}\.$/s);
    },
  );

  it('can fail in every service, or has no service that can', () => {
    for (const state of statesOf(machine))
      for (const { id, src } of state.invoke)
        if (src !== 'backOff')
          expect(state.transitions.has(`xstate.error.actor.${id}`), `${state.key} ${id}`).toBe(true);
  });
});
