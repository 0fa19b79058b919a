/**
 * Which error codes each service of the workload machine may reject with; see `update.errors.ts`, which is the same for the
 * update machine. `backOff` only waits.
 */
import type { ErrorCode } from '../error-codes.ts';
import type { WorkloadSteps } from '../steps.ts';

const ENDING = ['WORKLOAD_STOP_FAILED', 'STATE_DIR_UNUSABLE', 'DISK_FULL', 'INTERNAL'] as const;

/** Every code of every service. */
export const WORKLOAD_ERRORS = {
  launch: ['WORKLOAD_START_FAILED', 'WORKLOAD_SPAWN_FAILED', 'LISTEN_FAILED', ...ENDING],
  attend: ['INTERNAL'],
  sweep: ENDING,
  backOff: [],
  terminate: ENDING,
} as const satisfies Record<keyof WorkloadSteps, readonly ErrorCode[]>;

/** The `meta` of a state: what its service may reject with. */
export function workloadRejects(service: keyof WorkloadSteps): {
  readonly rejects: Readonly<Partial<Record<keyof WorkloadSteps, readonly ErrorCode[]>>>;
} {
  return { rejects: { [service]: WORKLOAD_ERRORS[service] } };
}
