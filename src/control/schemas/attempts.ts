/** Attempts, as schemas. */
import { z } from 'zod';
import type { AttemptProgress, AttemptView } from '../api.ts';
import { shape } from './shape.ts';
import { errorView, outcome, progressView, stateName, time, trigger } from './views.ts';

export const attemptView = shape<AttemptView>()(
  z.strictObject({
    id: z.string(),
    trigger,
    started_at: time,
    ended_at: time.nullable().describe('null while it is under way.'),
    outcome: outcome.nullable(),
    reason: z.string(),
    error: errorView.nullable(),
    from: z.string().nullable(),
    to: z.string().nullable(),
    digest: z.string().nullable(),
    steps: z.array(z.strictObject({ state: stateName, at: time })),
  }),
);

export const attemptProgress = shape<AttemptProgress>()(
  z.strictObject({
    id: z.string(),
    state: stateName.describe(
      'The machine’s state while it is under way; the state in which it was decided once it ended.',
    ),
    from: z.string().nullable(),
    to: z.string().nullable(),
    progress: progressView.nullable(),
    ended: z.strictObject({ outcome, reason: z.string(), error: errorView.nullable() }).nullable(),
  }),
);
