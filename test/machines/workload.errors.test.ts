import { describe, expect, it } from 'vitest';
import type { AnyStateNode } from 'xstate';
import { WORKLOAD_ERRORS } from '../../src/machines/workload.errors.ts';
import { workloadMachine } from '../../src/machines/workload.machine.ts';

describe('the codes that the workload’s services reject with', () => {
  it('stand on the states that invoke the services', () => {
    const named: Record<string, unknown> = {};
    for (const node of Object.values(workloadMachine.states) as AnyStateNode[]) {
      const services = node.invoke.map(({ src }) => (typeof src === 'string' ? src : ''));
      const { rejects = {} } = (node.meta ?? {}) as { rejects?: Record<string, unknown> };
      expect(Object.keys(rejects), node.key).toEqual(services);
      Object.assign(named, rejects);
    }
    expect(named).toEqual(WORKLOAD_ERRORS);
  });
});
