import { describe, expect, it } from 'vitest';
import type { ProofResult } from '../../scripts/fleet/proof.ts';
import { faultsOf } from '../../scripts/fleet/proof-faults.ts';

/** What a run must show. */
const proved: ProofResult = {
  hosts: 62,
  canaryHosts: 15,
  touched: 15,
  touchedOutside: 0,
  onBad: 0,
  notOnGood: 0,
  stuck: 0,
  outcomes: 77,
  kinds: {},
  outcomesLost: 0,
  outcomesTwice: 0,
  outcomesUnknown: 0,
  halts: 1,
  haltMs: 100,
  healS: 5,
  seconds: 37,
  simulationCpuS: 20,
  simulationBytes: 1,
  server: {
    connections: 1,
    messagesIn: 1,
    messagesOut: 1,
    bytesIn: 1,
    bytesOut: 1,
    cpuS: 1,
    residentBytes: 1,
    storedBytes: 1,
  },
};

describe('the proof of the fleet', () => {
  it('holds when all is as it must be', () => {
    expect(faultsOf(proved)).toEqual([]);
  });

  it.each<[string, Partial<ProofResult>]>([
    ['outside of the canary', { touchedOutside: 1 }],
    ['end on the sick release', { onBad: 1 }],
    ['do not end on the well release', { notOnGood: 1 }],
    ['are stuck', { stuck: 1 }],
    ['were lost', { outcomesLost: 1 }],
    ['there twice', { outcomesTwice: 1 }],
    ['no host knows', { outcomesUnknown: 1 }],
    ['found 0', { halts: 0 }],
    ['found 2', { halts: 2 }],
    ['nothing is proved', { touched: 0 }],
    ['nothing is proved', { canaryHosts: 0 }],
  ])('does not hold where hosts or outcomes %s', (what, change) => {
    const faults = faultsOf({ ...proved, ...change });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(what);
  });
});
