/**
 * The document that `core statechart paths --format json` prints: the tests that a machine asks for, so that a team which
 * writes the same machine in another language can drive theirs from it. `docs/model.md` explains it;
 * `statecharts/plans.schema.json` is made from this file.
 *
 * Invariants:
 * - A plan starts at the machine's start, and every step says in which state the machine is afterwards.
 * - Ids are made of names in the machine, never of numbers, so that they stay what they are when others come and go.
 */
import { z } from 'zod';

const state = z.string().min(1).describe('The name of a state.');
const inject = z.string().min(1).describe('What the world does, in words.');

/** How an attempt ended, as far as a test can see it from outside. */
const endedSchema = z
  .strictObject({
    outcome: z.string().describe('`committed`, `rolledBack`, `refused` …'),
    stage: state.describe('The state in which the attempt was decided.'),
    code: z.string().nullable().describe('The error code; null where nothing failed.'),
  })
  .describe('The attempt that ended by this step.');

const after = {
  inject,
  expect: state.describe('The state after the step.'),
  ended: endedSchema.optional(),
  paused: z
    .string()
    .nullable()
    .optional()
    .describe('Only where it changed: the error code for which automatic work is paused, or null.'),
};

const guards = z
  .record(z.string(), z.boolean())
  .optional()
  .describe('The guards that were asked, in order, and what they said.');

const branch = z
  .string()
  .describe(
    'The guard that is true; `otherwise` where none is, or none is asked; `ignored` where nothing follows.',
  );

/** A step of a plan: what the world does, and what must be seen after it. */
export const stepSchema = z.discriminatedUnion('do', [
  z
    .strictObject({
      do: z.literal('resolve'),
      service: z.string(),
      branch,
      case: z.string().describe('Which of the service’s samples it gives back; see `samples`.'),
      guards,
      ...after,
    })
    .describe('A service that runs comes to its end well.'),
  z
    .strictObject({
      do: z.literal('reject'),
      service: z.string(),
      code: z.string().describe('The error code that it rejects with.'),
      branch,
      guards,
      ...after,
    })
    .describe('A service that runs fails.'),
  z
    .strictObject({
      do: z.literal('send'),
      event: z.string(),
      case: z.string().describe('Which of the event’s samples is sent; see `events`.'),
      branch,
      accepted: z.boolean().describe('False: nothing changes, and nothing is started or stopped.'),
      guards,
      ...after,
    })
    .describe('Somebody outside tells the machine something.'),
  z
    .strictObject({
      do: z.literal('stop'),
      services: z.array(z.string()).describe('The services that run, each of which must see its signal.'),
      ...after,
    })
    .describe('The daemon is stopped in good order.'),
]);

/** What a plan is for. */
export const planKindSchema = z.enum(['done', 'error', 'event', 'ignored', 'stop']);

export const planSchema = z.strictObject({
  id: z.string().regex(/^[A-Za-z0-9_.:+/-]+$/),
  title: z.string().min(1),
  kind: planKindSchema.describe(
    '`done`: a service ends well; `error`: it fails; `event`: an event is taken; `ignored`: an event or an end that changes nothing; `stop`: the daemon is stopped.',
  ),
  transition: z
    .string()
    .nullable()
    .describe('The transition that the last step takes; null where it takes none.'),
  then: z
    .array(z.string())
    .describe('Transitions that follow at once, without an event, within the last step.'),
  from: state,
  to: state,
  steps: z
    .array(stepSchema)
    .min(1)
    .describe('The shortest way to `from`, and then the step that the plan is for.'),
});

/** A transition of the machine. */
export const transitionSchema = z.strictObject({
  id: z.string(),
  from: state,
  event: z.string().describe('`check.done`, `check.error`, `CHECK`, or `always`.'),
  guard: z.string().nullable(),
  to: state.describe('The state itself where it only acts.'),
});

const sampleSchema = z.strictObject({ inject, value: z.json() });

export const planDocumentSchema = z.strictObject({
  schema: z.literal(1),
  machine: z.string(),
  initial: state,
  states: z.array(state),
  transitions: z.array(transitionSchema),
  samples: z
    .record(z.string(), z.record(z.string(), sampleSchema))
    .describe(
      'What each service gives back, by service and by case: the values that the plans were made with.',
    ),
  events: z
    .record(z.string(), z.record(z.string(), sampleSchema))
    .describe('The events from outside, by type and by case.'),
  plans: z.array(planSchema),
});

/** A step of a plan. */
export type PlanStep = z.infer<typeof stepSchema>;
/** What a plan is for. */
export type PlanKind = z.infer<typeof planKindSchema>;
/** A way through the machine to one edge of it. */
export type Plan = z.infer<typeof planSchema>;
/** A transition of the machine, by name. */
export type PlanTransition = z.infer<typeof transitionSchema>;
/** Everything that a machine asks to be tested. */
export type PlanDocument = z.infer<typeof planDocumentSchema>;

/** The JSON Schema (2020-12) of {@link PlanDocument}, as text that ends with a line feed. */
export function planSchemaText(): string {
  const schema = z.toJSONSchema(planDocumentSchema, { reused: 'ref' });
  return `${JSON.stringify({ title: 'Plans of a statechart', ...schema }, null, 2)}\n`;
}
