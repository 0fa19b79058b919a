import { throwIfCancelled } from '../../src/adapters/disk-errors.ts';
import type { UpdateError } from '../../src/errors.ts';
import type { Gate } from '../../src/services/ports.ts';
import type { Plan } from '../../src/types.ts';

/** A gate that remembers who holds it. */
export interface FakeGate extends Gate {
  /** Rejects `pass` while set. */
  closed: UpdateError | null;
  /** Done while an attempt waits at the gate: what may change meanwhile. */
  meanwhile: (() => void | Promise<void>) | null;
  /** Ids of the attempts that passed and did not give back. */
  readonly held: Set<string>;
  /** What was shown to it. */
  readonly plans: Plan[];
}

export function createFakeGate(): FakeGate {
  const gate: FakeGate = {
    closed: null,
    meanwhile: null,
    held: new Set(),
    plans: [],
    pass: async (attempt, plan, signal) => {
      throwIfCancelled(signal);
      gate.plans.push(plan);
      if (gate.closed !== null) throw gate.closed;
      gate.held.add(attempt.id);
      await gate.meanwhile?.();
    },
    release: async (attempt) => {
      gate.held.delete(attempt.id);
    },
  };
  return gate;
}
