/** The events, as a schema. */
import { z } from 'zod';
import type { ControlEvent } from '../api.ts';
import { attemptProgress } from './attempts.ts';
import { shape } from './shape.ts';
import { logView, progressView, stateName, time, waitingView, workloadView } from './views.ts';

const common = {
  id: z.int().min(0).describe('Grows by one with each event; a gap says that some were forgotten.'),
  at: time,
};
const attempt = z.string().nullable().describe('Id of the attempt that it belongs to.');

export const controlEvent = shape<ControlEvent>()(
  z.discriminatedUnion('kind', [
    z.strictObject({
      ...common,
      kind: z.literal('state'),
      state: stateName,
      before: stateName.nullable(),
      attempt,
      from: z.string().nullable(),
      to: z.string().nullable(),
    }),
    z.strictObject({
      ...common,
      kind: z.literal('progress'),
      state: stateName,
      attempt,
      progress: progressView,
    }),
    z.strictObject({
      ...common,
      kind: z.literal('probe'),
      attempt,
      healthy: z.boolean(),
      detail: z.string(),
      elapsed_ms: z.number(),
      deadline_ms: z.number(),
    }),
    z.strictObject({ ...common, kind: z.literal('waiting'), attempt, waiting: waitingView.nullable() }),
    z.strictObject({ ...common, kind: z.literal('ended'), attempt: attemptProgress }),
    z.strictObject({ ...common, kind: z.literal('workload'), workload: workloadView }),
    z.strictObject({ ...common, kind: z.literal('log'), line: logView }),
  ]),
);
