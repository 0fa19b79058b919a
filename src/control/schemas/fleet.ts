/** The fleet at a glance, as schemas. */
import { z } from 'zod';
import type {
  FleetGroupView,
  FleetOrderView,
  FleetOutcomeView,
  FleetRolloutView,
  FleetView,
} from '../api.ts';
import { shape } from './shape.ts';
import { time } from './views.ts';

const count = z.int().min(0);

const fleetOrder = shape<FleetOrderView>()(
  z.strictObject({
    action: z.enum(['halt', 'resume']),
    version: z.string(),
    digest: z.string(),
    reason: z.string(),
    by: z.string().describe('Who ordered it, for people.'),
    at: time,
    until: time.nullable().describe('When it ends by itself; null: not.'),
  }),
);

const fleetGroup = shape<FleetGroupView>()(
  z.strictObject({
    group: z.string(),
    committed: count,
    failed: count.describe('Hosts that went back from it.'),
    updating: count,
    pending: count.describe('Hosts that run an older version, and have not tried it.'),
  }),
);

const fleetRollout = shape<FleetRolloutView>()(
  z.strictObject({
    version: z.string(),
    digests: z.array(z.string()),
    halted: fleetOrder.nullable().describe('The order that holds it; null where none does.'),
    groups: z.array(fleetGroup),
  }),
);

const fleetOutcome = shape<FleetOutcomeView>()(
  z.strictObject({
    host: z.string(),
    group: z.string(),
    outcome: z.string(),
    from: z.string().nullable(),
    to: z.string().nullable(),
    code: z.string().nullable().describe('Why, as a code of that host’s daemon; null where all is well.'),
    reason: z.string(),
    at: time,
  }),
);

/** `GET /v1/fleet`. */
export const fleetSchema = shape<FleetView>()(
  z.strictObject({
    at: time,
    product: z.string(),
    hosts: z.strictObject({
      present: count,
      lost: count.describe('Silent for much too long.'),
      stopped: count.describe('Their daemons were stopped in good order.'),
    }),
    running: z.array(z.strictObject({ version: z.string(), group: z.string(), hosts: count })),
    rollouts: z.array(fleetRollout).describe('Newest version first.'),
    outcomes: z.array(fleetOutcome).describe('Newest first, a few.'),
  }),
);
