/**
 * Lets the services of a real daemon run one at a time, so that a plan can look at the machine in between and arrange the world
 * for the next step. A service that begins is held at its first call of a port until it is let go.
 *
 * Invariants:
 * - Nothing is decided by time: a service waits for ever, or until its signal fires.
 * - Only services are held; what the control API or a test asks of a port is not.
 */
import type { StepName } from '../../../../src/steps.ts';
import type { Around } from '../../../faults/around-ports.ts';
import { untilFired } from '../../../faults/fault.ts';
import { signalOf } from '../../../faults/faults.ts';
import type { PortMethod } from '../../../faults/port-methods.ts';
import type { ServiceRun } from '../../../faults/service-runs.ts';

/** Lets services go. */
export interface Pacing {
  /** Lets the run of a service that waits, or the next one, go to its end. */
  readonly admit: (step: StepName) => void;
  /** From now on nothing is held, but for runs of `except` that come later. */
  readonly free: (...except: readonly StepName[]) => void;
  /** Resolves once a run of the service is held. */
  readonly reached: (step: StepName) => Promise<void>;
  readonly noteRun: (run: ServiceRun) => void;
  /** Put around every call. */
  readonly around: (current: () => ServiceRun | null) => Around;
}

/**
 * Both services of `idle` are held where they wait anyway: what they do before that is done at once, as it would be, and a call
 * with a signal lets them go when the machine leaves the state. A watch whose time is over waits for nothing: it is held before it
 * writes, or who looks at the disk meets it half-way.
 */
const HELD_AT: Partial<Record<StepName, readonly PortMethod[]>> = {
  schedule: ['Clock.sleep'],
  watch: ['Workload.crashLoop', 'VersionStore.list'],
};

/** Makes the pacing of one daemon. */
export function createPacing(): Pacing {
  let free = false;
  let kept: readonly StepName[] = [];
  const gates = new WeakMap<ServiceRun, PromiseWithResolvers<undefined>>();
  const latest = new Map<StepName, ServiceRun>();
  /** Runs that were let go before they appeared. */
  const ahead = new Map<StepName, number>();
  const waiting = new Map<PromiseWithResolvers<undefined>, ServiceRun>();
  const watchers = new Set<() => void>();
  const admitted = new WeakSet<ServiceRun>();

  const open = (run: ServiceRun): void => {
    admitted.add(run);
    gates.get(run)?.resolve(undefined);
  };

  return {
    admit: (step) => {
      const run = latest.get(step);
      if (run !== undefined && !run.settled && !admitted.has(run)) open(run);
      else ahead.set(step, (ahead.get(step) ?? 0) + 1);
    },
    free: (...except) => {
      free = true;
      kept = except;
      for (const [gate, run] of waiting) if (!kept.includes(run.step)) gate.resolve(undefined);
    },
    reached: (step) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (![...waiting.values()].some((run) => run.step === step)) return;
          watchers.delete(look);
          resolve();
        };
        watchers.add(look);
        look();
      }),
    noteRun: (run) => {
      latest.set(run.step, run);
      gates.set(run, Promise.withResolvers());
      const owed = ahead.get(run.step) ?? 0;
      if (owed === 0) return;
      ahead.set(run.step, owed - 1);
      open(run);
    },
    around: (current) => async (call, proceed) => {
      const run = current();
      const gate = run === null ? undefined : gates.get(run);
      if (run === null || gate === undefined || admitted.has(run)) return proceed();
      if (free && !kept.includes(run.step)) return proceed();
      if (HELD_AT[run.step]?.includes(call.method) === false) return proceed();
      waiting.set(gate, run);
      for (const look of watchers) look();
      await untilFired(signalOf(call), (resolve) => {
        void gate.promise.then(resolve);
      });
      waiting.delete(gate);
      return proceed();
    },
  };
}
