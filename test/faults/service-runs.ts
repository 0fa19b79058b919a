/**
 * Which service makes a call. The door of the services tells of every run, and what a run does afterwards carries it along
 * (`AsyncLocalStorage`), so that a fault may be meant for the `stop` of `rollback` and not for that of `swap`.
 *
 * Invariant: a call that is made for no service (the control API's status, a test) has no run.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { StepObserver } from '../../src/services/index.ts';
import type { StepName } from '../../src/steps.ts';
import type { StateName } from '../../src/types.ts';
import type { PortCall } from './around-ports.ts';

/** One run of a service. */
export interface ServiceRun {
  readonly step: StepName;
  /** False while its intent is being written. */
  began: boolean;
  settled: boolean;
}

/** Tells the runs of services apart. */
export interface ServiceRuns {
  /** The run that makes the call which is under way; null for none. */
  readonly current: () => ServiceRun | null;
  /** To be called with every call of a port, before anything is awaited: an intent is the first thing that a run does. */
  readonly note: (call: PortCall) => void;
  /** For `startDaemon({ observe })`. */
  readonly observe: StepObserver;
  /** Runs `work` for no service, whoever calls it. */
  readonly outside: <T>(work: () => T) => T;
}

/** The service whose intent it is to enter a state. */
const STEP_OF: Partial<Record<StateName, StepName>> = {
  checking: 'check',
  downloading: 'download',
  verifying: 'verify',
  staging: 'stage',
  waiting: 'gate',
  swapping: 'swap',
  overlapping: 'overlap',
  draining: 'drain',
  probing: 'probe',
  committed: 'commit',
  handingOver: 'handOver',
  rollingBack: 'rollback',
  rolledBack: 'quarantine',
};

/**
 * Makes a {@link ServiceRuns}, one for each daemon.
 *
 * @param onRun - called with every run as it appears, before it makes its first call
 * @param onSettled - called with every run whose service ended
 */
export function createServiceRuns(
  onRun: (run: ServiceRun) => void = () => {},
  onSettled: (run: ServiceRun) => void = () => {},
): ServiceRuns {
  const storage = new AsyncLocalStorage<ServiceRun | null>();
  const current = (): ServiceRun | null => storage.getStore() ?? null;
  const enter = (step: StepName, began: boolean): void => {
    const run: ServiceRun = { step, began, settled: false };
    // For what the same service does from here on; there is no function of it that could be run inside.
    storage.enterWith(run);
    onRun(run);
  };
  return {
    current,
    note: ({ method, args }) => {
      if (method !== 'Journal.enter') return;
      const step = STEP_OF[args[1] as StateName];
      if (step !== undefined) enter(step, false);
    },
    observe: ({ step, phase }) => {
      const run = current();
      if (phase === 'began') {
        if (run?.step === step && !run.began && !run.settled) run.began = true;
        else enter(step, true);
      } else if (run?.step === step && !run.settled) {
        run.settled = true;
        onSettled(run);
      }
    },
    outside: (work) => storage.run(null, work),
  };
}
