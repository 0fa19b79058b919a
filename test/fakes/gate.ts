import { throwIfCancelled } from '../../src/adapters/disk-errors.ts';
import { UpdateError } from '../../src/errors.ts';
import type { Gate } from '../../src/services/ports.ts';
import type { Plan } from '../../src/types.ts';

/** A gate that remembers who holds it. */
export interface FakeGate extends Gate {
  /** Rejects `pass` while set. */
  closed: UpdateError | null;
  /** Done while an attempt waits at the gate: what may change meanwhile. */
  meanwhile: (() => void | Promise<void>) | null;
  /** Lets `pass` wait from now on, until what it returns is called or the signal fires. */
  wait(): () => void;
  /** Ids of the attempts that passed and did not give back. */
  readonly held: Set<string>;
  /** What was shown to it. */
  readonly plans: Plan[];
}

function unlessCancelled(happened: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  const left = Promise.withResolvers<never>();
  const abort = (): void => {
    left.reject(new UpdateError('CANCELLED', 'no longer waiting at the gate'));
  };
  signal.addEventListener('abort', abort, { once: true });
  return Promise.race([happened, left.promise]).finally(() => {
    signal.removeEventListener('abort', abort);
  });
}

export function createFakeGate(): FakeGate {
  let opened: Promise<unknown> | null = null;
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
      if (opened !== null) await unlessCancelled(opened, signal);
    },
    wait: () => {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      opened = promise;
      return () => {
        resolve(undefined);
      };
    },
    release: async (attempt) => {
      gate.held.delete(attempt.id);
    },
  };
  return gate;
}
