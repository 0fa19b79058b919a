import { throwIfCancelled } from '../../src/adapters/disk-errors.ts';
import type { HealthProbe, ProbeResult } from '../../src/services/ports.ts';

/** What a look sees: a status, nobody there, somebody who does not answer, or a result as it is. */
export type Sight = number | 'refused' | 'silent' | ProbeResult;

/** A probe that sees what it is told to. */
export interface ScriptedProbe extends HealthProbe {
  /** What the next looks see, one each; the last one stays. */
  script: Sight[];
  /** How often it has looked. */
  looks: number;
}

/** @param script - what the looks see, in order; the last one stays */
export function createScriptedProbe(...script: Sight[]): ScriptedProbe {
  const probe: ScriptedProbe = {
    address: 'http://probe.invalid/healthz',
    script,
    looks: 0,

    look: async (signal) => {
      throwIfCancelled(signal);
      probe.looks += 1;
      const sight = (probe.script.length > 1 ? probe.script.shift() : probe.script[0]) ?? 'refused';
      if (typeof sight === 'object') return sight;
      if (sight === 'refused') return { healthy: false, detail: 'connection refused' };
      if (sight === 'silent') {
        await Promise.resolve();
        throwIfCancelled(signal);
        return { healthy: false, detail: 'no answer in 2 s' };
      }
      return { healthy: sight === 200, detail: `HTTP ${String(sight)}` };
    },

    answered: async (signal) => {
      throwIfCancelled(signal);
      return (probe.script[0] ?? 'refused') !== 'refused';
    },
  };
  return probe;
}
