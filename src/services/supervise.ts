/**
 * The services of the workload machine: what `starting`, `running`, `crashed`, `backingOff` and `stopping` do.
 *
 * Invariant: a handle of a process is kept from its launch until its group is gone, and nowhere else.
 */
import { fromPromise, type PromiseActorLogic } from 'xstate';
import { UpdateError } from '../errors.ts';
import type { WorkloadSteps } from '../steps.ts';
import type { Clock, LaunchedProcess, Processes } from './ports.ts';

/** How the supervisor behaves; milliseconds. */
export interface SupervisionPolicy {
  /** From SIGTERM to SIGKILL. */
  readonly stopTimeoutMs: number;
  readonly backoffInitialMs: number;
  readonly backoffMaxMs: number;
  /** A run at least this long makes earlier crashes forgotten. */
  readonly stableAfterMs: number;
}

type Actors = {
  [Name in keyof WorkloadSteps]: PromiseActorLogic<
    WorkloadSteps[Name]['output'],
    WorkloadSteps[Name]['input']
  >;
};

/** The wait before start number `crashes` + 1: doubled after each crash in a row, up to the cap. */
export function backOffMs(crashes: number, policy: SupervisionPolicy): number {
  return Math.min(policy.backoffMaxMs, policy.backoffInitialMs * 2 ** Math.min(Math.max(0, crashes - 1), 30));
}

/**
 * Makes the actors for `workloadMachine.provide({ actors })`.
 *
 * @param ports - starts and ends processes; tells the time
 */
export function supervision(
  {
    processes,
    clock,
  }: { readonly processes: Pick<Processes, 'launch' | 'terminate'>; readonly clock: Clock },
  policy: SupervisionPolicy,
): Actors {
  const handles = new Map<number, { process: LaunchedProcess; startedAt: number }>();

  const end = async (pid: number | null, graceMs: number): Promise<null> => {
    const handle = pid === null ? undefined : handles.get(pid);
    if (handle === undefined) return null;
    await processes.terminate(handle.process, graceMs);
    handles.delete(handle.process.pid);
    return null;
  };

  return {
    launch: fromPromise(async ({ input, signal }) => {
      const process = await processes.launch(input.target, signal);
      handles.set(process.pid, { process, startedAt: clock.monotonic() });
      return { pid: process.pid };
    }),
    attend: fromPromise(async ({ input }) => {
      const handle = handles.get(input.pid);
      if (handle === undefined)
        throw new UpdateError('INTERNAL', `no process with pid ${String(input.pid)} is supervised`);
      const { code, signal } = await handle.process.exited;
      const calm = clock.monotonic() - handle.startedAt >= policy.stableAfterMs;
      // Of a process that an earlier daemon started, it may be that nobody can tell.
      const how = code === null ? 'an end that nobody saw' : `exit code ${String(code)}`;
      return { exit: signal === null ? how : `signal ${signal}`, calm };
    }),
    sweep: fromPromise(({ input }) => end(input.pid, 0)),
    backOff: fromPromise(async ({ input, signal }) => {
      await clock.sleep(backOffMs(input.crashes, policy), signal);
      return null;
    }),
    terminate: fromPromise(({ input }) => end(input.pid, policy.stopTimeoutMs)),
  };
}
