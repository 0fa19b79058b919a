/** The status, as a schema. */
import { z } from 'zod';
import type { Status } from '../api.ts';
import { attemptView } from './attempts.ts';
import { shape } from './shape.ts';
import {
  errorMembers,
  errorView,
  progressView,
  quarantineView,
  stateName,
  storedVersionView,
  time,
  versionView,
  waitingView,
  workloadMembers,
} from './views.ts';

const timedError = z.strictObject({ ...errorMembers, at: time });

export const statusSchema = shape<Status>()(
  z.strictObject({
    state: stateName,
    state_since: time.exactOptional().describe('When it entered this state.'),
    attempt: z.string().nullable().describe('Id of the attempt under way.'),
    from: z.string().nullable(),
    to: z.string().nullable(),
    progress: progressView.nullable(),
    channel: z.enum(['stable', 'edge', 'manual']),
    feed_url: z.string().nullable(),
    mirrors: z
      .array(
        z.strictObject({
          url: z.string(),
          failures: z.int().describe('Faults in a row.'),
          put_back_until: time.nullable().describe('Until when others are asked first.'),
          fault: errorView.nullable(),
        }),
      )
      .exactOptional()
      .describe('How each mirror of the feed is doing; absent where there is only the feed.'),
    next_check_at: time.nullable(),
    next_check_why: z.string().describe('How often checks come, or why none does.'),
    next_action: z.string().describe('One sentence: what happens next, or what to do.'),
    last_error: timedError.nullable(),
    fleet: z
      .strictObject({
        group: z.string(),
        host: z.string().describe('The name of this host in the fleet.'),
        link: z
          .strictObject({
            connected: z.boolean(),
            server: z.string().nullable(),
            since: time,
            fault: z.string().nullable().describe('Why there is no connection.'),
          })
          .nullable()
          .describe('The connection to NATS; null where none is configured.'),
        outbox: z.int().min(0).describe('Outcomes that wait to be sent; counted up to 1000.'),
        halts: z.array(z.strictObject({ version: z.string(), by: z.string(), at: time, reason: z.string() })),
      })
      .nullable()
      .describe('This host’s part in a fleet; null where none is configured.'),
    held_back: z
      .strictObject({ version: z.string(), reason: z.string(), until: time.nullable() })
      .nullable()
      .describe('A newer release that is not for this host yet.'),
    waiting: waitingView.nullable().describe('What the update in `waiting` waits for.'),
    window: z
      .strictObject({ open: z.boolean(), opens_at: time.nullable(), closes_at: time.nullable() })
      .nullable()
      .describe('null without windows.'),
    paused: errorView.nullable().describe('Why automatic updates are paused.'),
    disabled: z.string().nullable().describe('Why the updater is switched off on this host.'),
    current: versionView,
    versions: z.array(storedVersionView),
    version_floor: z.strictObject({ version: z.string(), because: z.string() }).nullable(),
    watching: z
      .strictObject({ version: z.string(), back_to: z.string() })
      .nullable()
      .describe('The committed version that is still watched for a crash loop.'),
    quarantine: z.array(quarantineView),
    workload: z.strictObject({
      ...workloadMembers,
      health: z
        .strictObject({ healthy: z.boolean(), detail: z.string() })
        .nullable()
        .describe('One look at its health, made for this status; null unless it runs.'),
    }),
    last_attempt: attemptView.nullable(),
    updater: z.strictObject({
      version: z.string(),
      commit: z.string(),
      key_ids: z.array(z.string()),
      development_keys: z.boolean(),
      from: z.string().nullable().describe('The release that this daemon came with; null: installed.'),
      trial: z
        .strictObject({
          version: z.string(),
          starts: z.int().min(0),
          acknowledged: z.boolean().describe('It said that it is up, and is on probation.'),
        })
        .nullable()
        .describe('A daemon that took over and is not trusted yet.'),
      failed: z
        .strictObject({ ...errorMembers, version: z.string(), at: time })
        .nullable()
        .describe('The daemon that failed last, while it is in quarantine.'),
    }),
    warnings: z.array(timedError),
  }),
);
