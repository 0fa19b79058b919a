/**
 * The fleet's records, as JSON in NATS: how an attempt ended, who is there, who may update now; and what an order says once its
 * signature is right.
 *
 * Invariants:
 * - An order is strict: a member that this program does not know might change what it means, so that order is not obeyed.
 * - The others are tolerant: members that a newer daemon adds are passed over, and its words (states, outcomes, codes) are only text.
 *   A member is never removed and never changes its meaning; `schema` would.
 * - Sizes are bounded, so that one host cannot fill what all share.
 */
import { z } from 'zod';

/** The layout of the records that this program writes. */
export const RECORD_SCHEMA = 1;

/** The most characters of a text in a record, and the most lines of evidence. */
export const RECORD_LIMITS = { text: 2_000, line: 1_000, lines: 40, steps: 64 } as const;

/** `typ` of a signed order (RFC 7515 section 4.1.9). */
export const ORDER_TYPE = 'coresdk-order+jwt';

/** The most bytes of a signed order. */
export const ORDER_MAX_BYTES = 16 * 1024;

const text = z.string().max(RECORD_LIMITS.text);
const word = z.string().min(1).max(128);
const digest = z.string().regex(/^[0-9a-f]{64}$/);
/** ms since 1970, by the clock of whoever wrote it. */
const instant = z.number().nonnegative();
const schema = z.literal(RECORD_SCHEMA);

const release = z.object({ version: word, digest });

/** How one attempt ended on one host. Its message id (`Nats-Msg-Id`) is `id`: whoever counts, counts each id once. */
export const outcomeSchema = z.object({
  schema,
  /** Unique in the fleet: `HOST/ATTEMPT`, where ATTEMPT is its id on the host. */
  id: word,
  attempt: word,
  product: word,
  group: word,
  host: word,
  channel: word,
  trigger: word,
  /** `committed`, `rolledBack`, `failed`, `refused`, `deferred`, `error`, `interrupted`; or a word of a newer daemon. */
  outcome: word,
  reason: text,
  error: z.object({ code: word, message: text }).nullable(),
  /** What was seen, line by line, for people. */
  evidence: z.array(z.string().max(RECORD_LIMITS.line)).max(RECORD_LIMITS.lines),
  from: word.nullable(),
  to: word.nullable(),
  /** The release digest that it was about; null where it was not known yet, or is the baseline. */
  digest: digest.nullable(),
  /** The host's place in the queue for that release, from 0 to 1; null where there is none. */
  cohort: z.number().min(0).max(1).nullable(),
  startedAt: instant,
  endedAt: instant,
  steps: z.array(z.object({ state: word, at: instant })).max(RECORD_LIMITS.steps),
  /** The version of the daemon. */
  daemon: word,
});

/** How one attempt ended on one host. */
export type OutcomeRecord = z.infer<typeof outcomeSchema>;

/** Who is there. The time at which it was written is the server's, on the entry. */
export const presenceSchema = z.object({
  schema,
  product: word,
  group: word,
  host: word,
  /** The version of the daemon. */
  daemon: word,
  platform: z.object({ os: word, arch: word, libc: word.optional() }),
  channel: word,
  /** What runs; `digest` is null for the baseline. */
  workload: z.object({ version: word, digest: digest.nullable() }),
  /** The state of the update machine, or `stopped` after an orderly stop of the daemon. */
  state: word,
  /** The release that an update is about to bring; null where none is under way. */
  target: release.nullable(),
  /** Why automatic updates are paused; null where they are not. */
  paused: z.object({ code: word, message: text }).nullable(),
  /** How many outcomes wait on the host to be sent. */
  outbox: z.number().int().nonnegative(),
  /** When this is written next at the latest, ms from the entry's time; a host that is silent for much longer is lost. */
  everyMs: z.number().positive(),
});

/** Who is there. */
export type PresenceRecord = z.infer<typeof presenceSchema>;

/** Who holds a slot of a group. It ends when the bucket's time to live has passed since it was last written, by the server's clock. */
export const leaseSchema = z.object({
  schema,
  host: word,
  attempt: word,
  release: release.nullable(),
  /** ms since 1970 by the holder's clock; for people. */
  since: instant,
});

/** Who holds a slot of a group. */
export type LeaseRecord = z.infer<typeof leaseSchema>;

const unixSeconds = z.number().int().nonnegative().max(253_402_300_799);

/** What an order says: the payload of a compact JWS (ES256) with the type {@link ORDER_TYPE}. */
export const orderSchema = z.strictObject({
  /** Who ordered it, for people: `controller`, `alice@example.com`. */
  iss: word,
  /** The product. */
  aud: z.string().min(1).max(64),
  iat: unixSeconds,
  /** After this a halt holds no more; absent: until it is taken back. */
  exp: unixSeconds.optional(),
  /** Grows strictly from one order for a release to the next; of two, the one with the higher `seq` holds. */
  seq: z.number().int().positive().max(Number.MAX_SAFE_INTEGER),
  action: z.enum(['halt', 'resume']),
  release: z.strictObject({ version: word, digest }),
  reason: z.string().min(1).max(RECORD_LIMITS.text),
  /** What was counted, where a controller ordered it. */
  evidence: z
    .strictObject({
      /** Hosts of the cohort whose outcome for the release is known. */
      hosts: z.number().int().nonnegative(),
      failed: z.number().int().nonnegative(),
      /** The share of failures that may not be passed, from 0 to 1. */
      threshold: z.number().min(0).max(1),
      lines: z.array(z.string().max(RECORD_LIMITS.line)).max(RECORD_LIMITS.lines),
    })
    .optional(),
});

/** What an order says. */
export type OrderPayload = z.infer<typeof orderSchema>;
