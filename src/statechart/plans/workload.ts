/** What the generator has to be told of the workload machine; see `update.ts`. */
import type { WorkloadEvent } from '../../machines/workload.machine.ts';
import { workloadMachine } from '../../machines/workload.machine.ts';
import type { WorkloadSteps } from '../../steps.ts';
import type { LaunchTarget } from '../../types.ts';
import type { EventSamples, PlanSubject, Samples } from './subject.ts';

const TARGET: LaunchTarget = {
  ref: { origin: 'store', version: '1.1.0', digest: 'b'.repeat(64) },
  entry: '/var/lib/coresdk/versions/1.1.0/files/bin/sidecar',
};

/** What each service gives back. */
export const WORKLOAD_SAMPLES: Samples<WorkloadSteps> = {
  launch: [{ name: 'started', inject: 'the program starts', output: { pid: 4711 } }],
  attend: [
    { name: 'crashed', inject: 'the program ends soon', output: { exit: 'exit code 1', calm: false } },
    {
      name: 'endedLate',
      inject: 'the program ends after it ran long enough to forget earlier crashes',
      output: { exit: 'exit code 0', calm: true },
    },
  ],
  sweep: [{ name: 'swept', inject: 'nothing of the group is left', output: null }],
  backOff: [{ name: 'over', inject: 'the wait is over', output: null }],
  terminate: [{ name: 'ended', inject: 'the whole group ends', output: null }],
};

/** What the supervisor says. */
export const WORKLOAD_EVENTS: EventSamples<WorkloadEvent> = {
  START: [{ name: 'target', inject: 'a version is to run', event: { type: 'START', target: TARGET } }],
  STOP: [{ name: 'stop', inject: 'nothing is to run', event: { type: 'STOP' } }],
};

/** The workload machine, to be planned. */
export const workloadSubject = {
  machine: workloadMachine,
  samples: WORKLOAD_SAMPLES,
  events: WORKLOAD_EVENTS,
  factsOf: () => ({ ended: null, paused: null }),
} satisfies PlanSubject;
