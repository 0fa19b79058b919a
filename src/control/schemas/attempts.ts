/** Attempts, as schemas. */
import { z } from 'zod';
import type { AttemptProgress, AttemptView } from '../api.ts';
import { shape } from './shape.ts';
import { errorView, outcome, progressView, stateName, time, trigger } from './views.ts';

/** A word of the history, which a newer daemon may have written before it was gone back from. */
const orUnknown = <T>(words: z.ZodType<T>): z.ZodType<T | 'unknown'> =>
  z.union([words, z.literal('unknown')]);

export const attemptView = shape<AttemptView>()(
  z.strictObject({
    id: z.string(),
    trigger: orUnknown(trigger),
    started_at: time,
    ended_at: time.nullable().describe('null while it is under way.'),
    outcome: orUnknown(outcome).nullable(),
    reason: z.string(),
    error: errorView.nullable(),
    from: z.string().nullable(),
    to: z.string().nullable(),
    digest: z.string().nullable(),
    steps: z.array(z.strictObject({ state: orUnknown(stateName), at: time })),
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
