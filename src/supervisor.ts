/**
 * The supervisor: the workload machine with its services, seen as the port `Workload`. It runs whether or not an update
 * does; the update's services only ask it to start and stop.
 *
 * Invariants of what runs beside it:
 * - It is at most one, and never started again: whoever tried it is told of its end (`exit`).
 * - It becomes the workload only when no process of the one before is left, and is supervised like any other from then on.
 */
import { createActor, type SnapshotFrom } from 'xstate';
import { UpdateError, type ErrorRecord } from './errors.ts';
import { workloadMachine } from './machines/workload.machine.ts';
import type {
  Beside,
  Clock,
  LaunchedProcess,
  ProcessExit,
  Processes,
  Workload,
  WorkloadStatus,
} from './services/ports.ts';
import { supervision, type SupervisionPolicy } from './services/supervise.ts';
import type { LaunchTarget } from './types.ts';

type Snapshot = SnapshotFrom<typeof workloadMachine>;

/** How a process ended, for people. */
const describeExit = ({ code, signal }: ProcessExit): string =>
  signal === null
    ? code === null
      ? 'an end that nobody saw'
      : `exit code ${String(code)}`
    : `signal ${signal}`;

/** Waits for the end of a process that the machine does not supervise. */
function exitOf({ exited }: LaunchedProcess, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(new UpdateError('CANCELLED', 'stopped waiting for the workload', { cause: signal.reason }));
    };
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    void exited.then((exit) => {
      signal.removeEventListener('abort', abort);
      resolve(describeExit(exit));
    });
  });
}

/** The supervisor's policy. */
export interface SupervisorPolicy extends SupervisionPolicy {
  /** Crashes in a row that count as a crash loop. */
  readonly crashLoop: number;
}

/** The port, and what only the daemon may do with it. */
export interface Supervisor extends Workload {
  /** Called after every change of the status. */
  subscribe(listener: (status: WorkloadStatus) => void): void;
}

/**
 * Starts the workload machine.
 *
 * @param ports - starts and ends processes; tells the time
 * @param policy - times in milliseconds
 */
export function createSupervisor(
  ports: { readonly processes: Processes; readonly clock: Clock },
  policy: SupervisorPolicy,
): Supervisor {
  let adopted: LaunchedProcess | null = null;
  /** The real ones, but the next launch finds its process running already. */
  const processes: Pick<Processes, 'launch' | 'terminate'> = {
    launch: (target, signal) => {
      const running = adopted;
      adopted = null;
      return running === null ? ports.processes.launch(target, signal) : Promise.resolve(running);
    },
    terminate: (launched, graceMs) => ports.processes.terminate(launched, graceMs),
  };
  const actor = createActor(
    workloadMachine.provide({ actors: supervision({ ...ports, processes }, policy) }),
  );
  let startedAt: number | null = null;
  let lastPid: number | null = null;

  const status = (snapshot: Snapshot = actor.getSnapshot()): WorkloadStatus => ({
    state: snapshot.value,
    ref: snapshot.context.target?.ref ?? null,
    pid: snapshot.context.pid,
    startedAt: snapshot.matches('running') ? startedAt : null,
    restarts: snapshot.context.restarts,
    lastExit: snapshot.context.lastExit,
  });

  actor.subscribe(({ context }) => {
    if (context.pid !== lastPid) {
      lastPid = context.pid;
      startedAt = context.pid === null ? null : ports.clock.now();
    }
  });
  actor.start();

  /** Resolves with the first snapshot, now or later, for which `pick` gives something. */
  const when = <T>(pick: (snapshot: Snapshot) => T | undefined, signal: AbortSignal | null): Promise<T> =>
    new Promise((resolve, reject) => {
      const cleanups: (() => void)[] = [];
      const settle = (finish: () => void): void => {
        for (const cleanup of cleanups) cleanup();
        finish();
      };
      const look = (snapshot: Snapshot): boolean => {
        const picked = pick(snapshot);
        if (picked === undefined) return false;
        settle(() => {
          resolve(picked);
        });
        return true;
      };
      if (look(actor.getSnapshot())) return;
      const subscription = actor.subscribe(look);
      cleanups.push(() => {
        subscription.unsubscribe();
      });
      if (signal === null) return;
      const abort = (): void => {
        settle(() => {
          reject(new UpdateError('CANCELLED', 'stopped waiting for the workload', { cause: signal.reason }));
        });
      };
      if (signal.aborted) {
        abort();
        return;
      }
      signal.addEventListener('abort', abort, { once: true });
      cleanups.push(() => {
        signal.removeEventListener('abort', abort);
      });
    });

  const stopMain = async (signal: AbortSignal): Promise<void> => {
    actor.send({ type: 'STOP' });
    await when((snapshot) => (snapshot.matches('stopped') ? true : undefined), signal);
    const { error } = actor.getSnapshot().context;
    if (error?.code === 'WORKLOAD_STOP_FAILED') throw new UpdateError(error.code, error.message);
  };

  const start = async (target: LaunchTarget, signal: AbortSignal): Promise<{ pid: number }> => {
    const before = actor.getSnapshot();
    if (!before.matches('stopped') || before.context.pid !== null) await stopMain(signal);
    actor.send({ type: 'START', target });
    const started = await when<{ pid: number } | ErrorRecord>((snapshot) => {
      if (snapshot.matches('stopping') || snapshot.matches('stopped'))
        return { code: 'CANCELLED', message: `${target.ref.version} was stopped before it had started` };
      if (snapshot.matches('running') && snapshot.context.pid !== null) return { pid: snapshot.context.pid };
      return snapshot.context.error ?? undefined;
    }, signal);
    if ('code' in started) throw new UpdateError(started.code, started.message);
    return started;
  };

  let second: {
    readonly target: LaunchTarget;
    readonly process: LaunchedProcess;
    exit: string | null;
  } | null = null;

  const beside: Beside = {
    start: async (target, signal) => {
      await beside.end(signal);
      const process = await ports.processes.launch(target, signal, 'beside');
      const started = { target, process, exit: null as string | null };
      second = started;
      void process.exited.then((exit) => {
        started.exit = describeExit(exit);
      });
      return { pid: process.pid };
    },
    end: async () => {
      if (second === null) return;
      await ports.processes.terminate(second.process, second.exit === null ? policy.stopTimeoutMs : 0);
      second = null;
    },
    promote: async () => {
      if (second !== null) await ports.processes.promote(second.process);
    },
    relieve: async (signal) => {
      if (second === null) return;
      const { target, process } = second;
      await stopMain(signal);
      if (second.exit !== null)
        throw new UpdateError(
          'PROBE_EXITED',
          `${target.ref.version} ended with ${second.exit} before it took the place of the version before`,
          { evidence: [second.exit] },
        );
      await ports.processes.relieve();
      second = null;
      adopted = process;
      await start(target, signal);
    },
  };

  return {
    start,
    beside,
    stop: async (signal) => {
      try {
        await beside.end(signal);
      } finally {
        // One that would not end must not keep the other running.
        await stopMain(signal);
      }
    },
    status,
    exit: (pid, signal) =>
      second?.process.pid === pid
        ? exitOf(second.process, signal)
        : when(
            ({ context, value }) =>
              value === 'running' && context.pid === pid ? undefined : (context.lastExit ?? 'stopped'),
            signal,
          ),
    crashLoop: (signal) =>
      when(
        ({ context }) =>
          context.crashes >= policy.crashLoop
            ? `${String(context.crashes)} crashes in a row, the last by ${context.lastExit ?? 'an unknown cause'}`
            : undefined,
        signal,
      ),
    endSurvivor: () => ports.processes.endSurvivor(policy.stopTimeoutMs),
    adopt: async (target, signal) => {
      adopted = await ports.processes.adopt(target);
      return adopted === null ? null : start(target, signal);
    },
    subscribe: (listener) => {
      actor.subscribe((snapshot) => {
        listener(status(snapshot));
      });
    },
  };
}
